#include "src/standard_output.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "io/error.h"

namespace bulk {

namespace {
constexpr std::size_t kBufferBytes = 64u << 10;
}

void StandardOutput::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void StandardOutput::flush() {
  if (buffer_.empty()) return;
  if (before_flush_) before_flush_();
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    const int problem = errno;
    if (problem == EINTR) continue;
    buffer_.clear();  // what could not be written once must not be tried again by the summary
    if (problem == EPIPE) throw Error::interrupted(SIGPIPE);
    throw os_error("write to standard output", problem);
  }
  buffer_.clear();
}

}  // namespace bulk
