// What a Thread object holds, and how the outcome comes from the POSIX thread into it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "binding/reference.hpp"
#include "binding/registry.hpp"
#include "binding/runner.hpp"

namespace binding {

// What the thread is to do. Empty once it is done.
struct Work {
  Ref target;
  Ref args;
  Ref kwargs;
};

// From the end of __init__ on, read and written under Registry::mutex.
struct ThreadFields {
  std::atomic<bool> initialized{false};  // false for ever means that a subclass forgot to call __init__
  std::shared_ptr<Registry> registry;
  std::shared_ptr<Runner> runner;  // set by start()
  Work work;
  Ref name;
  bool daemon = false;
  bool settled = false;   // value or exception is set
  bool reported = false;  // somebody has seen the exception
  Ref value;
  Ref exception;
};

// Looks at the fields under the lock, for as long as a copy of what is wanted takes.
template <class F>
auto locked(ThreadFields& fields, F&& look) {
  const std::scoped_lock lock(fields.registry->mutex);
  return look(fields);
}

inline std::shared_ptr<Runner> runner_of(ThreadFields& fields) {
  return locked(fields, [](ThreadFields& f) { return f.runner; });
}

inline Ref name_of(ThreadFields& fields) {
  return locked(fields, [](ThreadFields& f) { return Ref::copy(f.name.get()); });
}

inline bool daemon_of(ThreadFields& fields) {
  return locked(fields, [](ThreadFields& f) { return f.daemon; });
}

inline Work work_of(ThreadFields& fields) {
  return locked(fields, [](ThreadFields& f) {
    return Work{Ref::copy(f.work.target.get()), Ref::copy(f.work.args.get()), Ref::copy(f.work.kwargs.get())};
  });
}

// The outcome is known: the first one counts. Lets go of the work and of a kernel's buffers.
void settle(ThreadFields& fields, Ref value, Ref exception, bool reported);

// Takes over from a thread that is done what it has not settled itself. Several threads may come here at once.
// RuntimeError if it turns out that `runner` could not be started.
void collect(ThreadFields& fields, const Runner& runner);

}  // namespace binding
