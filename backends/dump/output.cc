#include "backends/dump/output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "io/error.h"

namespace bulk {
namespace {

constexpr int kPollMs = 100;
// No more at a time than a pipe takes without blocking once poll() has said that there is room (PIPE_BUF).
constexpr std::size_t kPipeBytes = 4096;

class FileOutput : public Output {
 public:
  explicit FileOutput(std::unique_ptr<PartialFile> file) : file_(std::move(file)) {}
  void write(std::string_view bytes) override { file_->write(bytes); }
  bool keep() override {
    file_->keep();
    return true;
  }
  void publish() override { file_->publish(); }
  std::uint64_t written() const override { return file_->written(); }

 private:
  std::unique_ptr<PartialFile> file_;
};

class DescriptorOutput : public Output {
 public:
  DescriptorOutput(int fd, std::string name, const Stop& stop)
      : file_(dup(fd), name), name_(std::move(name)), stop_(stop) {
    if (file_.fd() < 0) throw os_error("write to " + name_, errno);
    regular_ = file_.is_regular();
  }

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (!regular_) wait_for_room();
      const std::size_t most = regular_ ? bytes.size() : std::min(bytes.size(), kPipeBytes);
      const ssize_t put = ::write(file_.fd(), bytes.data(), most);
      if (put >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(put));
        written_ += static_cast<std::uint64_t>(put);
      } else if (errno == EPIPE) {
        throw Error(ErrorKind::failed, name_ + " was closed");
      } else if (errno != EINTR && errno != EAGAIN) {
        throw os_error("write to " + name_, errno);
      }
    }
  }

  void publish() override {
    if (regular_) file_.sync();
  }
  std::uint64_t written() const override { return written_; }

 private:
  void wait_for_room() const {
    while (true) {
      stop_.check();
      pollfd waiting{file_.fd(), POLLOUT, 0};
      const int ready = poll(&waiting, 1, kPollMs);
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) throw os_error("wait for " + name_, errno);
    }
  }

  File file_;
  std::string name_;
  const Stop& stop_;
  bool regular_ = false;
  std::uint64_t written_ = 0;
};

}  // namespace

std::unique_ptr<Output> make_file_output(const std::string& path) {
  return make_file_output(std::make_unique<PartialFile>(path));
}

std::unique_ptr<Output> make_file_output(std::unique_ptr<PartialFile> file) {
  return std::make_unique<FileOutput>(std::move(file));
}

std::unique_ptr<Output> make_descriptor_output(int fd, std::string name, const Stop& stop) {
  return std::make_unique<DescriptorOutput>(fd, std::move(name), stop);
}

}  // namespace bulk
