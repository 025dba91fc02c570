// A named pipe that has a writer as long as the object lives: whoever reads it waits for what send() gives.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace bulk::test {

class HeldPipe {
 public:
  explicit HeldPipe(std::string path) : path_(std::move(path)) {
    if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error("cannot make the pipe " + path_);
    fd_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);  // O_RDWR: does not wait for a reader
    if (fd_ < 0) throw std::runtime_error("cannot open the pipe " + path_);
  }
  ~HeldPipe() { ::close(fd_); }
  HeldPipe(const HeldPipe&) = delete;

  const std::string& path() const { return path_; }
  // Less than what a pipe holds (64 KiB).
  void send(std::string_view text) const {
    if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("cannot write to the pipe " + path_);
    }
  }
  // Whoever writes to it has to wait.
  bool is_full() const {
    pollfd room{fd_, POLLOUT, 0};
    return ::poll(&room, 1, 0) == 0;
  }

 private:
  std::string path_;
  int fd_;
};

}  // namespace bulk::test
