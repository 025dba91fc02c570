#include "src/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "io/error.h"

namespace bulk {

Signals::Signals(Stop& stop) : stop_(stop) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
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
  bool first = true;
  for (;;) {
    pollfd wait[2] = {{signal_fd_, POLLIN, 0}, {done_fd_, POLLIN, 0}};
    if (poll(wait, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (wait[1].revents != 0) return;
    signalfd_siginfo received;
    if (read(signal_fd_, &received, sizeof received) != sizeof received) continue;
    const int signal = static_cast<int>(received.ssi_signo);
    if (!first) _exit(128 + signal);
    first = false;
    stop_.fail(std::make_exception_ptr(Error::interrupted(signal)));
  }
}

}  // namespace bulk
