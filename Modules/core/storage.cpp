#include "core/storage.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

#include "core/platform.hpp"

namespace core {
namespace {

constexpr std::size_t MiB = std::size_t{1} << 20;

// From here on glibc's malloc maps memory for each call and gives it back in free(): each result would be written into
// pages that fault. So blocks of this size are mapped here, and the last one that was freed is kept for the next,
// unless it is huge. The system may take its pages whenever it is short of memory.
constexpr std::size_t large = 32 * MiB;
constexpr std::size_t huge = 256 * MiB;

// Below, but worth fewer page faults when malloc has new memory.
constexpr std::size_t several_pages = 4 * MiB;

// No system has larger ones, but for huge pages.
constexpr std::size_t page = 64 << 10;

constexpr std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

std::atomic<Storage::Block*> Storage::spare_{nullptr};

Storage::Storage(std::size_t bytes) {
  if (bytes >= OutOfMemory::largest) throw OutOfMemory(bytes);
  block_ = bytes < large ? from_malloc(bytes) : from_spare(bytes);
  if (block_ == nullptr) block_ = map(bytes);
}

// Not std::aligned_alloc, which does not know malloc's shortest way for small blocks.
Storage::Block* Storage::from_malloc(std::size_t bytes) {
  void* const memory = std::malloc(round_up(bytes, alignment) + alignment + sizeof(Block));
  if (memory == nullptr) throw OutOfMemory(bytes);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  auto* const data = static_cast<std::byte*>(memory) + (round_up(begin, alignment) - begin);
  if (bytes >= several_pages) platform::prefer_huge_pages(data, bytes);
  return new (data + round_up(bytes, alignment)) Block{data, memory, 0};
}

// NULL if there is none that fits. Then it is gone: what comes next is rather of the new size.
Storage::Block* Storage::from_spare(std::size_t bytes) noexcept {
  Block* const block = spare_.exchange(nullptr);
  if (block == nullptr) return nullptr;
  if (block->mapped < bytes || block->mapped / 2 > bytes) {
    unmap(block);
    return nullptr;
  }
  block->owners.store(1, std::memory_order_relaxed);
  return block;
}

Storage::Block* Storage::map(std::size_t bytes) {
  const std::size_t mapped = round_up(bytes, page);
  auto* const data = static_cast<std::byte*>(platform::map_memory(mapped + page));
  if (data == nullptr) throw OutOfMemory(bytes);
  platform::prefer_huge_pages(data, mapped);
  return new (data + mapped) Block{data, nullptr, mapped};
}

void Storage::unmap(Block* block) noexcept { platform::unmap_memory(block->data, block->mapped + page); }

void Storage::free(Block* block) noexcept {
  if (block->mapped == 0) {
    std::free(block->memory);
  } else if (block->mapped > huge) {
    unmap(block);
  } else {
    platform::offer_pages(block->data, block->mapped);
    if (Block* const before = spare_.exchange(block)) unmap(before);
  }
}

}  // namespace core
