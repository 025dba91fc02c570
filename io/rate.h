// The one place that paces: a token bucket in capacity units whose rate adapts to what the table accepts.
//
// A request is charged an estimate before it is sent (reserve) and trued up with the units that the reply reports
// (settle). Refused units (UnprocessedItems, throttling errors) are the congestion signal. Without a limit and without
// congestion the rate is unbounded: a table that never refuses is never slowed down. On the first congestion the
// ceiling is taken from the units that were accepted per second; from then on the rate follows CUBIC: cut to 85 %, grow
// back to the remembered ceiling within 5 s, flat around it, then probe ever more steeply. The curve is scaled by the
// ceiling, so that a table of 5 units and one of 40,000 behave alike. `max_units` is never exceeded. A refusal in
// the first half second says nothing yet; where nothing was accepted until then, the search begins at the refused
// request's units per second.
//
// RateModel is pure (time is an argument, no locking); RateLimiter wraps it for threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

#include "io/clock.h"
#include "io/stop.h"

namespace bulk {

struct RateLimits {
  double max_units = 0;    // per second; 0: no limit
  double start_units = 0;  // per second, where the table's capacity is known; 0: unbounded until the first congestion
  double share = 1;        // of a ceiling that was found by congestion, for a table that others need too
};

class RateModel {
 public:
  explicit RateModel(const RateLimits& limits, SteadyTime now);

  // Takes `units` from the bucket (it may go into debt) and says how long the caller has to wait before sending.
  std::chrono::nanoseconds reserve(double units, SteadyTime now);

  // What the caller of the last reserve() waits for, and how long it still has to wait for it: less than it was told
  // when the rate has grown since, more when it was cut.
  double goal() const noexcept { return poured_ + std::max(-level_, 0.0); }
  std::chrono::nanoseconds remaining(double goal, SteadyTime now);

  // The outcome of a request that had reserved `reserved`: `used` units were consumed, `refused` were turned away.
  void settle(double reserved, double used, double refused, SteadyTime now);

  double rate() const noexcept { return rate_; }        // units per second; infinity when unbounded
  double ceiling() const noexcept { return ceiling_; }  // remembered; 0 when never congested

 private:
  enum class Phase {
    unbounded,  // no congestion yet
    searching,  // the first ceiling is a guess from few requests: double every second until the second congestion
    holding,    // follow the curve around the ceiling
  };

  void refill(SteadyTime now);
  void congested(double refused, SteadyTime now);
  double clamped(double rate) const;

  RateLimits limits_;
  double rate_;
  double level_ = 0;   // units in the bucket, negative in debt
  double poured_ = 0;  // units that the rate has given since the beginning
  SteadyTime filled_;
  Phase phase_;
  double ceiling_;
  SteadyTime congested_;    // when the last cut was made
  double window_used_ = 0;  // units accepted in the current measuring window
  SteadyTime window_start_;
  double measured_ = 0;  // units per second accepted, of the last whole window
};

class RateLimiter {
 public:
  explicit RateLimiter(const RateLimits& limits);

  // Waits until `units` may be sent; false when the job stopped meanwhile.
  bool acquire(double units, const Stop& stop);
  void settle(double reserved, double used, double refused);
  double rate() const;
  // Is somebody being made to wait right now? A run that is slow on purpose has not stalled.
  bool waiting() const noexcept { return waiting_.load(std::memory_order_relaxed) > 0; }

 private:
  mutable std::mutex mutex_;
  RateModel model_;
  std::atomic<int> waiting_{0};
};

}  // namespace bulk
