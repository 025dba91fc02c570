// SIGINT and SIGTERM end the job through Stop, like any other failure; a second one ends the process at once (status
// 130 or 143). So does the first one when the process is still there after `drain`: whoever asks it to end must not
// wait for a disk or a library, and killing it is safe at any moment. Either way the programs that the job has started
// are killed first (io/child_process.h). A drain usually takes less than 200 ms, because whatever waits looks at Stop
// every 100 ms; what it would have saved is the last checkpoint. SIGPIPE is ignored: a closed pipe is an error of
// write(). SIGCHLD is as usual even where our parent had it ignored: else the system would reap the job's programs and
// nobody could say how they ended. The signals are blocked in every thread and received by one thread of this object's
// own, because Stop takes locks and must not be called in a signal handler. Construct before any other thread starts
// (they inherit the mask); the destructor joins the thread.
#pragma once

#include <chrono>
#include <thread>

#include "io/stop.h"

namespace bulk {

class Signals {
 public:
  // Users are promised an end within 2 s.
  static constexpr std::chrono::milliseconds kDrain{1'800};

  explicit Signals(Stop& stop, std::chrono::milliseconds drain = kDrain);
  ~Signals();
  Signals(const Signals&) = delete;

 private:
  void receive();

  Stop& stop_;
  const std::chrono::milliseconds drain_;
  int done_fd_;  // readable when the thread has to end
  int signal_fd_;
  std::thread thread_;
};

}  // namespace bulk
