// Element by element: a buffer or number each, an Array, a number or `out`.
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>
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
using core::Map;

// ---- Operands

// A Python int, float or bool counts less than an array: it takes on the type of that, unless it is of a higher kind.
enum class Kind { array, boolean, integer, floating, other };

class Operand {
 public:
  void hold(const char* function, const char* argument, PyObject* object) {
    name_ = argument;
    // NOLINTBEGIN(bugprone-branch-clone): what is exact is asked first, a subclass may have a buffer
    if (PyBool_Check(object)) {
      kind_ = Kind::boolean;
    } else if (PyLong_CheckExact(object)) {
      kind_ = Kind::integer;
    } else if (PyFloat_CheckExact(object)) {
      kind_ = Kind::floating;
    } else if (PyObject_CheckBuffer(object) != 0) {
      kind_ = Kind::array;
      buffer_.emplace(function, argument, object, Buffer::read);
    } else if (PyLong_Check(object)) {
      kind_ = Kind::integer;
    } else if (PyFloat_Check(object)) {
      kind_ = Kind::floating;
    } else if (PyNumber_Check(object) != 0) {
      kind_ = Kind::other;
    } else {
      raise(PyExc_TypeError, "%s() argument '%s' must be a number or an object with the buffer protocol, not %s",
            function, argument, Py_TYPE(object)->tp_name);
    }
    // NOLINTEND(bugprone-branch-clone)
    object_ = Ref::copy(object);
  }

  Kind kind() const noexcept { return kind_; }
  PyObject* object() const noexcept { return object_.get(); }
  const char* name() const noexcept { return name_; }
  DType dtype() const noexcept { return buffer_->view().dtype; }

  // What the loop reads. A number becomes an array of no dimensions, of the loop's type.
  core::View view(const char* function, DType dtype, DType loop, bool saturate) {
    if (kind_ == Kind::array) return buffer_->view();
    if (kind_ == Kind::other) {
      raise(PyExc_TypeError, "%s() argument '%s' must be an int, a float or a buffer, not %s", function, name_,
            Py_TYPE(object())->tp_name);
    }
    core::with_type(loop, [&](auto zero) { set(function, dtype, saturate, zero); });
    return {.data = number_, .size = 1, .dtype = loop, .contiguous = true};
  }

  // For clip: no limit on this side.
  core::View limit(DType loop, bool upper) {
    core::with_type(loop, [&](auto zero) {
      using T = decltype(zero);
      using Limits = std::numeric_limits<T>;
      if constexpr (std::is_floating_point_v<T>)
        store(upper ? Limits::infinity() : -Limits::infinity());
      else
        store(upper ? Limits::max() : Limits::min());
    });
    return {.data = number_, .size = 1, .dtype = loop, .contiguous = true};
  }

  int traverse(visitproc visit, void* arg) const {
    const int stop = object_.traverse(visit, arg);
    return stop != 0 || !buffer_ ? stop : buffer_->traverse(visit, arg);
  }

 private:
  template <class T>
  void store(T value) noexcept {
    std::memcpy(number_, &value, sizeof value);
  }

  template <class T>
  void set(const char* function, DType dtype, bool saturate, T) {
    if constexpr (std::is_floating_point_v<T>) {
      const double value = PyFloat_AsDouble(object());
      if (value == -1 && PyErr_Occurred() != nullptr) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0) throw PythonError();
        PyErr_Clear();
        refuse(function, dtype, own(PyNumber_Index(object())));
      }
      store(static_cast<T>(core::rounded_to(dtype, value)));
    } else {
      const Ref index = own(PyNumber_Index(object()));
      int overflow = 0;
      const long long value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
      if (overflow > 0 && std::is_same_v<T, std::uint64_t>) {
        const unsigned long long unsigned_value = PyLong_AsUnsignedLongLong(index.get());
        if (unsigned_value != std::numeric_limits<unsigned long long>::max() || PyErr_Occurred() == nullptr) {
          return store(static_cast<T>(unsigned_value));
        }
        PyErr_Clear();
      } else if (overflow == 0 && std::in_range<T>(value)) {
        return store(static_cast<T>(value));
      }
      if (!saturate) refuse(function, dtype, index);
      const bool negative = overflow < 0 || (overflow == 0 && value < 0);
      store(negative ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max());
    }
  }

  [[noreturn]] void refuse(const char* function, DType dtype, const Ref& integer) const {
    raise(PyExc_OverflowError, "%s() argument '%s' must fit in %s, got %U", function, name_, core::name_of(dtype),
          shown(integer).get());
  }

  const char* name_ = nullptr;
  Kind kind_ = Kind::other;
  Ref object_;
  std::optional<Buffer> buffer_;
  alignas(8) std::byte number_[8];
};

