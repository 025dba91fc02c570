// The write capacity of a table as DynamoDB grants it: a bucket that fills with so many units a second and keeps what
// is not used for up to `burst_seconds`, and beside it one for a hot partition. A table that is throttled accepts puts
// one by one as long as units are there, so that a request may be taken in part.
//
// One second's worth is the least that a bucket holds, because the service counts by the second. A full bucket takes an
// item that is larger than it is, and owes the rest. Times are seconds since the first put. Not synchronised.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace bulk::bench {

class TokenBucket {
 public:
  TokenBucket(double rate, double burst_seconds, double saved_seconds);

  void set_rate(double rate, double now);
  double rate() const noexcept { return rate_; }
  bool has(double units, double now);
  void take(double units) noexcept { tokens_ -= units; }

 private:
  void refill(double now);
  double most() const;

  double rate_;
  double burst_seconds_;
  double tokens_;
  double at_ = 0;
};

struct CapacityOptions {
  std::optional<double> wcu;                       // none: unlimited
  double burst_seconds = 300;                      // DynamoDB's: of unused capacity that is kept
  double saved_seconds = 300;                      // of it at the beginning, within burst_seconds; 0: drained
  std::vector<std::pair<double, double>> changes;  // at this second, to so many units; in ascending order
  double hot_share = 0;                            // of the partition keys
  double hot_wcu = 0;
};

class Capacity {
 public:
  explicit Capacity(const CapacityOptions& options);

  enum class Verdict { accepted, table_refuses, partition_refuses };
  // Takes the units when it accepts. `partition` is ItemSet::partition(): the lowest share of them is hot.
  Verdict put(double units, std::uint32_t partition, double now);
  bool is_hot(std::uint32_t partition) const noexcept;

 private:
  CapacityOptions options_;
  std::optional<TokenBucket> table_;
  std::optional<TokenBucket> hot_;
  std::size_t next_change_ = 0;
};

}  // namespace bulk::bench
