// The elements of an array as a loop wants them: contiguous, aligned, native, of its type. Where they lie so, they are
// read in place, else copied into a room of the caller's, piece by piece.
#pragma once

#include <cstddef>
#include <optional>

#include "core/strided.hpp"

namespace core {

class Input {
 public:
  // `view` outlives this. `loop`: a type that NumPy promotes the array's to.
  Input(const View& view, DType loop, Order order) noexcept
      : data_(view.contiguous && view.dtype == loop ? view.data : nullptr) {
    if (data_ != nullptr) return;
    walk_.emplace(view, order);
    const Layout& layout = (*walk_)[0];
    if (layout.contiguous && layout.dtype == loop) data_ = layout.data;
  }

  // T: the loop's type.
  template <class T>
  [[gnu::always_inline]] const T* read(std::size_t begin, std::size_t count, T* room) const noexcept {
    if (data_ != nullptr) return static_cast<const T*>(data_) + begin;
    gather((*walk_)[0], begin, count, dtype_of<T>, room);
    return room;
  }

 private:
  const void* data_;
  std::optional<Walk> walk_;
};

}  // namespace core
