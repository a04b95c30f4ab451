// The memory of an Array: shared by all who look at it, gone with the last of them. There is no Python in it, so that
// the last one may let go in any thread, attached or not, even after the interpreter is gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>

namespace core {

// There is no memory for an array of so many bytes.
class OutOfMemory : public std::bad_alloc {
 public:
  static constexpr std::size_t largest = std::numeric_limits<std::ptrdiff_t>::max();  // and more, if it says this
  explicit OutOfMemory(std::size_t bytes) noexcept : bytes_(bytes < largest ? bytes : largest) {}
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_;
};

class Storage {
 public:
  // As wide as a cache line and the widest vector register.
  static constexpr std::size_t alignment = 64;

  Storage() = default;
  // So many bytes, not initialised. Throws OutOfMemory.
  explicit Storage(std::size_t bytes);
  Storage(const Storage& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  Storage(Storage&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Storage& operator=(Storage other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Storage() {
    if (block_ != nullptr && block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) free(block_);
  }

  std::byte* data() const noexcept { return block_->data; }

 private:
  // It stands behind its elements, so that those of a large one begin on a page.
  struct Block {
    std::byte* data;
    void* memory;        // what malloc said
    std::size_t mapped;  // or, if not 0, so many bytes of pages before this
    std::atomic<std::size_t> owners{1};
  };

  static Block* from_malloc(std::size_t bytes);
  static Block* from_spare(std::size_t bytes) noexcept;
  static Block* map(std::size_t bytes);
  static void unmap(Block* block) noexcept;
  static void free(Block* block) noexcept;

  // Of the process, as malloc's memory is: it may outlive the interpreter that has asked for it.
  static std::atomic<Block*> spare_;

  Block* block_ = nullptr;
};

}  // namespace core
