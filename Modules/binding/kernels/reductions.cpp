// Many elements, one number.
#include <string>

#include "binding/buffer.hpp"
#include "binding/kernels/table.hpp"
#include "binding/number.hpp"
#include "core/kernels.hpp"
#include "core/promotion.hpp"

namespace binding {
namespace {

enum Reduction : unsigned { sum, mean, least, greatest, argmin, argmax, norm, count_nonzero };

// Of all elements, in nanoseconds.
double cost_of_all(const core::View& a) noexcept { return core::cost_of_reading(a) * static_cast<double>(a.size); }

class Reduce final : public Call {
 public:
  Reduce(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments),
        which_(static_cast<Reduction>(def.operation)),
        a_(arguments.function(), arguments.name(0), arguments[0], Buffer::read),
        exact_(which_ <= mean && core::is_floating(a_.view().dtype) && is_true(arguments[2], false)) {
    if (a_.view().size == 0 && which_ >= least && which_ <= argmax) {
      raise(PyExc_ValueError, "%s() argument 'a' must have at least one element, got shape %s", arguments.function(),
            shape_of(a_.view()).c_str());
    }
  }

  void run(core::Control& control) override {
    const core::View& a = a_.view();
    switch (which_) {
      case sum:
      case mean: number_ = exact_ ? core::Number(core::exact_sum(a, control)) : core::sum(a, control); break;
      case least: number_ = core::minimum(a, control); break;
      case greatest: number_ = core::maximum(a, control); break;
      case argmin: number_ = whole(core::argmin(a, control)); break;
      case argmax: number_ = whole(core::argmax(a, control)); break;
      case norm: number_ = core::norm(a, control); break;
      case count_nonzero: number_ = whole(core::count_nonzero(a, control)); break;
    }
  }

  Ref result() const override {
    if (which_ == mean) return mean_of(number_, a_.view().size);
    Ref number = to_python(number_);
    const bool truth = a_.view().dtype == core::DType::b1 && (which_ == least || which_ == greatest);
    return truth ? own(PyBool_FromLong(PyObject_IsTrue(number.get()))) : std::move(number);
  }

  double cost() const noexcept override { return (exact_ ? 40 : 1) * cost_of_all(a_.view()); }
  int traverse(visitproc visit, void* arg) const override {
    const int stop = Call::traverse(visit, arg);
    return stop != 0 ? stop : a_.traverse(visit, arg);
  }

 private:
  static core::Number whole(std::size_t number) { return core::Wide(core::Int128{number}); }

  static Ref mean_of(const core::Number& sum, std::size_t size) {
    if (size == 0) return own(PyFloat_FromDouble(Py_NAN));
    if (const double* total = std::get_if<double>(&sum)) {
      return own(PyFloat_FromDouble(*total / static_cast<double>(size)));
    }
    // Of ints, rounded once.
    return own(PyNumber_TrueDivide(to_python(sum).get(), own(PyLong_FromSize_t(size)).get()));
  }

  Reduction which_;
  Buffer a_;
  bool exact_;
  core::Number number_;
};

class Variance final : public Call {
 public:
  Variance(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments), a_(arguments.function(), arguments.name(0), arguments[0], Buffer::read) {
    if (arguments[1] != nullptr) ddof_ = double_from(arguments.function(), arguments.name(1), arguments[1]);
  }
  void run(core::Control& control) override { var_ = core::var(a_.view(), ddof_, control); }
  Ref result() const override { return own(PyFloat_FromDouble(var_)); }
  double cost() const noexcept override { return cost_of_all(a_.view()); }
  int traverse(visitproc visit, void* arg) const override {
    const int stop = Call::traverse(visit, arg);
    return stop != 0 ? stop : a_.traverse(visit, arg);
  }

 private:
  Buffer a_;
  double ddof_ = 0;
  double var_ = 0;
};

class Dot final : public Call {
 public:
  Dot(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments),
        a_(arguments.function(), arguments.name(0), arguments[0], Buffer::read),
        b_(arguments.function(), arguments.name(1), arguments[1], Buffer::read),
        loop_(core::loop_type(core::promote(a_.view().dtype, b_.view().dtype))),
        exact_(core::is_floating(loop_) && is_true(arguments[3], false)) {
    require_vector(a_.view(), arguments.name(0));
    require_vector(b_.view(), arguments.name(1));
    if (a_.view().size != b_.view().size) {
      raise(PyExc_ValueError, "dot() argument 'b' must be as long as 'a' (%zu), got %zu", a_.view().size,
            b_.view().size);
    }
  }
  void run(core::Control& control) override {
    number_ = exact_ ? core::Number(core::exact_dot(a_.view(), b_.view(), loop_, control))
                     : core::dot(a_.view(), b_.view(), loop_, control);
  }
  Ref result() const override { return to_python(number_); }
  double cost() const noexcept override { return (exact_ ? 80 : 2) * cost_of_all(a_.view()); }
  int traverse(visitproc visit, void* arg) const override {
    int stop = Call::traverse(visit, arg);
    if (stop == 0) stop = a_.traverse(visit, arg);
    return stop != 0 ? stop : b_.traverse(visit, arg);
  }

