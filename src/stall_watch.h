// The stall watch: a run that makes no progress for a stated time ends with Error(remote) that names the request or
// segment that hangs, instead of hanging for ever. What counts as progress is in src/stall_judge.h.
//
// When the job is stopping, for this reason or any other, and its threads do not end within a further limit (one is
// stuck in the kernel or in a library), `abandon` ends the process. That is safe at any moment, as a kill is.
//
// One thread of its own, which wakes once a second at most, and is joined by the destructor.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backends/backend.h"
#include "io/error.h"
#include "io/rate.h"
#include "io/stop.h"
#include "src/activity.h"
#include "src/options.h"
#include "src/progress.h"
#include "src/stall_judge.h"

namespace bulk {

struct StallLimits {
  std::chrono::nanoseconds no_progress{0};  // 0: never
  std::chrono::nanoseconds retry_patience{std::chrono::seconds(330)};
  std::chrono::nanoseconds drain_after_stall{std::chrono::seconds(10)};
  // An fsync of seconds' worth of data may be part of a drain, on a disk far slower than the source.
  std::chrono::nanoseconds drain{std::chrono::seconds(60)};
  std::string source = "the source", target = "the target";  // for the error text
  bool one_segment = false;                                  // the source has no segments worth a number
  std::vector<const RateLimiter*> paced_by;                  // outlive the watch
  // Ends the process with this error; empty: prints its line and does so.
  std::function<void(const Error&)> abandon;
};

// Of --stall-timeout, for a run from `source` to `target` as they are shown to people. With --json the summary of an
// abandoned run is printed too.
StallLimits stall_limits(const Options& options, const std::string& source, const std::string& target);

class StallWatch {
 public:
  // Watches from now until it is destroyed. All that is given outlives it.
  StallWatch(StallLimits limits, const ActivityBoard& board, const ProgressCounters& progress,
             const RequestStats& stats, Stop& stop);
  ~StallWatch();
  StallWatch(const StallWatch&) = delete;

 private:
  void run();
  // Sleeps until `until`; true when the watch is to end. Returns at once when the job has stopped, unless `draining`.
  bool sleep_until(SteadyTime until, bool draining);
  StallSample sample() const;
  Error error_of(const Stall& stall, SteadyTime now) const;
  void abandon();

  const StallLimits limits_;
  const ActivityBoard& board_;
  const ProgressCounters& progress_;
  const RequestStats& stats_;
  Stop& stop_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false, stopping_ = false;
  std::size_t registration_ = 0;
  std::jthread thread_;
};

}  // namespace bulk