// ---- The types of results

// Which types a map's result may have, given that of its inputs.
enum class Rule {
  same,        // as promoted; of bools, bool
  arithmetic,  // there is no such operation on bools
  squared,     // of bools, i1
  either,      // of bools it is `or`
  both,        // of bools it is `and`
  floating,    // the float that is wide enough
  quotient,    // of integers f8
};

struct MapDef {
  Map operation;
  Rule rule;
  std::size_t inputs;
  Ref (*of_numbers)(const std::array<PyObject*, 3>&);  // null: as an array of one float
};

Ref square_of(const std::array<PyObject*, 3>& x) { return own(PyNumber_Multiply(x[0], x[0])); }
Ref absolute_of(const std::array<PyObject*, 3>& x) { return own(PyNumber_Absolute(x[0])); }
Ref negative_of(const std::array<PyObject*, 3>& x) { return own(PyNumber_Negative(x[0])); }
Ref sum_of(const std::array<PyObject*, 3>& x) { return own(PyNumber_Add(x[0], x[1])); }
Ref difference_of(const std::array<PyObject*, 3>& x) { return own(PyNumber_Subtract(x[0], x[1])); }
Ref product_of(const std::array<PyObject*, 3>& x) { return own(PyNumber_Multiply(x[0], x[1])); }
Ref quotient_of(const std::array<PyObject*, 3>& x) { return own(PyNumber_TrueDivide(x[0], x[1])); }
Ref axpy_of(const std::array<PyObject*, 3>& x) {
  return own(PyNumber_Add(own(PyNumber_Multiply(x[0], x[1])).get(), x[2]));
}
Ref clipped(const std::array<PyObject*, 3>& x) {
  PyObject* result = x[0];
  const auto replace_if = [&](PyObject* limit, int comparison) {
    if (limit == Py_None) return;
    const int outside = PyObject_RichCompareBool(result, limit, comparison);
    check(outside);
    const bool nan = PyFloat_Check(limit) != 0 && std::isnan(PyFloat_AS_DOUBLE(limit));
    if (outside != 0 || nan) result = limit;
  };
  replace_if(x[1], Py_LT);
  replace_if(x[2], Py_GT);
  return Ref::copy(result);
}

constexpr MapDef defs[] = {
    {Map::square, Rule::squared, 1, square_of},  {Map::sqrt, Rule::floating, 1, nullptr},
    {Map::absolute, Rule::same, 1, absolute_of}, {Map::negative, Rule::arithmetic, 1, negative_of},
    {Map::exp, Rule::floating, 1, nullptr},      {Map::log, Rule::floating, 1, nullptr},
    {Map::add, Rule::either, 2, sum_of},         {Map::subtract, Rule::arithmetic, 2, difference_of},
    {Map::multiply, Rule::both, 2, product_of},  {Map::divide, Rule::quotient, 2, quotient_of},
    {Map::axpy, Rule::arithmetic, 3, axpy_of},   {Map::clip, Rule::same, 3, clipped},
};

// ---- One call

