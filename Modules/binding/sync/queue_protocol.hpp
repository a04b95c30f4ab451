// What all queues have in common for Python.
#pragma once

#include "binding/arguments.hpp"
#include "binding/reference.hpp"
#include "core/deadline.hpp"

namespace binding {

struct State;

// put(item, block=True, timeout=None) and its like.
inline constexpr std::array<const char*, 3> put_names{"item", "block", "timeout"};
inline constexpr Signature put_signature{"put", put_names, 1};
inline constexpr std::array<const char*, 1> put_nowait_names{"item"};
inline constexpr Signature put_nowait_signature{"put_nowait", put_nowait_names, 1};
inline constexpr std::array<const char*, 2> get_names{"block", "timeout"};
inline constexpr Signature get_signature{"get", get_names, 0};
inline constexpr std::array<const char*, 3> put_many_names{"items", "block", "timeout"};
inline constexpr Signature put_many_signature{"put_many", put_many_names, 1};
inline constexpr std::array<const char*, 3> get_many_names{"n", "block", "timeout"};
inline constexpr Signature get_many_signature{"get_many", get_many_names, 0};

// queue.Empty, queue.Full or queue.ShutDown: the standard library's own classes, so that it does not matter which of
// them a program catches. They are imported when they are needed.
Ref queue_error(const State& state, const char* name);
[[noreturn]] void raise_queue_error(const State& state, const char* name);

// The deadline of put() and get(): `block` and `timeout` are arguments `first` and `first` + 1.
core::Deadline queue_deadline(const Arguments& arguments, std::size_t first);

// How many items get_many() may take at most.
Py_ssize_t get_many_count(const Arguments& arguments);

}  // namespace binding
