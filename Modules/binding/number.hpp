// Numbers between Python and the core.
#pragma once

#include "binding/reference.hpp"
#include "core/number.hpp"

namespace binding {

// A Python float, or an exact Python int.
Ref to_python(const core::Number& number);
Ref to_python(const core::Wide& number);

// An int for a message. Python refuses to print one of thousands of digits.
Ref shown(const Ref& integer);

// An int in [minimum, maximum] (anything with __index__) as `function` got it for `argument`. Otherwise TypeError
// for no integer, ValueError below `minimum`, OverflowError above `maximum`.
long long integer_from(const char* function, const char* argument, PyObject* object, long long minimum,
                       long long maximum);

// A number as a double. Otherwise TypeError, or OverflowError for an int that is too large.
double double_from(const char* function, const char* argument, PyObject* object);

}  // namespace binding
