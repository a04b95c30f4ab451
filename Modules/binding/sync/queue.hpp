// threadmodule.Queue, threadmodule.LifoQueue, threadmodule.PriorityQueue
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec Queue_spec;
extern PyType_Spec LifoQueue_spec;
extern PyType_Spec PriorityQueue_spec;

}  // namespace binding
