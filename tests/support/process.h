// A server that a test needs, as a child process on a port of 127.0.0.1. The child is killed by its id when the object
// goes, and by the kernel when the thread that started it dies first, so that a crashed test leaves nothing behind.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace bulk::test {

// A port of 127.0.0.1 that was free a moment ago.
unsigned short free_port();
// Does anybody listen there?
bool answers(unsigned short port);

class Process {
 public:
  // Runs argv[0] with these arguments; its output goes to `log_file`, or nowhere. Throws std::runtime_error.
  explicit Process(const std::vector<std::string>& argv, const std::string& log_file = "/dev/null");
  ~Process();
  Process(Process&& other) noexcept : pid_(other.pid_) { other.pid_ = -1; }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const noexcept { return pid_; }
  bool running();
  void kill();

 private:
  pid_t pid_ = -1;
};

// Starts a server with the arguments that `arguments` makes of a free port, and waits until it listens (at most 30 s).
// Tries another port when it dies before. Throws std::runtime_error with the end of its output.
struct ServerProcess {
  Process process;
  unsigned short port;
};
ServerProcess start_server(const std::function<std::vector<std::string>(unsigned short port)>& arguments);

}  // namespace bulk::test
