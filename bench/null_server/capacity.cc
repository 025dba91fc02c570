#include "bench/null_server/capacity.h"

#include <algorithm>

namespace bulk::bench {
TokenBucket::TokenBucket(double rate, double burst_seconds, double saved_seconds)
    : rate_(rate), burst_seconds_(burst_seconds), tokens_(rate * std::min(burst_seconds, saved_seconds)) {}

double TokenBucket::most() const {
  return rate_ * std::max(burst_seconds_, 1.0);
}

void TokenBucket::refill(double now) {
  if (now <= at_) return;
  tokens_ = std::min(tokens_ + (now - at_) * rate_, most());
  at_ = now;
}

void TokenBucket::set_rate(double rate, double now) {
  refill(now);
  rate_ = rate;
  tokens_ = std::min(tokens_, most());
}

bool TokenBucket::has(double units, double now) {
  refill(now);
  return tokens_ >= std::min(units, most());
}

Capacity::Capacity(const CapacityOptions& options) : options_(options) {
  if (options_.wcu) table_.emplace(*options_.wcu, options_.burst_seconds, options_.saved_seconds);
  if (options_.hot_share > 0) hot_.emplace(options_.hot_wcu, options_.burst_seconds, options_.saved_seconds);
}

bool Capacity::is_hot(std::uint32_t partition) const noexcept {
  return hot_.has_value() && partition < options_.hot_share * 4294967296.0;
}

Capacity::Verdict Capacity::put(double units, std::uint32_t partition, double now) {
  for (; table_ && next_change_ < options_.changes.size() && options_.changes[next_change_].first <= now;
       ++next_change_) {
    table_->set_rate(options_.changes[next_change_].second, options_.changes[next_change_].first);
  }
  const bool in_hot = is_hot(partition);
  if (in_hot && !hot_->has(units, now)) return Verdict::partition_refuses;
  if (table_ && !table_->has(units, now)) return Verdict::table_refuses;
  if (in_hot) hot_->take(units);
  if (table_) table_->take(units);
  return Verdict::accepted;
}

}  // namespace bulk::bench