class MapCall final : public Call {
 public:
  MapCall(const KernelDef& def, const Arguments& arguments)
      : Call(def, arguments), function_(def.signature.function), def_(defs[def.operation]), operation_(def_.operation) {
    const char* function = function_;
    const std::size_t inputs = def_.inputs;
    std::array<PyObject*, 3> objects{};
    bool arrays = false;
    for (std::size_t k = 0; k < inputs; ++k) {
      objects[k] = arguments[k] == nullptr ? Py_None : arguments[k];
      if (is_no_limit(k, objects[k])) continue;
      operands_[k].hold(function, arguments.name(k), objects[k]);
      arrays |= operands_[k].kind() == Kind::array;
    }
    PyObject* out = arguments[inputs] == Py_None ? nullptr : arguments[inputs];
    if (!arrays) {
      if (out != nullptr) raise(PyExc_TypeError, "%s() argument 'out' is for buffers, not for numbers", function);
      if (def_.of_numbers != nullptr) {
        result_ = def_.of_numbers(objects);
        return;
      }
    }
    const DType dtype = arrays ? result_type(function) : DType::f8;
    const DType loop = loop_ = core::loop_type(dtype);
    for (std::size_t k = 0; k < inputs; ++k) {
      in_[k] = is_no_limit(k, objects[k]) ? operands_[k].limit(loop, k == 2)
                                          : operands_[k].view(function, dtype, loop, operation_ == Map::clip);
    }
    const auto shape = core::broadcast(ins());
    if (!shape) raise_shapes(function);
    if (out != nullptr) {
      hold_out(arguments, out, dtype, *shape);
    } else if (shape->ndim == 0) {
      out_ = {.data = number_, .size = 1, .dtype = dtype, .contiguous = true};
    } else {
      PyObject* const kernel = arguments.callee();
      static_assert(sizeof(std::ptrdiff_t) == sizeof(Py_ssize_t));
      result_ = new_array(*state_slot(module_of(Py_TYPE(kernel))), dtype, shape->ndim, shape->lengths);
      out_ = view_of(result_.get());
    }
  }

  void run(core::Control& control) override {
    if (out_.data == nullptr) return;
    try {
      core::map(operation_, loop_, out_, ins(), control);
    } catch (const core::MapOverflow& overflow) {
      throw std::overflow_error(message_of(overflow));
    }
  }
  Ref result() const override { return result_ ? Ref::copy(result_.get()) : element_to_python(out_.dtype, number_); }
  double cost() const noexcept override {
    return out_.data == nullptr ? 0 : core::cost_of(operation_, loop_) * static_cast<double>(out_.size);
  }
  int traverse(visitproc visit, void* arg) const override {
    int stop = Call::traverse(visit, arg);
    for (std::size_t k = 0; stop == 0 && k < def_.inputs; ++k) stop = operands_[k].traverse(visit, arg);
    if (stop == 0 && out_buffer_) stop = out_buffer_->traverse(visit, arg);
    return stop != 0 ? stop : result_.traverse(visit, arg);
  }

 private:
  std::span<const core::View> ins() const noexcept { return std::span(in_).first(def_.inputs); }

  bool is_no_limit(std::size_t k, PyObject* object) const noexcept {
    return operation_ == Map::clip && k > 0 && object == Py_None;
  }

  // NumPy's promotion, by which a Python number weighs less than an array.
  DType result_type(const char* function) {
    DType type = DType::b1;
    Kind number = Kind::array;
    for (const Operand& operand : std::span(operands_).first(def_.inputs)) {
      if (operand.kind() == Kind::array) {
        type = core::promote(type, operand.dtype());
      } else if (operand.kind() != Kind::other) {
        number = std::max(number, operand.kind());
      }
    }
    if (number == Kind::integer && type == DType::b1) type = DType::i8;
    if (number == Kind::floating && !core::is_floating(type)) type = DType::f8;
    const bool bools = type == DType::b1;
    switch (def_.rule) {
      case Rule::same: return type;
      case Rule::arithmetic:
        if (bools) raise(PyExc_TypeError, "%s() is not defined for bools", function);
        return type;
      case Rule::squared: return bools ? DType::i1 : type;
      case Rule::either:
        if (bools) operation_ = Map::either;
        return type;
      case Rule::both:
        if (bools) operation_ = Map::both;
        return type;
      case Rule::floating: return core::floating(type);
      case Rule::quotient: break;
    }
    return core::is_floating(type) ? type : DType::f8;
  }