 private:
  static void require_vector(const core::View& view, const char* name) {
    if (view.ndim != 1) raise(PyExc_ValueError, "dot() argument '%s' must have 1 dimension, got %d", name, view.ndim);
  }

  Buffer a_;
  Buffer b_;
  core::DType loop_;
  bool exact_;
  core::Number number_;
};

constexpr const char* a_names[] = {"a", "threads", "progress"};
constexpr const char* a_exact_names[] = {"a", "threads", "exact", "progress"};
constexpr const char* dot_names[] = {"a", "b", "threads", "exact", "progress"};
constexpr const char* var_names[] = {"a", "ddof", "threads", "progress"};

#define A_DOC "a: any buffer of bools, integers or floats, of any shape, strides and byte order.\n"
#define SIGNATURE(name) name "(a, threads=None, progress=None)\n--\n\n"

constexpr KernelDef reduction(const char* name, Reduction which, const char* doc) {
  return {{name, a_names, 1}, 1, doc, which, call_now<Reduce>, prepare<Reduce>};
}

constexpr KernelDef table[] = {
    {{"sum", a_exact_names, 1},
     1,
     "sum(a, threads=None, exact=False, progress=None)\n--\n\n"
     "Return the sum of the elements of the buffer a; 0 if there is none.\n\n" A_DOC
     "The result is an exact int, or a float: added up pairwise in double precision, with the same bits on any\n"
     "number of threads; with exact=True not rounded but once, at the end, as by math.fsum.\n" THREADS_DOC,
     sum,
     call_now<Reduce>,
     prepare<Reduce>},
    {{"mean", a_exact_names, 1},
     1,
     "mean(a, threads=None, exact=False, progress=None)\n--\n\n"
     "Return the mean of the elements of the buffer a, a float: their sum, as sum() has it, divided by their\n"
     "number. It is nan if there is none.\n\n" A_DOC THREADS_DOC,
     mean,
     call_now<Reduce>,
     prepare<Reduce>},
    reduction("min", least,
              SIGNATURE("min") "Return the least element of the buffer a: nan if there is one.\n\n" A_DOC
                               "ValueError if it has no element.\n" THREADS_DOC),
    reduction("max", greatest,
              SIGNATURE("max") "Return the greatest element of the buffer a: nan if there is one.\n\n" A_DOC
                               "ValueError if it has no element.\n" THREADS_DOC),
    reduction("argmin", argmin,
              SIGNATURE("argmin") "Return the index of the first of the least elements of the buffer a, counted in\n"
                                  "row-major order: of the first nan if there is one.\n\n" A_DOC
                                  "ValueError if it has no element.\n" THREADS_DOC),
    reduction("argmax", argmax,
              SIGNATURE("argmax") "Return the index of the first of the greatest elements of the buffer a, counted in\n"
                                  "row-major order: of the first nan if there is one.\n\n" A_DOC
                                  "ValueError if it has no element.\n" THREADS_DOC),
    reduction("norm", norm,
              SIGNATURE("norm") "Return the root of the sum of the squares of the elements of the buffer a, a float.\n"
                                "No square is too large or too small on the way.\n\n" A_DOC THREADS_DOC),
    reduction(
        "count_nonzero", count_nonzero,
        SIGNATURE("count_nonzero") "Return how many elements of the buffer a are not zero.\n\n" A_DOC THREADS_DOC),
    {{"var", var_names, 1},
     2,
     "var(a, ddof=0, threads=None, progress=None)\n--\n\n"
     "Return the variance of the elements of the buffer a, a float: the sum of the squares of their differences\n"
     "from their mean, divided by their number less ddof. It is nan if there is none.\n\n" A_DOC THREADS_DOC,
     0,
     call_now<Variance>,
     prepare<Variance>},
    {{"dot", dot_names, 2},
     2,
     "dot(a, b, threads=None, exact=False, progress=None)\n--\n\n"
     "Return the dot product of the 1-dimensional buffers a and b: the sum of a[i] * b[i].\n\n"
     "a, b: buffers of the same length, of bools, integers or floats, which are promoted as NumPy does. The\n"
     "result is an exact int, or a float: added up pairwise in double precision, with the same bits on any\n"
     "number of threads; with exact=True not rounded but once, at the end.\n" THREADS_DOC,
     0,
     call_now<Dot>,
     prepare<Dot>},
};

}  // namespace

std::span<const KernelDef> reductions() noexcept { return table; }

}  // namespace binding
