// The one place that knows every live thread of an interpreter, and what happens to them at exit.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "binding/runner.hpp"

namespace binding {

class Registry {
 public:
  // Guards the members below, Runner::call, and the fields of every Thread object. Attached code takes it for a few
  // instructions in which nothing of Python's is called: so it needs neither the GIL nor a critical section, nobody
  // waits for it long, and a fork does not find it locked.
  std::mutex mutex;

  // Before a runner starts. RuntimeError once the interpreter exits.
  void add(std::shared_ptr<Runner> runner);

  // The Thread object goes. A kernel that still runs keeps its buffers until a later add() or shut_down().
  void orphan(Runner& runner);

  // The runner whose thread this is, or NULL.
  std::shared_ptr<Runner> current();

  // Joins the threads that are no daemons, attached. Ctrl-C ends it, once for all. With `close`, no more threads begin
  // from then on.
  void join_all(bool close);

  // At exit, attached: joins them, lets no more begin, and stops the kernels that still run, so that no thread of ours
  // uses an interpreter that is gone.
  void shut_down();

 private:
  using Runners = std::vector<std::shared_ptr<Runner>>;

  void forget_finished();
  std::shared_ptr<Runner> next_to_join(bool close);
  void quiesce();

  Runners runners_;
  bool closed_ = false;
  bool abandoned_ = false;  // Ctrl-C ended join_all: the program ends without waiting any more
};

}  // namespace binding
