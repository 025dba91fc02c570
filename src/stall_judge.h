// Decides whether a run has stalled, from samples of what it does: pure, time comes with the samples
// (src/stall_watch.h takes them).
//
// Progress is a record read or written, a byte that a stream delivers, or a new request: a thread that sends a new one
// has had its last one answered. Sending the same request again is none. But while requests are being repeated, which
// is what throttling and broken connections look like, the retry logic is at work, which gives up by itself
// (io/retry.h: 60 s without an answer, 300 s of throttling): for as long as that lasts the limit is at least
// `retry_patience`, so that its more exact error comes first, and no longer.
//
// A stall is: no progress, and a thread that has been in one read, one write or the last fsync for the whole time. A
// thread that waits for another one (back-pressure) is never named; one that is made to wait for capacity or bandwidth
// or computes means that there is no stall. If all wait for each other, that is one too. A pipe that delivers or takes
// nothing is a stall like any other: a producer that has hung looks just the same.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "io/clock.h"
#include "src/activity.h"

namespace bulk {

struct StallSample {
  SteadyTime time;
  std::uint64_t records_read = 0, records_written = 0, streamed_bytes = 0;
  std::uint64_t requests_sent = 0, requests_retried = 0;
  bool paced = false;  // somebody waits for a rate limiter
  std::vector<Activity> activities;
};

struct Stall {
  std::optional<Activity> hanging;  // nothing: all wait for each other
};

class StallJudge {
 public:
  StallJudge(std::chrono::nanoseconds no_progress, std::chrono::nanoseconds retry_patience, const StallSample& first);

  // In order of time.
  std::optional<Stall> add(const StallSample& sample);

 private:
  struct Seen {
    std::uint64_t read = 0, written = 0, streamed = 0, requests = 0;
    bool operator==(const Seen&) const = default;
  };
  Seen seen_by(const StallSample& sample) const;

  std::chrono::nanoseconds no_progress_, retry_patience_;
  Seen seen_;
  std::uint64_t repeats_;
  SteadyTime last_progress_;
  std::optional<SteadyTime> last_repeat_;
};

}  // namespace bulk
