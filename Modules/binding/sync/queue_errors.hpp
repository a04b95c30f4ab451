// queue.Empty, queue.Full and queue.ShutDown: the standard library's own classes, so that it does not matter which of
// them a program catches. They are imported when they are needed.
#pragma once

#include "binding/arguments.hpp"
#include "binding/reference.hpp"
#include "core/deadline.hpp"

namespace binding {

struct State;

// `name` is Empty, Full or ShutDown.
Ref queue_error(const State& state, const char* name);
[[noreturn]] void raise_queue_error(const State& state, const char* name);

// The deadline of put() and get(): `block` and `timeout` are arguments `first` and `first` + 1.
core::Deadline queue_deadline(const Arguments& arguments, std::size_t first);

}  // namespace binding
