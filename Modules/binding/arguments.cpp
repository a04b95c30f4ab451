#include "binding/arguments.hpp"

#include "binding/errors.hpp"

namespace binding {

Arguments::Arguments(const Signature& signature, PyObject* const* arguments, std::size_t count, PyObject* keywords,
                     PyObject* callee)
    : signature_(signature), callee_(callee) {
  const std::size_t parameters = signature.names.size();
  if (count > parameters) {
    raise(PyExc_TypeError, "%s() takes at most %zu argument%s (%zu given)", function(), parameters,
          parameters == 1 ? "" : "s", count);
  }
  for (std::size_t i = 0; i < count; ++i) values_[i] = arguments[i];
  const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  for (Py_ssize_t i = 0; i < named; ++i) {
    const std::size_t parameter = parameter_named(PyTuple_GET_ITEM(keywords, i));
    if (values_[parameter] != nullptr) {
      raise(PyExc_TypeError, "%s() got multiple values for argument '%s'", function(), name(parameter));
    }
    values_[parameter] = arguments[count + static_cast<std::size_t>(i)];
  }
  for (std::size_t i = 0; i < signature.required; ++i) {
    if (values_[i] == nullptr) raise(PyExc_TypeError, "%s() missing required argument '%s'", function(), name(i));
  }
}

std::size_t Arguments::parameter_named(PyObject* keyword) const {
  for (std::size_t i = 0; i < signature_.names.size(); ++i) {
    if (PyUnicode_CompareWithASCIIString(keyword, signature_.names[i]) == 0) return i;
  }
  raise(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", function(), keyword);
}

}  // namespace binding
