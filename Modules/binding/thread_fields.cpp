#include "binding/thread_fields.hpp"

#include "binding/boundary.hpp"

namespace binding {

void settle(ThreadFields& fields, Ref value, Ref exception, bool reported) {
  // What these hold goes after the lock: its destructors may run Python code.
  Work work;
  std::shared_ptr<Call> call;
  locked(fields, [&](ThreadFields& f) {
    if (f.settled) return;
    f.settled = true;
    f.reported = reported;
    f.value = std::move(value);
    f.exception = std::move(exception);
    work = std::move(f.work);
    if (f.runner != nullptr) call = std::move(f.runner->call);
  });
}

void collect(ThreadFields& fields, const Runner& runner) {
  bool settled = false;
  bool failed = false;
  std::shared_ptr<Call> call;
  locked(fields, [&](ThreadFields& f) {
    settled = f.settled;
    failed = f.runner.get() != &runner || runner.stillborn();
    call = runner.call;
  });
  if (failed) raise(PyExc_RuntimeError, "cannot join thread before it is started");
  if (settled) return;
  Ref value;
  Ref exception;
  try {
    if (runner.lost_in_fork()) raise(PyExc_RuntimeError, "the thread stayed in the parent process at fork()");
    runner.rethrow();
    if (call == nullptr) raise(PyExc_RuntimeError, "the thread was cleared by the garbage collector");
    value = call->result();
  } catch (...) {
    set_python_exception();
    exception = Ref(get_raised_exception());
  }
  // A kernel that was stopped at exit, or that this process never had, is no news to report.
  settle(fields, std::move(value), std::move(exception), runner.stopped() || runner.lost_in_fork());
}

}  // namespace binding
