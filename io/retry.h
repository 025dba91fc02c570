// The one place that knows how long to wait before trying again. Pure: the caller brings the time and does the waiting
// (Stop::wait_for), so tests need no clock. Full jitter (a random share of an exponentially growing delay), as the AWS
// SDKs' standard mode does; a throttled request starts higher than a broken one.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "io/clock.h"

namespace bulk {

struct RetryPolicy {
  std::chrono::milliseconds transient_base{25};  // DynamoDB's own recommendation for non-throttling errors
  std::chrono::milliseconds throttled_base{100};
  std::chrono::milliseconds cap{20'000};
  std::chrono::milliseconds give_up_after{60'000};             // of unbroken transient failure
  std::chrono::milliseconds throttled_give_up_after{300'000};  // of unbroken throttling
  int min_attempts = 4;                                        // never give up with fewer
};

// The history of one request that keeps failing. Reset after a success.
class Backoff {
 public:
  enum class Cause { transient, throttled };

  Backoff(const RetryPolicy& policy, std::uint64_t seed) : policy_(policy), random_(seed) {}

  // A failure at `now`: how long to wait, or a negative duration for "give up".
  std::chrono::nanoseconds failed(Cause cause, SteadyTime now);
  void succeeded() { attempts_ = 0; }
  int attempts() const noexcept { return attempts_; }

 private:
  RetryPolicy policy_;
  std::mt19937_64 random_;
  int attempts_ = 0;
  SteadyTime first_failure_{};
};

}  // namespace bulk
