#include "binding/capi.hpp"

#include <cerrno>

#include "core/cpus.hpp"
#include "core/parallel.hpp"
#include "threadmodule.h"

namespace binding {
namespace {

unsigned int cpu_count() noexcept { return core::cpu_count(); }

int parallel_for(std::size_t count, std::size_t grain, unsigned int threads, ThreadmoduleBody body,
                 void* context) noexcept {
  if (body == nullptr || grain == 0) return EINVAL;
  core::Control control;
  control.threads = threads;
  auto call = [&](const core::Chunk& chunk) { body(context, chunk.begin, chunk.end); };
  try {
    core::parallel_for(control, {count, grain, 0, core::Schedule::dynamic}, call);
  } catch (const core::Forked&) {
    return ECANCELED;
  }
  return 0;
}

constexpr ThreadmoduleAPI api = {THREADMODULE_ABI_VERSION, sizeof(ThreadmoduleAPI), cpu_count, parallel_for};

}  // namespace

Ref make_capi_capsule() {
  return own(PyCapsule_New(const_cast<ThreadmoduleAPI*>(&api), THREADMODULE_CAPSULE, nullptr));
}

}  // namespace binding
