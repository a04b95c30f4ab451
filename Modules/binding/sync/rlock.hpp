// threadmodule.RLock
#pragma once

#include "binding/python.hpp"
#include "core/sync/rlock.hpp"

namespace binding {

struct RLock {
  static constexpr const char* init_format = "|$p:RLock";

  bool acquire(core::Deadline deadline);
  void release();

  core::RLock lock;
  bool handoff = true;
};

extern PyType_Spec RLock_spec;

}  // namespace binding
