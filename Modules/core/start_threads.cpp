#include "core/start_threads.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "core/thread.hpp"

namespace core {
namespace {

class Announcer final : public Thread {
 public:
  Announcer(const Control& control, unsigned number, int descriptor)
      : control_(control), line_("Thread " + std::to_string(number) + " is executing\n"), descriptor_(descriptor) {}

  int error() const noexcept { return error_; }

 private:
  // A write of so few bytes is atomic on files and pipes, so no lock keeps the lines apart. A full pipe is polled
  // first: a thread that is blocked in write() cannot be stopped before somebody reads.
  void run() noexcept override {
    const char* rest = line_.data();
    std::size_t length = line_.size();
    while (length > 0 && !control_.stopped()) {
      pollfd ready{descriptor_, POLLOUT, 0};
      if (poll(&ready, 1, 50) == 0) continue;
      const ssize_t written = write(descriptor_, rest, length);
      if (written >= 0) {
        rest += written;
        length -= static_cast<std::size_t>(written);
      } else if (errno != EAGAIN && errno != EINTR) {
        error_ = errno;
        return;
      }
    }
  }

  const Control& control_;
  const std::string line_;
  const int descriptor_;
  int error_ = 0;
};

}  // namespace

void start_threads(Control& control, unsigned n, int descriptor) {
  std::vector<std::shared_ptr<Announcer>> threads;
  std::exception_ptr not_started;
  try {
    threads.reserve(n);
    for (unsigned k = 1; k <= n; ++k) {
      threads.push_back(std::make_shared<Announcer>(control, k, descriptor));
      threads.back()->spawn("announcer", Thread::Signals::faults);
    }
  } catch (...) {
    not_started = std::current_exception();
  }
  for (const auto& thread : threads) {
    while (thread->join(deadline_in(std::chrono::milliseconds(10))) != Wake::woken) control.poll_if_due();
  }
  if (not_started) std::rethrow_exception(not_started);
  for (const auto& thread : threads) {
    if (thread->error() != 0) throw std::system_error(thread->error(), std::generic_category(), "write");
  }
  if (control.stopped()) throw Stopped();
}

}  // namespace core