  void hold_out(const Arguments& arguments, PyObject* out, DType dtype, const core::Shape& shape) {
    const char* function = arguments.function();
    const char* name = arguments.name(def_.inputs);
    out_buffer_.emplace(function, name, out, Buffer::write);
    out_ = out_buffer_->view();
    if (out_.dtype != dtype) {
      raise(PyExc_ValueError, "%s() argument '%s' must have elements of type %s, got %s", function, name,
            core::name_of(dtype), core::name_of(out_.dtype));
    }
    if (out_.ndim != shape.ndim || !std::equal(shape.lengths, shape.lengths + shape.ndim, out_.shape)) {
      const core::View expected{.ndim = shape.ndim, .shape = shape.lengths};
      raise(PyExc_ValueError, "%s() argument '%s' must have shape %s, got %s", function, name,
            shape_of(expected).c_str(), shape_of(out_).c_str());
    }
    if (core::overlaps_itself(out_)) {
      raise(PyExc_ValueError, "%s() argument '%s' must have memory of its own for each element", function, name);
    }
    for (std::size_t k = 0; k < def_.inputs; ++k) {
      if (operands_[k].kind() != Kind::array || core::same_memory(in_[k], out_)) continue;
      if (core::overlap(in_[k], out_)) {
        raise(PyExc_ValueError, "%s() argument '%s' must be the memory of '%s' or apart from it, not overlap in part",
              function, name, operands_[k].name());
      }
    }
    result_ = Ref::copy(out);
  }

  std::string message_of(const core::MapOverflow& overflow) const {
    const std::size_t inputs = def_.inputs;
    std::string names;
    std::string values;
    for (std::size_t k = 0; k < inputs; ++k) {
      names += (k == 0 ? "'" : ", '") + std::string(operands_[k].name()) + "'";
      values += (k == 0 ? "" : ", ") + overflow.values[k];
    }
    const char* hold = inputs == 1 ? "() argument " : "() arguments ";
    return function_ + (hold + names) + (inputs == 1 ? " holds " : " hold ") + values + " at index " +
           std::to_string(overflow.index) + ", counted in row-major order: the result does not fit in " +
           core::name_of(loop_);
  }

  [[noreturn]] void raise_shapes(const char* function) const {
    std::string shapes;
    for (const core::View& view : ins()) shapes += (shapes.empty() ? "" : ", ") + shape_of(view);
    raise(PyExc_ValueError, "%s() arguments must have shapes that broadcast together, got %s", function,
          shapes.c_str());
  }

  const char* function_;
  const MapDef& def_;
  Map operation_;
  DType loop_ = DType::f8;
  std::array<Operand, 3> operands_;
  std::array<core::View, 3> in_;
  std::optional<Buffer> out_buffer_;
  core::View out_;
  alignas(8) std::byte number_[8];  // a result of no dimensions
  Ref result_;
};

// ---- The table

constexpr const char* unary_names[] = {"x", "out", "threads", "progress"};
constexpr const char* binary_names[] = {"a", "b", "out", "threads", "progress"};
constexpr const char* scale_names[] = {"x", "alpha", "out", "threads", "progress"};
constexpr const char* axpy_names[] = {"alpha", "x", "y", "out", "threads", "progress"};
constexpr const char* clip_names[] = {"a", "min", "max", "out", "threads", "progress"};

#define OUT_DOC                                                                                                \
  "out: a writable buffer of the result's shape and type: the memory of an input or apart from all of them.\n" \
  "None: a new Array, or a number if no input has dimensions. Numbers alone give a number.\n"
#define BUFFER_DOC "a buffer of bools, integers or floats, of any shape, strides and byte order, or a number"
#define OVERFLOW_DOC "OverflowError if an integer result does not fit; then nothing has been written.\n"
#define UNARY(name) name "(x, out=None, threads=None, progress=None)\n--\n\n"
#define BINARY(name) name "(a, b, out=None, threads=None, progress=None)\n--\n\n"
#define X_DOC "x: " BUFFER_DOC ".\n"
#define AB_DOC             \
  "a, b: each " BUFFER_DOC \
  ". They are\n"           \
  "broadcast to one shape and promoted to one type as NumPy does.\n"

