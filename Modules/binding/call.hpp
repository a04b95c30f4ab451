// One call of a kernel: its parsed arguments, the buffers it holds, and the slot for its result.
//
// A plain call, a Thread, and whatever else runs kernels go through the same three steps:
//     construct   attached    parse the arguments, hold the buffers; a wrong argument throws here
//     run         detached    the work, in any thread, without the interpreter; once
//     result      attached    the value as a Python object, after run() has returned
#pragma once

#include <memory>

#include "binding/arguments.hpp"
#include "binding/reference.hpp"
#include "core/parallel.hpp"

namespace binding {

struct KernelDef;

class Call {
 public:
  // Reads `threads` and `progress`, which every kernel has.
  Call(const KernelDef& def, const Arguments& arguments);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  virtual ~Call() = default;  // attached: the buffers go back to their exporters

  virtual void run(core::Control& control) = 0;
  virtual Ref result() const = 0;

  // How long run() will take on one thread, roughly, in nanoseconds: short calls keep the GIL (see call_now).
  virtual double cost() const noexcept = 0;
  // For the garbage collector: the objects that the call holds.
  virtual int traverse(visitproc visit, void* arg) const { return progress.traverse(visit, arg); }

  unsigned threads = 0;  // what the caller asked for; 0: nothing
  Ref progress;          // None counts as nothing
};

// A built-in kernel, as the tables in binding/kernels/ list it. `progress` is the last of its parameters.
struct KernelDef {
  Signature signature;
  std::size_t threads;                              // which parameter that is
  const char* doc;                                  // begins with the signature as inspect reads it
  unsigned operation;                               // for a class that serves several kernels
  Ref (*call)(const KernelDef&, const Arguments&);  // here and now
  std::shared_ptr<Call> (*prepare)(const KernelDef&, const Arguments&);  // to be run later, in another thread
};

// To take the GIL back from a thread that computes costs a switch interval, 5 ms. Work that is shorter than this, in
// nanoseconds, is not worth that.
inline constexpr double worth_detaching = 30'000;

// Work that is worth it: without the GIL, and it can be interrupted and watched.
void run_detached(Call& call, core::Control& control);

// In the thread that makes the call, on the cores that it is worth.
template <class C>
Ref call_now(const KernelDef& def, const Arguments& arguments) {
  C call(def, arguments);
  core::Control control;
  control.threads = call.threads;
  if (!call.progress && call.cost() < worth_detaching) {
    call.run(control);
  } else {
    run_detached(call, control);
  }
  return call.result();
}

template <class C>
std::shared_ptr<Call> prepare(const KernelDef& def, const Arguments& arguments) {
  return std::make_shared<C>(def, arguments);
}

}  // namespace binding
