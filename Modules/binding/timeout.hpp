// The one timeout rule of this module.
//
//     None or absent         wait for ever
//     negative               as 0: look, do not wait (threading.Thread.join does the same)
//     NaN                    ValueError
//     more than TIMEOUT_MAX  OverflowError; inf too
//     no number              TypeError
#pragma once

#include "binding/python.hpp"
#include "core/deadline.hpp"

namespace binding {

inline constexpr double timeout_max = 9223372036.0;  // seconds; threading.TIMEOUT_MAX

// `timeout` as Python passed it (NULL if it did not) to `function`, from now.
core::Deadline deadline_from(const char* function, PyObject* timeout);

}  // namespace binding
