// The one place that paces: RateModel (io/rate_model.h says how it finds what a table takes) on the real clock, for
// threads and for event loops. One limiter per table and direction, shared by all who send.
//
// Whoever sends asks for units first, waits as it is told, and settles with what the reply says. acquire() waits in the
// call; reserve() and wait_left() are for who must not. All members may be called from any thread; a mutex is held for
// some 100 ns.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>

#include "io/rate_limits.h"
#include "io/stop.h"

namespace bulk {

class RateModel;

class RateLimiter {
 public:
  explicit RateLimiter(const RateLimits& limits);
  ~RateLimiter();

  // Waits until `units` may be sent; false when the job stopped meanwhile.
  bool acquire(double units, const Stop& stop);

  // Takes the units at once. They are served in the order of their reservations.
  struct Reservation {
    double units = 0;
    double goal = 0;  // of the units that the rate gives: see RateModel::goal
  };
  Reservation reserve(double units);

  // When to ask again, at most 200 ms from now because the rate may grow meanwhile; 0: the request may go now. It is
  // settled when its reply is there. A reservation that is given up is settled with nothing used and nothing refused,
  // and who waits behind it moves up.
  std::chrono::nanoseconds wait_left(const Reservation& reservation);

  // The outcome of a request that had reserved `reserved`: `used` units were consumed; `refused` were turned away
  // because the table is over its capacity (of those of hot partitions, see src/hot_partitions.h, none).
  void settle(double reserved, double used, double refused);

  double rate() const;  // units per second; infinity when unbounded

  // Lives for as long as its owner holds something back for this limiter. acquire() makes its own.
  class Waiting {
   public:
    explicit Waiting(RateLimiter& limiter) noexcept : limiter_(limiter) {
      limiter_.waiting_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Waiting() { limiter_.waiting_.fetch_sub(1, std::memory_order_relaxed); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    RateLimiter& limiter_;
  };
  // Is somebody being made to wait right now? A run that is slow on purpose has not stalled.
  bool waiting() const noexcept { return waiting_.load(std::memory_order_relaxed) > 0; }

 private:
  mutable std::mutex mutex_;
  const std::unique_ptr<RateModel> model_;
  std::atomic<int> waiting_{0};
};

}  // namespace bulk
