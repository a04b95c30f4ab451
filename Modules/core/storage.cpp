#include "core/storage.hpp"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>

#include "core/platform.hpp"

namespace core {
namespace {

constexpr std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

// Not std::aligned_alloc, which takes twice as long as malloc for what malloc has at hand. The block's own fields stand
// behind the elements: an output that begins a little behind its input on their pages makes the loads of the one wait
// for the stores to the other.
Storage::Storage(std::size_t bytes) {
  constexpr std::size_t extra = 2 * alignment + sizeof(Block);
  if (bytes > std::numeric_limits<std::size_t>::max() - extra) throw std::bad_alloc();
  void* const memory = std::malloc(bytes + extra);
  if (memory == nullptr) throw std::bad_alloc();
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  auto* const data = static_cast<std::byte*>(memory) + (round_up(begin, alignment) - begin);
  block_ = new (data + round_up(bytes, alignment)) Block{data, bytes, memory};
  platform::prefer_huge_pages(data, bytes);
}

void Storage::free(Block* block) noexcept {
  void* const memory = block->memory;
  block->~Block();
  std::free(memory);
}

}  // namespace core
