// threadmodule.Latch
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec Latch_spec;

}  // namespace binding
