#include "io/rate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bulk {
namespace {

constexpr double kBeta = 0.85;  // what is left of the rate after congestion; TCP's 0.7 wastes more, see rate_test
constexpr double kRecoverySeconds = 5;  // from a cut back to the remembered ceiling
constexpr double kSharedRecoverySeconds =
    60;                                 // the same where others need the table: probing is what would disturb them
constexpr double kBurstSeconds = 0.25;  // of unused rate that may be saved up
// Whoever waits looks again so often: the rate may have grown, and what was a wait of minutes is one of seconds.
constexpr std::chrono::milliseconds kLookAgain{200};
constexpr double kLeastRate = 1;        // units per second: one small write
constexpr double kWindowSeconds = 0.5;  // of the measured rate
constexpr double kCutSeconds = 0.5;     // one cut answers all refusals of requests that were under way together

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

RateModel::RateModel(const RateLimits& limits, SteadyTime now)
    : limits_(limits),
      rate_(limits.start_units > 0 ? limits.start_units : std::numeric_limits<double>::infinity()),
      filled_(now),
      phase_(limits.start_units > 0 ? Phase::holding : Phase::unbounded),
      ceiling_(limits.start_units),
      congested_(now),
      window_start_(now) {
  rate_ = clamped(rate_);
}

double RateModel::clamped(double rate) const {
  if (limits_.max_units > 0) rate = std::min(rate, limits_.max_units);
  return std::max(rate, limits_.max_units > 0 ? std::min(kLeastRate, limits_.max_units) : kLeastRate);
}

void RateModel::refill(SteadyTime now) {
  const double passed = seconds(now - filled_);
  filled_ = std::max(filled_, now);
  if (std::isinf(rate_) || passed <= 0) return;
  poured_ += passed * rate_;
  level_ = std::min(level_ + passed * rate_, std::max(rate_ * kBurstSeconds, kLeastRate));
}

std::chrono::nanoseconds RateModel::reserve(double units, SteadyTime now) {
  if (std::isinf(rate_)) return std::chrono::nanoseconds(0);
  refill(now);
  level_ -= units;
  if (level_ >= 0) return std::chrono::nanoseconds(0);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(-level_ / rate_ * 1e9));
}

std::chrono::nanoseconds RateModel::remaining(double goal, SteadyTime now) {
  refill(now);
  if (std::isinf(rate_) || poured_ >= goal) return std::chrono::nanoseconds(0);
  return std::chrono::nanoseconds(static_cast<std::int64_t>((goal - poured_) / rate_ * 1e9));
}

void RateModel::settle(double reserved, double used, double refused, SteadyTime now) {
  refill(now);
  // Refused units stay charged: giving them back would let a refused request be sent again at once, a throttling storm.
  if (!std::isinf(rate_)) level_ += reserved - used - refused;

  window_used_ += used;
  if (const double passed = seconds(now - window_start_); passed >= kWindowSeconds) {
    measured_ = window_used_ / passed;
    window_used_ = 0;
    window_start_ = now;
  }

  const double since_cut = seconds(now - congested_);
  if (refused > 0) {
    if (phase_ != Phase::unbounded && since_cut < kCutSeconds) return;
    congested(refused, now);
    return;
  }
  if (phase_ == Phase::unbounded) return;
  const double recovery = limits_.share < 1 ? kSharedRecoverySeconds : kRecoverySeconds;
  const double offset = (since_cut - recovery) / recovery;
  const double curve = phase_ == Phase::searching
                           ? ceiling_ * kBeta * std::exp2(since_cut)
                           : ceiling_ * (1 + (1 - kBeta) * offset * offset * offset) * limits_.share;
  // No growth that nobody uses: a rate far above what is being sent would be no limit at all when it is needed.
  const double useful = measured_ > 0 ? std::max(2 * measured_, rate_) : curve;
  rate_ = clamped(std::min(curve, useful));
}

void RateModel::congested(double refused, SteadyTime now) {
  // A refusal among the very first requests says nothing about a rate: those that were refused wait anyway.
  if (phase_ == Phase::unbounded && measured_ <= 0 && seconds(now - window_start_) < kWindowSeconds) return;
  // Before a whole window has passed, the units of the part that has are the best measure there is.
  const double accepted = measured_ > 0 ? measured_ : window_used_ / std::max(seconds(now - window_start_), 0.1);
  // What was accepted lags behind a growing rate, so a cut never goes below kBeta of the present one.
  const double sustained = std::isinf(rate_) ? accepted : std::min(rate_, std::max(accepted, rate_ * kBeta));
  const double share_in_force = phase_ == Phase::holding ? limits_.share : 1;
  const double least = phase_ == Phase::unbounded ? std::max(kLeastRate, refused) : kLeastRate;
  ceiling_ = std::max(least, sustained / share_in_force);
  phase_ = phase_ == Phase::unbounded ? Phase::searching : Phase::holding;
  congested_ = now;
  rate_ = clamped(ceiling_ * kBeta * (phase_ == Phase::holding ? limits_.share : 1));
  level_ = std::min(level_, 0.0);
}

RateLimiter::RateLimiter(const RateLimits& limits) : model_(limits, std::chrono::steady_clock::now()) {}

bool RateLimiter::acquire(double units, const Stop& stop) {
  std::unique_lock lock(mutex_);
  std::chrono::nanoseconds wait = model_.reserve(units, std::chrono::steady_clock::now());
  const double goal = model_.goal();
  lock.unlock();
  if (wait.count() <= 0) return !stop.stopped();
  waiting_.fetch_add(1, std::memory_order_relaxed);
  bool stopped = false;
  while (wait.count() > 0 && !stopped) {
    stopped = stop.wait_for(std::min<std::chrono::nanoseconds>(wait, kLookAgain));
    lock.lock();
    wait = model_.remaining(goal, std::chrono::steady_clock::now());
    lock.unlock();
  }
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  return !stopped;
}

void RateLimiter::settle(double reserved, double used, double refused) {
  const std::lock_guard lock(mutex_);
  model_.settle(reserved, used, refused, std::chrono::steady_clock::now());
}

double RateLimiter::rate() const {
  const std::lock_guard lock(mutex_);
  return model_.rate();
}

}  // namespace bulk
