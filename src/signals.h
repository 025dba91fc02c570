// SIGINT and SIGTERM end the job through Stop, like any other failure; a second one ends the process at once (status
// 130 or 143). SIGPIPE is ignored: a closed pipe is an error of write(). The signals are blocked in every thread and
// received by one thread of this object's own, because Stop takes locks and must not be called in a signal handler.
// Construct before any other thread starts (they inherit the mask); the destructor joins the thread.
#pragma once

#include <thread>

#include "io/stop.h"

namespace bulk {

class Signals {
 public:
  explicit Signals(Stop& stop);
  ~Signals();
  Signals(const Signals&) = delete;

 private:
  void receive();

  Stop& stop_;
  int done_fd_;  // readable when the thread has to end
  int signal_fd_;
  std::thread thread_;
};

}  // namespace bulk
