// Which partition-key values are hot, and how fast each of them may go: their records wait apart while the rest of the
// table goes on at its own pace.
//
// A partial reply gives no reason for a refusal, so hot partitions are inferred: from values that are refused again and
// again while the others go through. For each value that was refused, every later outcome is weighed: is it refused
// half of the time, or no more often than all others are? The log-likelihood ratio of the two adds up, never below 0,
// and at ln(1,000,000) the value is hot: one that is refused as often as the rest, independently, gets there with a
// chance of at most one in a million from each time that the sum was 0 (Ville's inequality). How often the others are
// refused is counted over the last 500 or so outcomes, so that a table that is over its capacity, which refuses
// everything now and then, makes nobody hot; where others are refused more than a quarter of the time, or there are
// too few others to compare with, nothing is concluded. A request counts once for each value in it. An exception that
// names a key range (ThrottlingReasons) says that the table has room: its refusals weigh as if nobody else were
// refused, and where all its records have one value that one is hot at once.
//
// What is refused of hot values is not congestion of the table: settled() says what is. A hot value has a RateModel of
// its own, which finds within a second what it takes. It is forgotten when it was neither refused nor made to wait for
// 10 s. At most 4,096 values are remembered, those that came last.
//
// All members may be called from any thread. A mutex is held inside; where nothing is remembered, which is the rule,
// any() says so with one atomic load and nothing else need be called.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "io/clock.h"

namespace bulk {

// What became of a record: `partition` is any hash of its partition-key value, `units` what it costs.
struct PartitionOutcome {
  std::uint64_t partition = 0;
  double units = 0;
  bool refused = false;
};

class HotPartitions {
 public:
  HotPartitions();
  ~HotPartitions();

  // False: nothing is hot or under suspicion. Then requests without a refusal need not be reported, and nobody needs
  // to ask is_hot() or reserve().
  bool any() const noexcept { return remembered_.load(std::memory_order_relaxed) > 0; }

  // The outcomes of one request, in any order. `key_range_said`: the service named a key range as the reason. Returns,
  // of the units that were refused, those that are congestion of the table, for RateLimiter::settle.
  double settled(std::span<const PartitionOutcome> outcomes, bool key_range_said, SteadyTime now);

  bool is_hot(std::uint64_t partition) const;

  // Before a record of a hot partition is sent. 0: it may go, and its units are charged; otherwise when to ask again,
  // and nothing is charged. Always 0 for a partition that is not hot.
  std::chrono::nanoseconds reserve(std::uint64_t partition, double units, SteadyTime now);

 private:
  class State;
  std::atomic<std::size_t> remembered_{0}, hot_{0};
  const std::unique_ptr<State> state_;
};

}  // namespace bulk
