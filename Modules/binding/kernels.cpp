// The built-in kernels as Python sees them: one class for each, and the table of them at the end.
#include "binding/kernels.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "binding/buffer.hpp"
#include "binding/detached.hpp"
#include "binding/number.hpp"
#include "core/kernels.hpp"
#include "core/strided.hpp"
#include "core/thread.hpp"

namespace binding {
namespace {

// A buffer's elements in one contiguous run of a type that the kernels know: a copy, where they do not lie so.
class Elements : public Buffer {
 public:
  Elements(const char* function, const char* argument, PyObject* object, Access access)
      : Buffer(function, argument, object, access), walk_(view(), core::Order::c) {
    core::with_type(view().dtype, [&](auto zero) {
      using T = decltype(zero);
      dtype_ = core::dtype_of<T>;
      const core::Source source(walk_);
      if (!source.direct<T>()) copy_.resize(view().size * sizeof(T));
      data_ = source.direct<T>() ? view().data : copy_.data();
      if (access == read) source.read(0, view().size, reinterpret_cast<T*>(copy_.data()));
    });
  }
  core::ConstArray elements() const noexcept { return {data_, view().size, dtype_}; }
  core::Array writable_elements() const noexcept { return {data_, view().size, dtype_}; }
  void written() const noexcept {
    core::with_type(view().dtype, [&](auto zero) {
      core::Sink(walk_).commit(0, view().size, reinterpret_cast<const decltype(zero)*>(copy_.data()));
    });
  }

 private:
  core::Walk walk_;
  std::vector<char> copy_;
  void* data_ = nullptr;
  core::DType dtype_ = core::DType::u1;
};

constexpr long long int64_min = std::numeric_limits<std::int64_t>::min();
constexpr long long int64_max = std::numeric_limits<std::int64_t>::max();

// The parameter `threads` that every kernel has: None, or how many.
unsigned threads_from(const Arguments& arguments, std::size_t parameter) {
  PyObject* threads = arguments[parameter];
  if (threads == nullptr || threads == Py_None) return 0;
  return static_cast<unsigned>(
      integer_from(arguments.function(), arguments.name(parameter), threads, 1, core::max_threads));
}

#define THREADS_DOC                                                                                         \
  "threads: at most so many POSIX threads, the calling one included. None: as many as the work is worth,\n" \
  "up to cpu_count(). The result does not depend on it. The GIL is released, except for the smallest\n"     \
  "calls. Ctrl-C ends the call within a few chunks with KeyboardInterrupt."

class Sum final : public Call {
 public:
  static constexpr const char* function = "sum";
  static constexpr const char* names[] = {"a", "threads"};
  static constexpr std::size_t required = 1;
  static constexpr const char* doc =
      "sum(a, threads=None)\n--\n\n"
      "Return the sum of the elements of the buffer a.\n\n"
      "a: any contiguous buffer of f4, f8 or an integer type, of any shape. The result is a float, added up\n"
      "pairwise in double precision, or an exact int. The sum of no elements is 0.\n" THREADS_DOC;

  explicit Sum(const Arguments& arguments) : a_(function, names[0], arguments[0], Buffer::read) {
    threads = threads_from(arguments, 1);
  }
  void run(core::Control& control) override { result_ = core::sum(a_.elements(), control); }
  Ref result() const override { return to_python(result_); }
  std::size_t size() const noexcept override { return a_.elements().size; }
  int traverse(visitproc visit, void* arg) const override { return a_.traverse(visit, arg); }

 private:
  Elements a_;
  core::Number result_;
};

class Dot final : public Call {
 public:
  static constexpr const char* function = "dot";
  static constexpr const char* names[] = {"a", "b", "threads"};
  static constexpr std::size_t required = 2;
  static constexpr const char* doc =
      "dot(a, b, threads=None)\n--\n\n"
      "Return the dot product of the 1-dimensional buffers a and b: the sum of a[i] * b[i].\n\n"
      "a, b: contiguous buffers of the same length and type (f4, f8 or an integer type). The result is a\n"
      "float, added up pairwise in double precision, or an exact int.\n" THREADS_DOC;

