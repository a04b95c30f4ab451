#include "binding/capi.hpp"

#include <cerrno>
#include <new>

#include "core/cpus.hpp"
#include "core/parallel.hpp"
#include "core/thread.hpp"
#include "threadmodule.h"

namespace binding {
namespace {

unsigned int cpu_count() noexcept { return core::cpu_count(); }

int parallel_for(std::size_t count, std::size_t grain, unsigned int threads, ThreadmoduleBody body,
                 void* context) noexcept {
  if (body == nullptr || grain == 0) return EINVAL;
  core::Control control;
  control.threads = threads;
  auto call = [&](std::size_t begin, std::size_t end) { body(context, begin, end); };
  try {
    core::parallel_for(control, count, grain, call);
  } catch (const core::CannotStartThread& error) {
    return error.code().value();
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  return 0;
}

constexpr ThreadmoduleAPI api = {THREADMODULE_ABI_VERSION, sizeof(ThreadmoduleAPI), cpu_count, parallel_for};

}  // namespace

Ref make_capi_capsule() {
  return own(PyCapsule_New(const_cast<ThreadmoduleAPI*>(&api), THREADMODULE_CAPSULE, nullptr));
}

}  // namespace binding
