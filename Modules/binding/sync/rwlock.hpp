// threadmodule.RWLock
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec RWLock_spec;
extern PyType_Spec RWLockSide_spec;

}  // namespace binding
