#include "src/hot_partitions.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "io/rate_model.h"

namespace bulk {
namespace {

constexpr std::size_t kMostRemembered = 4'096;
constexpr std::chrono::seconds kCoolsAfter{10};
constexpr std::chrono::nanoseconds kLookAgain = std::chrono::milliseconds(200);  // the rate may grow meanwhile
constexpr double kEnough = 13.8;                                                 // ln(1,000,000)
constexpr double kSuspicion = 4;           // about 50 to 1: no longer taken for congestion of the table
constexpr double kHotShare = 0.5;          // of a hot partition's outcomes that are refused
constexpr double kLeastShare = 0.02;       // of anybody's
constexpr double kMostShare = 0.25;        // of the others': beyond it nothing can be concluded
constexpr double kFewestOthers = 50;       // outcomes to compare with
constexpr double kFading = 1 - 1.0 / 512;  // of counts, per outcome

// Outcomes and refusals among them, fading as outcomes of anybody come in.
struct Counts {
  double outcomes = 0, refused = 0;
  double at = 0;  // how many outcomes had come in

  void fade(double now) {
    const double factor = std::pow(kFading, now - at);
    outcomes *= factor;
    refused *= factor;
    at = now;
  }
  void add(bool was_refused) {
    outcomes += 1;
    refused += was_refused ? 1 : 0;
  }
};

struct Partition {
  std::list<std::uint64_t>::iterator place;  // in the order of last use
  double score = 0;
  Counts own;
  SteadyTime last_hindered;
  std::optional<RateModel> pace;  // there is one: it is hot
};

// A request's outcomes of one partition.
struct Together {
  std::uint64_t partition;
  double accepted = 0, refused = 0;  // units
};

std::vector<Together> by_partition(std::span<const PartitionOutcome> outcomes) {
  std::vector<PartitionOutcome> sorted(outcomes.begin(), outcomes.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.partition < b.partition; });
  std::vector<Together> groups;
  for (const PartitionOutcome& outcome : sorted) {
    if (groups.empty() || groups.back().partition != outcome.partition) groups.push_back({outcome.partition});
    (outcome.refused ? groups.back().refused : groups.back().accepted) += outcome.units;
  }
  return groups;
}

}  // namespace

class HotPartitions::State {
 public:
  mutable std::mutex mutex;

  double settled(std::span<const PartitionOutcome> outcomes, bool key_range_said, SteadyTime now) {
    const std::vector<Together> groups = by_partition(outcomes);
    // What all others of the request went through is known before any one of them is judged.
    for (const Together& group : groups) count(group, key_range_said);
    double of_table = 0;
    for (const Together& group : groups) {
      Partition* partition = find(group, now);
      if (partition == nullptr) continue;  // accepted, and not remembered
      if (!partition->pace) weigh(group, *partition, key_range_said, groups.size() == 1, now);
      if (partition->pace) {
        partition->pace->settle(group.accepted + group.refused, group.accepted, group.refused, now);
      } else if (!key_range_said && partition->score < kSuspicion) {
        of_table += group.refused;
      }
      if (group.refused > 0) {
        partition->last_hindered = now;
      } else if ((!partition->pace && partition->score <= 0) || now - partition->last_hindered >= kCoolsAfter) {
        forget(group.partition);
      }
    }
    cool(now);
    return of_table;
  }

  bool is_hot(std::uint64_t partition) const {
    const auto found = partitions_.find(partition);
    return found != partitions_.end() && found->second.pace;
  }

  std::chrono::nanoseconds reserve(std::uint64_t partition, double units, SteadyTime now) {
    cool(now);
    const auto found = partitions_.find(partition);
    if (found == partitions_.end() || !found->second.pace) return std::chrono::nanoseconds(0);
    touch(found->second);
    RateModel& pace = *found->second.pace;
    const std::chrono::nanoseconds wait = pace.remaining(pace.goal(), now);
    if (wait.count() > 0) {
      found->second.last_hindered = now;
      return std::min(wait, kLookAgain);
    }
    pace.reserve(units, now);
    return std::chrono::nanoseconds(0);
  }

