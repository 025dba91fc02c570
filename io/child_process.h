// A program that is run beside us with its standard input, output and error on pipes: started without a shell, in a
// folder of its choosing, with our environment, signals as usual, and in a process group of its own, so that it can be
// ended with all that it has started and Ctrl-C at the terminal reaches us alone. Our ends of the pipes do not block
// and are not inherited by programs started later: one that kept a copy of another's input would keep that one alive.
//
// Nothing is left behind: when the program has ended, what remains of its group is killed before it is reaped (until
// then its id cannot be given to a stranger), and the destructor ends a program that is still there. Where destructors
// do not run because the process ends at once, kill_all() comes before. Should we be killed ourselves, the end of its
// input tells it.
//
// Writing to a program that has gone gives EPIPE: SIGPIPE has to be ignored, as src/signals.h does, and SIGCHLD must
// not be, or nobody can say how a program ended. Used by one thread, but for kill_all().
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "io/file.h"

namespace bulk {

class ChildProcess {
 public:
  // Runs arguments[0], looked for in PATH unless it holds a slash; relative paths are seen from `directory` (empty:
  // ours). Error(usage) "WHAT cannot be started: ..." when that is impossible.
  ChildProcess(const std::string& what, const std::vector<std::string>& arguments, const std::string& directory);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int input() const noexcept { return input_ ? input_->fd() : -1; }
  int output() const noexcept { return output_->fd(); }
  int errors() const noexcept { return errors_->fd(); }

  // Ends its input.
  void close_input() noexcept { input_.reset(); }
  // Has it taken all that was written to it out of the pipe?
  bool has_read_all() const noexcept;

  // How it ended, as waitpid() says it; nothing as long as it runs. Does not block.
  std::optional<int> status() noexcept;

  // How long the destructor lets the program end by itself, from SIGTERM to SIGKILL.
  void set_grace(std::chrono::milliseconds grace) noexcept { grace_ = grace; }

  // Kills every program that is there, of all objects, with its group; for a process that is about to end without
  // destructors. Takes no lock and no memory: any thread may call it at any time, and a signal handler too.
  static void kill_all() noexcept;

 private:
  void forget() noexcept;

  std::optional<File> input_;
  std::optional<File> output_;
  std::optional<File> errors_;
  pid_t pid_ = 0;                         // 0 once reaped
  std::atomic<pid_t>* listed_ = nullptr;  // for kill_all()
  std::optional<int> status_;
  std::chrono::milliseconds grace_{2'000};
};

}  // namespace bulk
