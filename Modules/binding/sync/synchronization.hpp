// All types of this folder.
#pragma once

#include "binding/python.hpp"
#include "binding/state.hpp"

namespace binding {

void add_synchronization(PyObject* module, State& state);

}  // namespace binding
