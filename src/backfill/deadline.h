// --until HH:MM: ends a job when the clock on the wall says so, the way a signal does; what has been done stays done
// and the next run goes on. One thread, joined by the destructor.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "io/clock.h"
#include "io/stop.h"

namespace bulk {

// The next time, from `now` on, that a local clock shows HH:MM. Error(usage) when `text` is no such time.
WallTime next_time_of_day(const std::string& text, WallTime now);

class Deadline {
 public:
  // `text` is what the user gave, for the error that ends the job.
  Deadline(WallTime until, std::string text, Stop& stop);
  ~Deadline();
  Deadline(const Deadline&) = delete;

  bool reached() const;

 private:
  mutable std::mutex mutex_;  // guards the two flags
  std::condition_variable changed_;
  bool ending_ = false;
  bool reached_ = false;
  std::jthread thread_;
};

}  // namespace bulk