  explicit Dot(const Arguments& arguments)
      : a_(function, names[0], arguments[0], Buffer::read), b_(function, names[1], arguments[1], Buffer::read) {
    require_vector(a_, names[0]);
    require_vector(b_, names[1]);
    const core::ConstArray a = a_.elements();
    const core::ConstArray b = b_.elements();
    if (a.dtype != b.dtype) {
      raise(PyExc_ValueError, "dot() argument 'b' must have elements of the type of 'a' (%s), got %s",
            core::name_of(a.dtype), core::name_of(b.dtype));
    }
    if (a.size != b.size) {
      raise(PyExc_ValueError, "dot() argument 'b' must be as long as 'a' (%zu), got %zu", a.size, b.size);
    }
    threads = threads_from(arguments, 2);
  }
  void run(core::Control& control) override { result_ = core::dot(a_.elements(), b_.elements(), control); }
  Ref result() const override { return to_python(result_); }
  std::size_t size() const noexcept override { return a_.elements().size; }
  int traverse(visitproc visit, void* arg) const override {
    const int stop = a_.traverse(visit, arg);
    return stop != 0 ? stop : b_.traverse(visit, arg);
  }

 private:
  static void require_vector(const Buffer& buffer, const char* name) {
    if (buffer.view().ndim != 1) {
      raise(PyExc_ValueError, "dot() argument '%s' must have 1 dimension, got %d", name, buffer.view().ndim);
    }
  }

  Elements a_;
  Elements b_;
  core::Number result_;
};

class Square final : public Call {
 public:
  static constexpr const char* function = "square";
  static constexpr const char* names[] = {"x", "out", "threads"};
  static constexpr std::size_t required = 1;
  static constexpr const char* doc =
      "square(x, out=None, threads=None)\n--\n\n"
      "Return x * x for a number; square a buffer element by element into out, and return out.\n\n"
      "x: a number, or a contiguous buffer of f4, f8 or an integer type. out: a writable buffer of the same\n"
      "type and shape, for a buffer only; out=x squares in place, any other overlap is a ValueError. An\n"
      "integer whose square does not fit its type is an OverflowError, and then nothing has been written.\n"
      "A call in place that Ctrl-C ends has squared some of the elements.\n" THREADS_DOC;

  explicit Square(const Arguments& arguments) {
    PyObject* x = arguments[0];
    PyObject* out = arguments[1] == Py_None ? nullptr : arguments[1];
    threads = threads_from(arguments, 2);
    if (is_number(x)) {
      if (out != nullptr) raise(PyExc_TypeError, "square() argument 'out' is for a buffer, but 'x' is a number");
      result_ = own(PyNumber_Multiply(x, x));
      return;
    }
    x_.emplace(function, names[0], x, Buffer::read);
    if (out == nullptr) {
      // A 0-dimensional buffer without out is a number of NumPy's.
      if (x_->view().ndim != 0) {
        raise(PyExc_TypeError, "square() missing argument 'out' for a buffer: out=x squares in place");
      }
      result_ = own(PyNumber_Multiply(x, x));
      x_.reset();
      return;
    }
    out_.emplace(function, names[1], out, Buffer::write);
    require_fit();
    result_ = Ref::copy(out);
  }
  void run(core::Control& control) override {
    if (!x_) return;
    core::square(x_->elements(), out_->writable_elements(), control);
    out_->written();
  }
  Ref result() const override { return Ref::copy(result_.get()); }
  std::size_t size() const noexcept override { return x_ ? x_->elements().size : 0; }
  int traverse(visitproc visit, void* arg) const override {
    int stop = result_.traverse(visit, arg);
    if (stop == 0 && x_) stop = x_->traverse(visit, arg);
    if (stop == 0 && out_) stop = out_->traverse(visit, arg);
    return stop;
  }

 private:
  static bool is_number(PyObject* x) {
    if (PyFloat_Check(x) || PyLong_Check(x) || PyComplex_Check(x)) return true;
    if (PyObject_CheckBuffer(x)) return false;
    if (PyNumber_Check(x)) return true;
    raise(PyExc_TypeError, "square() argument 'x' must be a number or an object with the buffer protocol, not %s",
          Py_TYPE(x)->tp_name);
  }

  void require_fit() const {
    const core::View& x = x_->view();
    const core::View& out = out_->view();
    if (x.dtype != out.dtype) {
      raise(PyExc_ValueError, "square() argument 'out' must have elements of the type of 'x' (%s), got %s",
            core::name_of(x.dtype), core::name_of(out.dtype));
    }
    if (x.ndim != out.ndim || !std::equal(x.shape, x.shape + x.ndim, out.shape)) {
      raise(PyExc_ValueError, "square() argument 'out' must have the shape of 'x', %s, got %s", shape_of(x).c_str(),
            shape_of(out).c_str());
    }
    if (core::overlaps_itself(out)) {
      raise(PyExc_ValueError, "square() argument 'out' must not have elements that share memory");
    }
    if (!core::same_memory(x, out) && core::overlap(x, out)) {
      raise(PyExc_ValueError,
            "square() argument 'out' must be the memory of 'x' or apart from it, not overlap in part");
    }
  }

