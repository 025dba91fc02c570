#include "io/rate.h"

#include <algorithm>
#include <random>

#include "io/rate_model.h"

namespace bulk {
namespace {

// Whoever waits looks again so often: the rate may have grown, and what was a wait of minutes is one of seconds.
constexpr std::chrono::nanoseconds kLookAgain = std::chrono::milliseconds(200);

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

RateLimiter::RateLimiter(const RateLimits& limits)
    : model_(std::make_unique<RateModel>(limits, now(), std::random_device{}())) {}

RateLimiter::~RateLimiter() = default;

bool RateLimiter::acquire(double units, const Stop& stop) {
  const Reservation reservation = reserve(units);
  std::chrono::nanoseconds wait = wait_left(reservation);
  if (wait.count() <= 0) return !stop.stopped();
  const Waiting waiting(*this);
  while (wait.count() > 0) {
    if (stop.wait_for(wait)) return false;
    wait = wait_left(reservation);
  }
  return true;
}

RateLimiter::Reservation RateLimiter::reserve(double units) {
  const std::lock_guard lock(mutex_);
  model_->reserve(units, now());
  return {units, model_->goal()};
}

std::chrono::nanoseconds RateLimiter::wait_left(const Reservation& reservation) {
  const std::lock_guard lock(mutex_);
  return std::min(model_->remaining(reservation.goal, now()), kLookAgain);
}

void RateLimiter::settle(double reserved, double used, double refused) {
  const std::lock_guard lock(mutex_);
  model_->settle(reserved, used, refused, now());
}

double RateLimiter::rate() const {
  const std::lock_guard lock(mutex_);
  return model_->rate();
}

}  // namespace bulk
