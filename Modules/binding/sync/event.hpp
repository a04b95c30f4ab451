// threadmodule.Event
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec Event_spec;

}  // namespace binding
