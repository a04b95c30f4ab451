// threadmodule.Condition
#pragma once

#include "binding/reference.hpp"
#include "binding/sync/lock.hpp"
#include "binding/sync/rlock.hpp"
#include "core/sync/condition.hpp"

namespace binding {

struct Condition {
  int traverse(visitproc visit, void* arg) const { return lock.traverse(visit, arg); }
  // What waits is on some stack, so nothing is cleared of a condition that is waited for: the stack holds it.
  void clear() { set_lock(nullptr, Ref()); }

  void set_lock(const struct State* state, Ref object);

  // All need the lock to be held, and raise RuntimeError if it is not.
  bool wait(core::Deadline deadline);
  void notify(std::uint64_t n);

  void release();
  bool is_owned();

  core::Condition waiters;
  Ref lock;
  Lock* plain = nullptr;       // if `lock` is a Lock
  RLock* recursive = nullptr;  // or an RLock. Neither: any object with acquire() and release()
  bool handoff = true;

 private:
  struct Saved;
  core::Semaphore* permit() const;
  Saved release_save();
  void reacquire(Saved& saved, core::Waiter& waiter, bool notified, Ref& pending);
};

extern PyType_Spec Condition_spec;

}  // namespace binding
