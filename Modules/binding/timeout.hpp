// The one timeout rule of this module.
//
//     None                   wait for ever
//     negative               what threading and queue do with it at that place: see Negative
//     0                      look, do not wait
//     NaN                    ValueError
//     more than TIMEOUT_MAX  OverflowError; inf too
//     no number              TypeError
//
// A wait ends at an absolute deadline on the monotonic clock, however often it is interrupted.
#pragma once

#include <chrono>

#include "binding/arguments.hpp"
#include "binding/python.hpp"
#include "core/deadline.hpp"

namespace binding {

inline constexpr double timeout_max = 9223372036.0;  // seconds; threading.TIMEOUT_MAX

enum class Negative {
  looks,               // as 0: Event, Condition, Semaphore, Barrier, Latch, Thread.join
  is_refused,          // ValueError: the queues
  one_means_for_ever,  // -1 waits for ever, others are refused: the locks' acquire()
};

// `timeout` as Python passed it (NULL if it did not) to `function`; core::never and core::at_once are in it too.
core::Deadline deadline_from(const char* function, PyObject* timeout, Negative negative = Negative::looks);

// For acquire(blocking=True, timeout=-1), parsed into arguments 0 and 1: ValueError for a time-out of what does not
// block.
core::Deadline lock_deadline(const Arguments& arguments);

}  // namespace binding
