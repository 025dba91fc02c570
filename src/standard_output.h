// Standard output, where the data goes. Writes are buffered and every failure is an Error: a full disk behind `> file`
// must not end in exit status 0. A reader that went away (`bulk cat x | head`) is Error::interrupted(SIGPIPE), which
// main ends silently. One user at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace bulk {

class StandardOutput {
 public:
  explicit StandardOutput(int fd = 1) : fd_(fd) {}
  StandardOutput(const StandardOutput&) = delete;

  // Called before bytes leave: a progress line on the same terminal has to go first.
  void before_flush(std::function<void()> hook) { before_flush_ = std::move(hook); }

  void write(std::string_view text);
  // Must be called at the end: the destructor does not write.
  void flush();

 private:
  int fd_;
  std::string buffer_;
  std::function<void()> before_flush_;
};

}  // namespace bulk
