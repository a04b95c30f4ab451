// threadmodule.Barrier
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec Barrier_spec;

}  // namespace binding