  std::size_t remembered() const { return partitions_.size(); }
  std::size_t hot() const { return hot_; }

 private:
  void count(const Together& group, bool key_range_said) {
    const auto found = partitions_.find(group.partition);
    if (found != partitions_.end() && found->second.pace) return;
    if (key_range_said && group.refused > 0) return;  // says nothing about the table
    all_.at += 1;
    all_.outcomes *= kFading;
    all_.refused *= kFading;
    all_.add(group.refused > 0);
    if (found == partitions_.end()) return;
    found->second.own.fade(all_.at);
    found->second.own.add(group.refused > 0);
  }

  // Remembers whoever is refused.
  Partition* find(const Together& group, SteadyTime now) {
    const auto found = partitions_.find(group.partition);
    if (found != partitions_.end()) {
      touch(found->second);
      return &found->second;
    }
    if (group.refused <= 0) return nullptr;
    if (partitions_.size() >= kMostRemembered) forget(order_.front());
    Partition& made = partitions_[group.partition];
    made.place = order_.insert(order_.end(), group.partition);
    made.own = {1, 1, all_.at};
    made.last_hindered = now;
    return &made;
  }

  void touch(Partition& partition) { order_.splice(order_.end(), order_, partition.place); }

  void weigh(const Together& group, Partition& partition, bool key_range_said, bool alone, SteadyTime now) {
    double others = kLeastShare;
    if (!key_range_said) {
      partition.own.fade(all_.at);
      const double outcomes = all_.outcomes - partition.own.outcomes;
      if (outcomes < kFewestOthers) return;
      others = std::max(kLeastShare, (all_.refused - partition.own.refused) / outcomes);
      if (others > kMostShare) return;
    }
    partition.score += group.refused > 0 ? std::log(kHotShare / others) : std::log((1 - kHotShare) / (1 - others));
    partition.score = std::max(partition.score, 0.0);
    if (partition.score < kEnough && !(key_range_said && alone)) return;
    partition.pace.emplace(RateLimits(), now, group.partition);
    ++hot_;
  }

  void forget(std::uint64_t partition) {
    const auto found = partitions_.find(partition);
    if (found->second.pace) --hot_;
    order_.erase(found->second.place);
    partitions_.erase(found);
  }

  // Those that have not been seen for so long.
  void cool(SteadyTime now) {
    while (!order_.empty() && now - partitions_.find(order_.front())->second.last_hindered >= kCoolsAfter) {
      forget(order_.front());
    }
  }

  std::unordered_map<std::uint64_t, Partition> partitions_;
  std::list<std::uint64_t> order_;  // of last use, the oldest first
  std::size_t hot_ = 0;
  Counts all_;
};

HotPartitions::HotPartitions() : state_(std::make_unique<State>()) {}

HotPartitions::~HotPartitions() = default;

double HotPartitions::settled(std::span<const PartitionOutcome> outcomes, bool key_range_said, SteadyTime now) {
  const std::lock_guard lock(state_->mutex);
  const double of_table = state_->settled(outcomes, key_range_said, now);
  remembered_.store(state_->remembered(), std::memory_order_relaxed);
  hot_.store(state_->hot(), std::memory_order_relaxed);
  return of_table;
}

bool HotPartitions::is_hot(std::uint64_t partition) const {
  if (hot_.load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard lock(state_->mutex);
  return state_->is_hot(partition);
}

std::chrono::nanoseconds HotPartitions::reserve(std::uint64_t partition, double units, SteadyTime now) {
  if (hot_.load(std::memory_order_relaxed) == 0) return std::chrono::nanoseconds(0);
  const std::lock_guard lock(state_->mutex);
  const std::chrono::nanoseconds wait = state_->reserve(partition, units, now);
  remembered_.store(state_->remembered(), std::memory_order_relaxed);
  hot_.store(state_->hot(), std::memory_order_relaxed);
  return wait;
}

}  // namespace bulk
