// The C API for other extensions: include/threadmodule.h, handed out in a capsule.
#pragma once

#include "binding/reference.hpp"

namespace binding {

Ref make_capi_capsule();

}  // namespace binding
