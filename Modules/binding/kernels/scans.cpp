// Running sums, and counts of values.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "binding/array_object.hpp"
#include "binding/buffer.hpp"
#include "binding/kernels/table.hpp"
#include "binding/number.hpp"
#include "binding/state.hpp"
#include "core/kernels.hpp"
#include "core/promotion.hpp"
#include "core/strided.hpp"

namespace binding {
namespace {

using core::DType;

const State& state_of_kernel(const Arguments& arguments) { return *state_slot(module_of(Py_TYPE(arguments.callee()))); }

Ref new_vector(const State& state, DType dtype, std::size_t size) {
  const auto length = static_cast<Py_ssize_t>(size);
  return new_array(state, dtype, 1, &length);
}

class CumulativeSum final : public Call {
 public:
  CumulativeSum(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments), a_(arguments.function(), arguments.name(0), arguments[0], Buffer::read) {
    const DType type = a_.view().dtype;
    const DType dtype = core::is_floating(type) ? type : core::is_unsigned_integer(type) ? DType::u8 : DType::i8;
    PyObject* out = arguments[1];
    if (out == nullptr || out == Py_None) {
      result_ = new_vector(state_of_kernel(arguments), dtype, a_.view().size);
      out_ = view_of(result_.get());
      return;
    }
    out_buffer_.emplace(arguments.function(), arguments.name(1), out, Buffer::write);
    out_ = out_buffer_->view();
    if (out_.dtype != dtype) {
      raise(PyExc_ValueError, "cumsum() argument 'out' must have elements of type %s, got %s", core::name_of(dtype),
            core::name_of(out_.dtype));
    }
    if (out_.ndim != 1 || out_.size != a_.view().size) {
      raise(PyExc_ValueError, "cumsum() argument 'out' must have shape (%zu,), got %s", a_.view().size,
            shape_of(out_).c_str());
    }
    if (core::overlaps_itself(out_)) {
      raise(PyExc_ValueError, "cumsum() argument 'out' must have memory of its own for each element");
    }
    if (!core::same_memory(a_.view(), out_) && core::overlap(a_.view(), out_)) {
      raise(PyExc_ValueError,
            "cumsum() argument 'out' must be the memory of 'a' or apart from it, not overlap in part");
    }
    result_ = Ref::copy(out);
  }
  void run(core::Control& control) override { core::cumsum(a_.view(), out_, control); }
  Ref result() const override { return Ref::copy(result_.get()); }
  double cost() const noexcept override { return core::cost_of_cumsum * static_cast<double>(out_.size); }
  int traverse(visitproc visit, void* arg) const override {
    int stop = Call::traverse(visit, arg);
    if (stop == 0) stop = a_.traverse(visit, arg);
    if (stop == 0 && out_buffer_) stop = out_buffer_->traverse(visit, arg);
    return stop != 0 ? stop : result_.traverse(visit, arg);
  }

 private:
  Buffer a_;
  std::optional<Buffer> out_buffer_;
  core::View out_;
  Ref result_;
};

class BinCount final : public Call {
 public:
  BinCount(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments),
        x_(arguments.function(), arguments.name(0), arguments[0], Buffer::read),
        state_(state_of_kernel(arguments)) {
    const core::View& x = x_.view();
    if (x.ndim != 1) raise(PyExc_ValueError, "bincount() argument 'x' must have 1 dimension, got %d", x.ndim);
    if (core::is_floating(x.dtype)) {
      raise(PyExc_TypeError, "bincount() argument 'x' must have integer elements, got %s", core::name_of(x.dtype));
    }
    if (arguments[1] != nullptr) {
      minimum_length_ = static_cast<std::size_t>(
          integer_from("bincount", "minlength", arguments[1], 0, std::numeric_limits<Py_ssize_t>::max()));
    }
  }

