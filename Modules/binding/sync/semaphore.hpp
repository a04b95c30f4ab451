// threadmodule.Semaphore, threadmodule.BoundedSemaphore
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec Semaphore_spec;
extern PyType_Spec BoundedSemaphore_spec;

}  // namespace binding