  std::optional<Elements> x_;
  std::optional<Elements> out_;
  Ref result_;
};

class SumOfSquares final : public Call {
 public:
  static constexpr const char* function = "sum_of_squares";
  static constexpr const char* names[] = {"n", "threads"};
  static constexpr std::size_t required = 1;
  static constexpr const char* doc =
      "sum_of_squares(n, threads=None)\n--\n\n"
      "Return 0*0 + 1*1 + ... + (n-1)*(n-1) as an exact int, added up term by term.\n\n"
      "n: an int from 0 to 2**63 - 1.\n" THREADS_DOC;

  explicit SumOfSquares(const Arguments& arguments)
      : n_(static_cast<std::uint64_t>(integer_from(function, names[0], arguments[0], 0, int64_max))) {
    threads = threads_from(arguments, 1);
  }
  void run(core::Control& control) override { result_ = core::sum_of_squares(n_, control); }
  Ref result() const override { return to_python(result_); }
  std::size_t size() const noexcept override { return n_; }

 private:
  std::uint64_t n_;
  core::Wide result_;
};

class Pi final : public Call {
 public:
  static constexpr const char* function = "pi";
  static constexpr const char* names[] = {"n", "threads"};
  static constexpr std::size_t required = 1;
  static constexpr const char* doc =
      "pi(n, threads=None)\n--\n\n"
      "Return pi by the midpoint rule: the integral of 4 / (1 + x*x) from 0 to 1, in n intervals.\n\n"
      "n: an int from 1 to 2**63 - 1. The method's error is about 1 / (12 n*n).\n" THREADS_DOC;

  explicit Pi(const Arguments& arguments)
      : n_(static_cast<std::uint64_t>(integer_from(function, names[0], arguments[0], 1, int64_max))) {
    threads = threads_from(arguments, 1);
  }
  void run(core::Control& control) override { result_ = core::pi(n_, control); }
  Ref result() const override { return own(PyFloat_FromDouble(result_)); }
  std::size_t size() const noexcept override { return n_; }

 private:
  std::uint64_t n_;
  double result_ = 0;
};

class DoMath final : public Call {
 public:
  static constexpr const char* function = "do_math";
  static constexpr const char* names[] = {"start", "num", "threads"};
  static constexpr std::size_t required = 0;
  static constexpr const char* doc =
      "do_math(start=0, num=10, threads=None)\n--\n\n"
      "Return the sum of sqrt((p - 10**6)**2), the distance from p to a million, for p = start+1, ..., num.\n\n"
      "start, num: ints of 64 bits; no p between them gives 0.0.\n" THREADS_DOC;

  explicit DoMath(const Arguments& arguments)
      : start_(arguments[0] == nullptr ? 0 : integer_from(function, names[0], arguments[0], int64_min, int64_max)),
        num_(arguments[1] == nullptr ? 10 : integer_from(function, names[1], arguments[1], int64_min, int64_max)) {
    threads = threads_from(arguments, 2);
  }
  void run(core::Control& control) override { result_ = core::do_math(start_, num_, control); }
  Ref result() const override { return own(PyFloat_FromDouble(result_)); }
  std::size_t size() const noexcept override {
    return start_ < num_ ? static_cast<std::size_t>(num_) - static_cast<std::size_t>(start_) : 0;
  }

 private:
  std::int64_t start_;
  std::int64_t num_;
  double result_ = 0;
};

// The kernel is called here and now.
template <class C>
Ref call_now(const Arguments& arguments) {
  C call(arguments);
  core::Control control;
  control.threads = call.threads;
  if (call.size() <= core::chunk_size) {
    // To take the GIL back from a busy thread costs a switch interval, 5 ms. Less than 50 microseconds of work are
    // not worth that.
    call.run(control);
  } else {
    detached_with_signals(control, [&] { call.run(control); });
  }
  return call.result();
}

template <class C>
constexpr KernelDef define() {
  static_assert(std::size(C::names) <= Arguments::max_parameters);
  return {{C::function, C::names, C::required},
          C::doc,
          call_now<C>,
          [](const Arguments& arguments) -> std::shared_ptr<Call> { return std::make_shared<C>(arguments); }};
}

constexpr KernelDef table[] = {
    define<Sum>(), define<Square>(), define<Dot>(), define<SumOfSquares>(), define<Pi>(), define<DoMath>(),
};

}  // namespace

std::span<const KernelDef> builtin_kernels() noexcept { return table; }

}  // namespace binding