  void run(core::Control& control) override {
    const core::View& x = x_.view();
    std::size_t length = minimum_length_;
    const bool bytes = core::loop_type(x.dtype) == DType::u1;
    if (!bytes && x.size > 0) {
      const core::Control::Silence silence(control);
      const auto least = std::get<core::Wide>(core::minimum(x, control));
      if (least.high < 0) {
        throw std::invalid_argument("bincount() argument 'x' must have no negative elements, got " +
                                    std::to_string(static_cast<std::int64_t>(least.low)));
      }
      const auto greatest = std::get<core::Wide>(core::maximum(x, control)).low;
      if (greatest >= max_length) throw core::OutOfMemory(core::OutOfMemory::largest);
      length = std::max(length, static_cast<std::size_t>(greatest) + 1);
    }
    if (length > max_length) throw core::OutOfMemory(core::OutOfMemory::largest);
    length_ = bytes ? std::max<std::size_t>(length, 256) : length;  // of so few values, all may be counted at once
    memory_ = core::Storage(length_ * sizeof(std::int64_t));
    const std::span counts(reinterpret_cast<std::int64_t*>(memory_.data()), length_);
    core::bincount(x, counts, control);
    while (length_ > length && counts[length_ - 1] == 0) --length_;
  }
  Ref result() const override { return new_vector(state_, DType::i8, length_, memory_); }
  // How large the table will be, is not known yet: a table of 10^9 counts takes seconds.
  double cost() const noexcept override { return worth_detaching + static_cast<double>(x_.view().size); }
  int traverse(visitproc visit, void* arg) const override {
    const int stop = Call::traverse(visit, arg);
    return stop != 0 ? stop : x_.traverse(visit, arg);
  }

 private:
  static constexpr std::size_t max_length = std::numeric_limits<Py_ssize_t>::max() / sizeof(std::int64_t);

  Buffer x_;
  const State& state_;
  std::size_t minimum_length_ = 0;
  std::size_t length_ = 0;
  core::Storage memory_;
};

class Histogram final : public Call {
 public:
  Histogram(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments),
        a_(arguments.function(), arguments.name(0), arguments[0], Buffer::read),
        state_(state_of_kernel(arguments)),
        edge_type_(core::is_floating(a_.view().dtype) ? a_.view().dtype : DType::f8) {
    read_range(arguments[2]);
    PyObject* bins = arguments[1];
    if (bins == nullptr || PySequence_Check(bins) == 0) {  // a NumPy array has an __index__, but is a sequence too
      bins_ = bins == nullptr ? 10
                              : static_cast<std::size_t>(integer_from("histogram", "bins", bins, 1,
                                                                      std::numeric_limits<std::int32_t>::max()));
    } else {
      read_edges(bins);
    }
  }

  void run(core::Control& control) override {
    if (edges_.empty()) set_edges(control);
    counts_ = core::Storage(bins_ * sizeof(std::int64_t));
    core::histogram(a_.view(), edges_, uniform_, {reinterpret_cast<std::int64_t*>(counts_.data()), bins_}, control);
    narrow_edges(control);
  }
  Ref result() const override {
    const Ref counts = new_vector(state_, DType::i8, bins_, counts_);
    const Ref edges = new_vector(state_, edge_type_, bins_ + 1, edge_memory_);
    return own(PyTuple_Pack(2, counts.get(), edges.get()));
  }
  double cost() const noexcept override {
    return 2 * static_cast<double>(a_.view().size) + 10 * static_cast<double>(bins_);
  }
  int traverse(visitproc visit, void* arg) const override {
    const int stop = Call::traverse(visit, arg);
    return stop != 0 ? stop : a_.traverse(visit, arg);
  }

 private:
  void read_range(PyObject* range) {
    if (range == nullptr || range == Py_None) return;
    if (PySequence_Check(range) == 0 || PySequence_Size(range) != 2) {
      PyErr_Clear();
      raise(PyExc_TypeError, "histogram() argument 'range' must be a pair of numbers, got %R", range);
    }
    low_ = double_from("histogram", "range", own(PySequence_GetItem(range, 0)).get());
    high_ = double_from("histogram", "range", own(PySequence_GetItem(range, 1)).get());
    if (!std::isfinite(low_) || !std::isfinite(high_) || low_ > high_) {
      raise(PyExc_ValueError, "histogram() argument 'range' must be two finite numbers in order, got %R", range);
    }
    ranged_ = true;
  }

