// threadmodule.AtomicInt, threadmodule.AtomicReference
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec AtomicInt_spec;
extern PyType_Spec AtomicReference_spec;

}  // namespace binding
