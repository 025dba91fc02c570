#include "io/rate_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bulk {
namespace {

// The curve after a cut. For what was rejected see the header; all were found with bench/rate_sim.
constexpr double kDepth = 0.2;       // of a cut, and of the probe at the end of the curve
constexpr double kFirstDepth = 0.4;  // of the first cut; kDepth is reached with the ninth
constexpr double kFirstCuts = 8;
constexpr double kPlateauSeconds = 1.7;  // from a cut to the ceiling; as long again to the end of the probe
constexpr double kLongestPlateauSeconds = 20;
constexpr double kJitter = 0.2;            // of the plateau
constexpr double kDoublingSeconds = 0.5;   // while nothing is refused
constexpr double kFall = 0.7;              // of the ceiling at once: it may come back at once, so look twice as early
constexpr double kSlowRequests = 5;        // per second: below it one refusal is much where the curve probes
constexpr double kFewRequests = 2;         // per second: below it the curve is slower
constexpr double kFadingOfRequests = 0.8;  // with each cut
constexpr double kFirstShare = 0.25;       // of what was accepted at first, to begin the search with, but at least
constexpr double kFirstRequests = 4;       // requests per second
// The same where others need the table.
constexpr double kSharedDepth = 0.3;
constexpr double kSharedRecoverySeconds = 60;
constexpr double kSharedDoublingSeconds = 1'800;
constexpr double kSuddenSeconds = 3;     // of trouble: no cut is deeper than kSharedDepth
constexpr double kRememberSeconds = 10;  // of trouble: the ceiling is remembered as it was
constexpr double kForgetSeconds = 5;     // from then on half of it is forgotten in so many
constexpr double kSaysNothing = 0.1;     // share accepted: less says that others have it all, not what there is

// What is congestion.
constexpr double kRefusedAtRandom = 0.01;  // share of requests
constexpr double kRefusedByCongestion = 0.1;
constexpr double kLeastEvidence = 6.7;      // three refusals in a row, four among a dozen
constexpr double kLeastEvidenceSlow = 2.2;  // one
constexpr double kFalseAlarmSeconds = 1;    // at least so many between two, by the usual bound for a CUSUM
constexpr double kStaleSeconds = 0.1;       // at least, after a cut: not all that is under way need have been reserved
constexpr double kFewestRequests = 8;       // for units over time to mean something
constexpr double kExcessDeviations = 1.3;   // for the lower bound of the share that was refused

constexpr double kBurstSeconds = 0.25;   // of unused rate that may be saved up
constexpr double kLeastRate = 1;         // units per second: one small write
constexpr double kMostRate = 1e12;       // no limit, yet a number to reckon with
constexpr double kWindowSeconds = 0.25;  // of the measured rates
constexpr double kSearchSeconds = 2 * kWindowSeconds;

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

std::chrono::nanoseconds nanoseconds(double seconds) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(seconds, 1e9) * 1e9));
}

}  // namespace

RateModel::RateModel(const RateLimits& limits, SteadyTime now, std::uint64_t seed)
    : limits_{.max_units = std::min(limits.max_units, kMostRate),
              .start_units = std::min(limits.start_units, kMostRate),
              .share = limits.share},
      phase_(limits.start_units <= 0 ? Phase::unbounded
             : limits.share < 1      ? Phase::holding
                                     : Phase::searching),
      rate_(clamped(limits.start_units > 0 ? limits_.start_units : std::numeric_limits<double>::infinity())),
      ceiling_(limits_.start_units / limits.share),
      filled_(now),
      cut_(now),
      trouble_(now),
      window_start_(now),
      random_(static_cast<std::uint32_t>(seed ^ seed >> 32)) {}

double RateModel::clamped(double rate) const {
  if (limits_.max_units > 0) rate = std::min(rate, limits_.max_units);
  return std::max(rate, limits_.max_units > 0 ? std::min(kLeastRate, limits_.max_units) : kLeastRate);
}

void RateModel::advance(SteadyTime now) {
  const double passed = seconds(now - filled_);
  filled_ = std::max(filled_, now);
  if (std::isinf(rate_) || passed <= 0) return;
  if (level_ < 0) pour(std::min(passed * rate_, -level_));
  level_ = std::min(level_ + passed * rate_, std::max(rate_ * kBurstSeconds, kLeastRate));
  if (phase_ == Phase::unbounded) return;
  // No growth that nobody uses: a rate far above what is being sent would be no limit at all when it is needed.
  const double useful = level_ < 0 ? std::numeric_limits<double>::infinity() : std::max(2 * measured_, rate_);
  rate_ = clamped(std::min({curve(seconds(now - cut_)), useful, kMostRate}));
}