  void read_edges(PyObject* bins) {
    edge_type_ = DType::f8;
    uniform_ = false;
    if (PyObject_CheckBuffer(bins) != 0) {
      const Buffer buffer("histogram", "bins", bins, Buffer::read);
      const core::View& view = buffer.view();
      if (view.ndim != 1) {
        raise(PyExc_ValueError, "histogram() argument 'bins' must be an int or edges in 1 dimension, got shape %s",
              shape_of(view).c_str());
      }
      make_room(view.size);
      const core::Walk walk(view, core::Order::c);
      core::gather(walk[0], 0, view.size, DType::f8, edges_.data());
    } else {
      const Ref edges = own(PySequence_Tuple(bins));
      make_room(static_cast<std::size_t>(PyTuple_GET_SIZE(edges.get())));
      for (std::size_t i = 0; i < edges_.size(); ++i) {
        edges_[i] = double_from("histogram", "bins", PyTuple_GET_ITEM(edges.get(), static_cast<Py_ssize_t>(i)));
      }
    }
    for (std::size_t i = 0; i + 1 < edges_.size(); ++i) {
      if (!(edges_[i] <= edges_[i + 1])) {
        raise(PyExc_ValueError, "histogram() argument 'bins' must not decrease, but does at index %zu", i + 1);
      }
    }
  }

  void set_edges(core::Control& control) {
    if (!ranged_) {
      low_ = 0;
      high_ = 1;
      if (a_.view().size > 0) {
        const core::Control::Silence silence(control);
        low_ = core::to_double(core::minimum(a_.view(), control));
        high_ = core::to_double(core::maximum(a_.view(), control));
        if (!std::isfinite(low_) || !std::isfinite(high_)) {
          throw std::invalid_argument("histogram() argument 'a' must be finite, or 'range' given");
        }
      }
    }
    // As numpy.linspace, i * step and the last one exactly: computed in doubles, or in the array's own type if the ends
    // are of that, and f2 by way of f4.
    const bool in_doubles = ranged_ || a_.view().size == 0 || edge_type_ == DType::f8;
    const auto rounded = [&](double x) {
      return core::rounded_to(edge_type_, in_doubles ? x : double{static_cast<float>(x)});
    };
    const auto computed = [&](double x) { return in_doubles ? x : rounded(x); };
    if (low_ == high_) {
      low_ = computed(low_ - 0.5);
      high_ = computed(high_ + 0.5);
    }
    make_room(bins_ + 1);
    const double step = computed(computed(high_ - low_) / computed(static_cast<double>(bins_)));
    const auto edge = [&](std::size_t i) {
      return i == bins_ ? rounded(high_) : rounded(computed(computed(static_cast<double>(i)) * step) + low_);
    };
    std::atomic<bool> rises{true};
    auto body = [&](const core::Chunk& chunk) {
      for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
        edges_[i] = edge(i);
        if (i < bins_ && !(edges_[i] < edge(i + 1))) rises.store(false, std::memory_order_relaxed);
      }
    };
    const core::Control::Silence silence(control);
    core::parallel_for(control, {.count = bins_ + 1, .grain = piece, .cost = 4}, body);
    if (!rises.load(std::memory_order_relaxed)) {
      char text[160];
      std::snprintf(text, sizeof text,
                    "histogram() argument 'bins' must be so few that they fit between %g and %g, each of a finite "
                    "width, got %zu",
                    low_, high_, bins_);
      throw std::invalid_argument(text);
    }
  }

