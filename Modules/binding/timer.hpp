// threadmodule.Timer
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec Timer_spec;

}  // namespace binding
