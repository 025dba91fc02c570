#include "src/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>

#include "io/child_process.h"
#include "io/error.h"

namespace bulk {

namespace {

// The line that main would print, on a line of its own where a progress line is being drawn. Not through stdio: a
// thread that is stuck may hold its lock.
void say_ended(const Error& cause) {
  const std::string line = std::string(isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "") + "bulk: " + cause.line() + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

[[noreturn]] void end_at_once(int signal) {
  ChildProcess::kill_all();
  _exit(128 + signal);
}

}  // namespace

Signals::Signals(Stop& stop, std::chrono::milliseconds drain) : stop_(stop), drain_(drain) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);
  signal_fd_ = signalfd(-1, &set, SFD_CLOEXEC);
  if (signal_fd_ < 0) throw os_error("receive signals", errno);
  done_fd_ = eventfd(0, EFD_CLOEXEC);
  if (done_fd_ < 0) {
    const int problem = errno;
    close(signal_fd_);
    throw os_error("receive signals", problem);
  }
  thread_ = std::thread([this] { receive(); });
}

Signals::~Signals() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written =
      write(done_fd_, &one, sizeof one);  // an eventfd below its maximum never fails
  thread_.join();
  close(done_fd_);
  close(signal_fd_);
}

void Signals::receive() {
  using Clock = std::chrono::steady_clock;
  int first = 0;
  Clock::time_point deadline;
  for (;;) {
    int timeout_ms = -1;
    if (first != 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      timeout_ms = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    }
    pollfd wait[2] = {{signal_fd_, POLLIN, 0}, {done_fd_, POLLIN, 0}};
    const int ready = poll(wait, 2, timeout_ms);
    if (ready < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (ready == 0) {
      say_ended(Error::interrupted(first));
      end_at_once(first);
    }
    if (wait[1].revents != 0) return;
    signalfd_siginfo received;
    if (read(signal_fd_, &received, sizeof received) != sizeof received) continue;
    const int signal = static_cast<int>(received.ssi_signo);
    if (first != 0) end_at_once(signal);
    first = signal;
    deadline = Clock::now() + drain_;
    stop_.fail(std::make_exception_ptr(Error::interrupted(signal)));
  }
}

}  // namespace bulk