constexpr KernelDef unary(const char* name, unsigned operation, const char* doc) {
  return {{name, unary_names, 1}, 2, doc, operation, call_now<MapCall>, prepare<MapCall>};
}
constexpr KernelDef binary(const char* name, unsigned operation, const char* doc) {
  return {{name, binary_names, 2}, 3, doc, operation, call_now<MapCall>, prepare<MapCall>};
}

constexpr KernelDef table[] = {
    unary("square", 0, UNARY("square") "Return x * x, element by element.\n\n" X_DOC OVERFLOW_DOC OUT_DOC THREADS_DOC),
    unary("sqrt", 1,
          UNARY("sqrt") "Return the square roots of the elements of x: floats, nan for those below 0.\n\n" X_DOC OUT_DOC
              THREADS_DOC),
    unary("abs", 2,
          UNARY("abs") "Return the absolute values of the elements of x.\n\n" X_DOC OVERFLOW_DOC OUT_DOC THREADS_DOC),
    unary("negative", 3, UNARY("negative") "Return -x, element by element.\n\n" X_DOC OVERFLOW_DOC OUT_DOC THREADS_DOC),
    unary("exp", 4,
          UNARY("exp") "Return e to the power of x, element by element, within 1 unit in the last place.\n\n" X_DOC
              OUT_DOC THREADS_DOC),
    unary("log", 5,
          UNARY("log") "Return the natural logarithms of the elements of x, within 1 unit in the last place: -inf for\n"
                       "0, nan for less.\n\n" X_DOC OUT_DOC THREADS_DOC),
    binary(
        "add", 6,
        BINARY("add") "Return a + b, element by element; of bools, `or`.\n\n" AB_DOC OVERFLOW_DOC OUT_DOC THREADS_DOC),
    binary("subtract", 7,
           BINARY("subtract") "Return a - b, element by element.\n\n" AB_DOC OVERFLOW_DOC OUT_DOC THREADS_DOC),
    binary("multiply", 8,
           BINARY("multiply") "Return a * b, element by element; of bools, `and`.\n\n" AB_DOC OVERFLOW_DOC OUT_DOC
               THREADS_DOC),
    binary("divide", 9,
           BINARY("divide") "Return a / b, element by element, as floats: inf or nan where b is 0.\n\n" AB_DOC OUT_DOC
               THREADS_DOC),
    {{"scale", scale_names, 2},
     3,
     "scale(x, alpha, out=None, threads=None, progress=None)\n--\n\n"
     "Return alpha * x, element by element.\n\n" X_DOC
     "alpha: likewise, usually a number.\n" OVERFLOW_DOC OUT_DOC THREADS_DOC,
     8,
     call_now<MapCall>,
     prepare<MapCall>},
    {{"axpy", axpy_names, 3},
     4,
     "axpy(alpha, x, y, out=None, threads=None, progress=None)\n--\n\n"
     "Return alpha * x + y, element by element; the product is rounded before the sum, that of f2 to f4.\n\n"
     "alpha, x, y: each " BUFFER_DOC ".\n"
     "They are broadcast to one shape and promoted to one type as NumPy does.\n" OVERFLOW_DOC OUT_DOC THREADS_DOC,
     10,
     call_now<MapCall>,
     prepare<MapCall>},
    {{"clip", clip_names, 3},
     4,
     "clip(a, min, max, out=None, threads=None, progress=None)\n--\n\n"
     "Return the elements of a, but min for those below it and max for those above.\n\n"
     "a: " BUFFER_DOC ".\n"
     "min, max: likewise, usually numbers; None for no limit. Where min is above max, the result is max.\n" OUT_DOC
         THREADS_DOC,
     11,
     call_now<MapCall>,
     prepare<MapCall>},
};

}  // namespace

std::span<const KernelDef> maps() noexcept { return table; }

}  // namespace binding
