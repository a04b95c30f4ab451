#include "binding/registry.hpp"

#include <algorithm>

#include "binding/boundary.hpp"
#include "binding/detached.hpp"
#include "binding/errors.hpp"

namespace binding {

void Registry::add(std::shared_ptr<Runner> runner) {
  forget_finished();
  bool closed = false;
  {
    const std::scoped_lock lock(mutex);
    closed = closed_;
    if (!closed) runners_.push_back(std::move(runner));
  }
  if (closed) raise(PyExc_RuntimeError, "can't create new thread at interpreter shutdown");
}

void Registry::orphan(Runner& runner) {
  std::shared_ptr<Call> call;  // goes after the lock: its exporters may run Python code
  const std::scoped_lock lock(mutex);
  if (runner.done()) {
    call = std::move(runner.call);
  } else {
    runner.orphaned = true;
  }
}

void Registry::forget_finished() {
  Runners orphans;
  std::vector<std::shared_ptr<Call>> calls;
  {
    const std::scoped_lock lock(mutex);
    std::erase_if(runners_, [&](const std::shared_ptr<Runner>& runner) {
      if (!runner->done()) return false;
      if (runner->orphaned) {
        calls.push_back(std::move(runner->call));
        orphans.push_back(runner);
      }
      return true;
    });
  }
  for (const auto& orphan : orphans) {
    try {
      orphan->rethrow();
    } catch (const core::Stopped&) {
    } catch (...) {  // no Thread is left to ask for the result: the error must not be lost in silence
      set_python_exception();
      PyErr_WriteUnraisable(nullptr);
    }
  }
}

std::shared_ptr<Runner> Registry::current() {
  const std::scoped_lock lock(mutex);
  const auto found = std::ranges::find_if(runners_, [](const auto& runner) { return runner->is_current(); });
  return found == runners_.end() ? nullptr : *found;
}

std::shared_ptr<Runner> Registry::next_to_join(bool close) {
  const std::scoped_lock lock(mutex);
  const auto found = std::ranges::find_if(runners_, [&](const auto& runner) {
    return !abandoned_ && !runner->daemon && !runner->done() && !runner->is_current();
  });
  if (found != runners_.end()) return *found;
  if (close) closed_ = true;  // in the same breath, so that no thread begins between the last look and the closing
  return nullptr;
}

void Registry::quiesce() {
  Runners runners;
  {
    const std::scoped_lock lock(mutex);
    closed_ = true;
    runners = runners_;
  }
  const auto quiesce_all = [&] {
    for (const auto& runner : runners) {
      if (!runner->done()) runner->quiesce();
    }
  };
  if (is_finalizing()) {
    quiesce_all();
  } else {
    detached(quiesce_all);
  }
  forget_finished();
}

void Registry::join_all(bool close) {
  // Before 3.14, a subinterpreter that nobody closed ends when the runtime is being finalized already. Then no other
  // thread can attach to come to its end, and this one could not attach again: CPython says that in its own way.
  while (!is_finalizing()) {
    const std::shared_ptr<Runner> runner = next_to_join(close);
    if (runner == nullptr) return;
    try {
      wait_until(core::never, [&](core::Deadline deadline) { return runner->join(deadline); });
    } catch (const PythonError&) {
      const std::scoped_lock lock(mutex);
      abandoned_ = true;
      throw;
    }
  }
}

void Registry::shut_down() {
  try {
    join_all(true);
  } catch (const PythonError&) {
    quiesce();
    throw;
  }
  quiesce();
}

}  // namespace binding
