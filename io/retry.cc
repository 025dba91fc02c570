#include "io/retry.h"

#include <algorithm>

namespace bulk {

std::chrono::nanoseconds Backoff::failed(Cause cause, SteadyTime now) {
  if (attempts_ == 0) first_failure_ = now;
  ++attempts_;
  const bool throttled = cause == Cause::throttled;
  const auto patience = throttled ? policy_.throttled_give_up_after : policy_.give_up_after;
  if (attempts_ >= policy_.min_attempts && now - first_failure_ >= patience) return std::chrono::nanoseconds(-1);

  const std::chrono::nanoseconds base = throttled ? policy_.throttled_base : policy_.transient_base;
  // Beyond 2^20 the cap has long been reached.
  const std::chrono::nanoseconds grown = base * (std::int64_t{1} << std::min(attempts_ - 1, 20));
  const std::chrono::nanoseconds limit = std::min<std::chrono::nanoseconds>(grown, policy_.cap);
  return std::chrono::nanoseconds(std::uniform_int_distribution<std::int64_t>(0, limit.count())(random_));
}

}  // namespace bulk
