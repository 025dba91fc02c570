#include "src/stall_judge.h"

#include <algorithm>

namespace bulk {

namespace {

// A pause between two attempts is at most 20 s (io/retry.h): repeats further apart are not one series.
constexpr std::chrono::seconds kRepeatsTogether{30};

bool may_hang(Doing doing) {
  return doing == Doing::reading || doing == Doing::writing || doing == Doing::finishing;
}

}  // namespace

StallJudge::StallJudge(std::chrono::nanoseconds no_progress, std::chrono::nanoseconds retry_patience,
                       const StallSample& first)
    : no_progress_(no_progress),
      retry_patience_(retry_patience),
      repeats_(first.requests_retried),
      last_progress_(first.time) {
  seen_ = seen_by(first);
}

StallJudge::Seen StallJudge::seen_by(const StallSample& sample) const {
  Seen seen{sample.records_read, sample.records_written, sample.streamed_bytes, 0};
  // A repeat is counted as retried before it is counted as sent, which lowers the difference for an instant. Sinks
  // without requests count repeats alone.
  const std::uint64_t repeats = std::min(sample.requests_retried, sample.requests_sent);
  seen.requests = std::max(seen_.requests, sample.requests_sent - repeats);
  return seen;
}

std::optional<Stall> StallJudge::add(const StallSample& sample) {
  const SteadyTime now = sample.time;
  if (sample.requests_retried != repeats_) last_repeat_ = now;
  repeats_ = sample.requests_retried;
  if (const Seen seen = seen_by(sample); !(seen == seen_)) {
    seen_ = seen;
    last_progress_ = now;
    return std::nullopt;
  }
  const bool repeating = last_repeat_ && now - *last_repeat_ < kRepeatsTogether;
  const auto limit = repeating ? std::max(no_progress_, retry_patience_) : no_progress_;
  if (now - last_progress_ < limit || sample.paced) return std::nullopt;

  Stall stall;
  bool alive = false;
  for (const Activity& activity : sample.activities) {
    alive = alive || activity.doing != Doing::waiting;
    if (!may_hang(activity.doing) || now - activity.since < no_progress_) continue;
    if (!stall.hanging || activity.since < stall.hanging->since) stall.hanging = activity;
  }
  if (!stall.hanging && alive) return std::nullopt;
  return stall;
}

}  // namespace bulk