// What is added may be less than half of the last digit of the sum: the rest is kept.
void RateModel::pour(double units) {
  poured_rest_ += units;
  const double sum = poured_ + poured_rest_;
  poured_rest_ -= sum - poured_;
  poured_ = sum;
}

// Whoever waits is behind what was served, so what that did not use moves them up; but the last of them no further than
// the bucket allows, as others may have used more than they had reserved.
void RateModel::give_back(double units) {
  level_ += units;
  const double ahead = last_goal_ - poured_ - poured_rest_ - std::max(-level_, 0.0);
  if (units > 0 && ahead > 0) pour(std::min(units, ahead));
}

std::chrono::nanoseconds RateModel::reserve(double units, SteadyTime now) {
  reserved_ += units;
  ++reservations_;
  if (std::isinf(rate_)) return std::chrono::nanoseconds(0);
  advance(now);
  level_ -= units;
  last_goal_ = goal();
  return level_ >= 0 ? std::chrono::nanoseconds(0) : nanoseconds(-level_ / rate_);
}

std::chrono::nanoseconds RateModel::remaining(double goal, SteadyTime now) {
  advance(now);
  // Nobody waits longer than the bucket is in debt, whatever was rounded on the way.
  const double left = std::min(goal - poured_ - poured_rest_, -level_);
  if (std::isinf(rate_) || left <= 0) return std::chrono::nanoseconds(0);
  return std::max(nanoseconds(left / rate_), std::chrono::nanoseconds(1));
}

void RateModel::settle(double reserved, double used, double refused, SteadyTime now) {
  advance(now);
  // Refused units stay charged: giving them back would let a refused request be sent again at once, a throttling storm.
  if (!std::isinf(rate_)) give_back(reserved - used - refused);
  measure(reserved, used, now);
  settled_ += reserved;
  const bool stale = settled_ <= stale_until_ || (cuts_ > 0 && seconds(now - cut_) < kStaleSeconds);
  if (!stale && congested(reserved, refused, now)) cut(refused, now);
}

void RateModel::measure(double reserved, double used, SteadyTime now) {
  used_since_cut_ += used;
  settled_since_cut_ += reserved;
  ++requests_since_cut_;
  window_used_ += used;
  if (reserved > 0) window_requests_ += std::min(used / reserved, 1.0);
  const double passed = seconds(now - window_start_);
  if (passed < kWindowSeconds) return;
  measured_ = window_used_ / passed;
  requests_per_second_ = window_requests_ / passed;
  window_used_ = window_requests_ = 0;
  window_start_ = now;
}

bool RateModel::congested(double reserved, double refused, SteadyTime now) {
  evidence_.sent += reserved;
  evidence_.refused += refused;
  if (refused > 0) {
    ++evidence_.refusals;
    evidence_.score += std::log(kRefusedByCongestion / kRefusedAtRandom);
  } else {
    evidence_.score += std::log((1 - kRefusedByCongestion) / (1 - kRefusedAtRandom));
    if (evidence_.score <= 0) evidence_ = Evidence();
  }
  // Below its ceiling one is refused because of others, or because the capacity fell, which more refusals will tell.
  const bool slow = cuts_ > 0 && usual_requests_ < kSlowRequests && seconds(now - cut_) > plateau_;
  const double least = slow ? kLeastEvidenceSlow : kLeastEvidence;
  return evidence_.score >= std::max(least, std::log(kFalseAlarmSeconds * requests_per_second_));
}

// What the table gives this process, in units per second.
double RateModel::sustained(double since_cut, SteadyTime now) const {
  if (phase_ == Phase::unbounded) {
    return std::max(measured_, window_used_ / std::max(seconds(now - window_start_), kWindowSeconds));
  }
  const double certain = std::max(0.0, 1 - kExcessDeviations / std::sqrt(evidence_.refusals));
  const double by_share = rate_ * (1 - certain * evidence_.refused / std::max(evidence_.sent, evidence_.refused));
  if (phase_ == Phase::searching) {
    // The capacity that the table was said to have, until more than that has been seen.
    if (cuts_ == 0) return std::min(by_share, limits_.start_units);
    return limits_.share < 1 && since_cut >= kSearchSeconds ? std::min(by_share, measured_) : by_share;
  }
  if (since_cut < plateau_ / 2) {
    // The last cut was not deep enough: the table was full ever since.
    return requests_since_cut_ < kFewestRequests ? by_share : std::min(by_share, used_since_cut_ / since_cut);
  }
  if (limits_.share < 1) return std::min(by_share, measured_);
  if (since_cut < 2 * plateau_) return std::min(by_share, used_since_cut_ / since_cut);
  // Beyond the curve the rate has doubled and doubled until the bucket was empty: the ceiling lies anywhere in between.
  return std::min({by_share, measured_, fell_ ? rate_ : std::sqrt(ceiling_ * rate_)});
}

