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

class Call {
 public:
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  virtual ~Call() = default;  // attached: the buffers go back to their exporters

  virtual void run(core::Control& control) = 0;
  virtual Ref result() const = 0;

  // How much work run() is, in elements: a call of one chunk keeps the GIL (see Kernel_vectorcall).
  virtual std::size_t size() const noexcept = 0;
  // For the garbage collector: the objects that the call holds.
  virtual int traverse(visitproc, void*) const { return 0; }

  unsigned threads = 0;  // what the caller asked for; 0: nothing
};

// A built-in kernel, as the table in kernels.cpp lists it.
struct KernelDef {
  Signature signature;
  const char* doc;                                     // begins with the signature as inspect reads it
  Ref (*call)(const Arguments&);                       // here and now
  std::shared_ptr<Call> (*prepare)(const Arguments&);  // to be run later, in another thread
};

}  // namespace binding
