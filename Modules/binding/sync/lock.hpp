// threadmodule.Lock
#pragma once

#include "binding/python.hpp"
#include "core/sync/semaphore.hpp"

namespace binding {

struct Lock {
  static constexpr const char* init_format = "|$p:Lock";

  bool acquire(core::Deadline deadline);
  void release();

  core::Semaphore permit{1, 1};
  bool handoff = true;
};

extern PyType_Spec Lock_spec;

}  // namespace binding