void RateModel::cut(double refused, SteadyTime now) {
  const double since_cut = seconds(now - cut_);
  const bool first = phase_ == Phase::unbounded;
  // A refusal among the very first requests says nothing about a rate: those that were refused wait anyway.
  if (first && since_cut < kWindowSeconds) return;
  const bool shared = limits_.share < 1;
  double found = std::max({sustained(since_cut, now), kLeastRate, first ? refused : 0});
  // What one of many gets of a flood is chance: all begin their search nearer to each other. Who is to find a share
  // does not: in a longer search the table saves up more, and the ceiling looks higher than it is.
  if (first && !shared) found = std::max(kFirstShare * found, kFirstRequests * reserved_ / reservations_);
  const double before = ceiling_;
  const bool share_held = shared && phase_ == Phase::holding;
  const double share_left = share_held ? cut_share(found, since_cut, now) : 0;
  if (!share_held) {
    ceiling_ = found;
    trouble_ = now;
  }
  // A share is held for long, so the ceiling that it is a share of is measured first.
  const bool unsure = shared && phase_ == Phase::searching && since_cut < kSearchSeconds;
  phase_ = first || unsure ? Phase::searching : Phase::holding;
  depth_ = share_held ? 1 - share_left / (ceiling_ * limits_.share)
           : shared && phase_ == Phase::holding
               ? kSharedDepth
               : kDepth + (kFirstDepth - kDepth) * std::max(0.0, 1 - cuts_ / kFirstCuts);
  ++cuts_;
  // Who was pushed aside a moment ago is not one that is slow by nature.
  usual_requests_ = std::max(requests_per_second_, kFadingOfRequests * usual_requests_);
  const double slowness = std::max(1.0, kFewRequests / std::max(usual_requests_, 1e-3));
  plateau_ = std::min(kPlateauSeconds * slowness * slowness, kLongestPlateauSeconds) *
             std::uniform_real_distribution<>(1 - kJitter, 1 + kJitter)(random_);
  fell_ = phase_ == Phase::holding && ceiling_ < kFall * before;
  if (fell_) plateau_ /= 2;
  cut_ = now;
  rate_ = clamped(curve(0));
  level_ = std::min(level_, 0.0);
  used_since_cut_ = settled_since_cut_ = requests_since_cut_ = 0;
  evidence_ = Evidence();
  stale_until_ = reserved_ + level_;  // without those that still wait
}

// Whoever else needs the table may take all of it for a moment. What is left then is no ceiling: the curve goes back to
// the one that there was, unless that is refused again and again. Returns the rate to begin with.
double RateModel::cut_share(double found, double since_cut, SteadyTime now) {
  const double refused_at = rate_ / limits_.share;
  const bool again = cuts_ > 0 && since_cut < kSharedRecoverySeconds / 2;  // after that 7/8 of the cut have healed
  if (!again) trouble_ = now;
  const double lasted = seconds(now - trouble_);
  if (!again) {
    ceiling_ = refused_at;
  } else if (lasted > kRememberSeconds && used_since_cut_ > kSaysNothing * settled_since_cut_) {
    ceiling_ = std::max(std::min(ceiling_, refused_at), ceiling_ * std::exp2(-since_cut / kForgetSeconds));
  }
  return (1 - kSharedDepth) * (lasted < kSuddenSeconds ? rate_ : std::min(found, rate_));
}

double RateModel::curve(double since_cut) const {
  if (phase_ == Phase::searching) return ceiling_ * (1 - depth_) * std::exp2(since_cut / kDoublingSeconds);
  if (limits_.share < 1) {
    const double left = std::max(0.0, 1 - since_cut / kSharedRecoverySeconds);
    const double later = std::max(0.0, since_cut - kSharedRecoverySeconds);
    return ceiling_ * limits_.share * (1 - depth_ * left * left * left) * std::exp2(later / kSharedDoublingSeconds);
  }
  const double offset = std::min(since_cut / plateau_ - 1, 1.0);
  const double later = std::max(0.0, since_cut - 2 * plateau_);
  return ceiling_ * (1 + depth_ * offset * offset * offset) * std::exp2(later / kDoublingSeconds);
}

}  // namespace bulk