  // The edges as they are returned.
  void narrow_edges(core::Control& control) {
    if (edge_type_ == DType::f8) return;
    const auto size = static_cast<std::ptrdiff_t>(edges_.size());
    const auto width = static_cast<std::ptrdiff_t>(core::size_of(edge_type_));
    core::Storage narrow(static_cast<std::size_t>(size * width));
    const core::View view{.data = narrow.data(),
                          .size = edges_.size(),
                          .dtype = edge_type_,
                          .contiguous = true,
                          .ndim = 1,
                          .shape = &size,
                          .strides = &width};
    const core::Walk walk(view, core::Order::c);
    auto body = [&](const core::Chunk& chunk) {
      float room[piece];
      for (std::size_t i = chunk.begin; i < chunk.end; i += piece) {
        const std::size_t n = std::min(piece, chunk.end - i);
        std::copy_n(edges_.data() + i, n, room);
        core::scatter(room, walk[0], i, n);
      }
    };
    const core::Control::Silence silence(control);
    core::parallel_for(control, {.count = edges_.size(), .grain = piece, .cost = 1}, body);
    edge_memory_ = std::move(narrow);
  }

  void make_room(std::size_t edges) {
    if (edges < 2) {
      raise(PyExc_ValueError, "histogram() argument 'bins' must be an int or at least two edges, got %zu", edges);
    }
    bins_ = edges - 1;
    edge_memory_ = core::Storage(edges * sizeof(double));
    edges_ = {reinterpret_cast<double*>(edge_memory_.data()), edges};
  }

  static constexpr std::size_t piece = 1024;

  Buffer a_;
  const State& state_;
  DType edge_type_;
  bool ranged_ = false;
  bool uniform_ = true;
  double low_ = 0;
  double high_ = 1;
  std::size_t bins_ = 10;
  core::Storage edge_memory_;
  std::span<double> edges_;  // there, until they are narrowed
  core::Storage counts_;
};

constexpr const char* cumsum_names[] = {"a", "out", "threads", "progress"};
constexpr const char* bincount_names[] = {"x", "minlength", "threads", "progress"};
constexpr const char* histogram_names[] = {"a", "bins", "range", "threads", "progress"};

constexpr KernelDef table[] = {
    {{"cumsum", cumsum_names, 1},
     2,
     "cumsum(a, out=None, threads=None, progress=None)\n--\n\n"
     "Return the running sums of the elements of the buffer a, in row-major order, in one dimension.\n\n"
     "a: any buffer of bools, integers or floats. Floats are added up in double precision, and the result has\n"
     "their type; that of integers is i8 or u8, and OverflowError if a sum does not fit, before anything is\n"
     "written. out: a writable buffer of that type, the memory of a or apart from it. None: a new Array.\n" THREADS_DOC,
     0,
     call_now<CumulativeSum>,
     prepare<CumulativeSum>},
    {{"bincount", bincount_names, 1},
     2,
     "bincount(x, minlength=0, threads=None, progress=None)\n--\n\n"
     "Return how often each of 0, 1, 2, ... is in x, as an Array of i8.\n\n"
     "x: a 1-dimensional buffer of bools or integers; ValueError if one is negative. The result has one count\n"
     "more than the greatest of them, but at least minlength.\n" THREADS_DOC,
     0,
     call_now<BinCount>,
     prepare<BinCount>},
    {{"histogram", histogram_names, 1},
     3,
     "histogram(a, bins=10, range=None, threads=None, progress=None)\n--\n\n"
     "Return (counts, edges), two Arrays: how many elements of a are in each bin, and where the bins end.\n\n"
     "bins: so many of equal width, from the least element to the greatest or over range=(low, high); or a\n"
     "1-dimensional buffer of edges that do not decrease. Bin i is edges[i] <= x < edges[i+1]; the last one\n"
     "includes its upper edge. ValueError if an element is not finite and there is no range.\n" THREADS_DOC,
     0,
     call_now<Histogram>,
     prepare<Histogram>},
};

}  // namespace

std::span<const KernelDef> scans() noexcept { return table; }

}  // namespace binding
