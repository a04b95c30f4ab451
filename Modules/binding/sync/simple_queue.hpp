// threadmodule.SimpleQueue
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec SimpleQueue_spec;

}  // namespace binding
