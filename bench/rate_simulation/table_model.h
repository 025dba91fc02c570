// A throttling table on virtual time: what the rate controller is measured against. Pure, one thread.
//
// As DynamoDB documents it: capacity that is not used is kept for up to 300 s and may be spent in a burst; over it,
// items are refused, in part or the whole request, and what is refused is not charged. On demand, a table takes up to
// twice its previous peak, and more within 30 minutes: here its capacity doubles when 30 minutes have passed since
// traffic first came near it. One partition may have a limit of its own, with a bucket of its own.
#pragma once

#include <cstdint>
#include <vector>

namespace bulk::sim {

struct CapacityChange {
  double at;  // seconds
  double capacity;
  bool drained = false;  // what was saved up is gone
};

struct TableSettings {
  double capacity = 10'000;       // units per second
  double burst_seconds = 300;     // of unused capacity that are kept
  double saved_seconds = 0;       // of capacity in the bucket at the beginning; 0: drained
  bool on_demand = false;         // capacity doubles
  double refused_at_random = 0;   // share of requests that is refused in part for no reason
  double partition_capacity = 0;  // units per second of the one hot partition; 0: there is none
  std::vector<CapacityChange> changes{};
};

class TableModel {
 public:
  explicit TableModel(const TableSettings& settings);

  // Of `units` asked for at `now` (seconds, never backwards) those that are accepted, in whole items of one unit.
  // `hot` of them go to the hot partition: they are refused, if need be, on their own account.
  struct Answer {
    double accepted = 0, accepted_hot = 0;
  };
  Answer ask(double units, double hot, double now);

  double capacity() const { return capacity_; }
  double saved() const { return level_; }

 private:
  void advance(double now);

  TableSettings settings_;
  double now_ = 0;
  double capacity_;
  double level_;
  double partition_level_ = 0;
  std::size_t next_change_ = 0;
  double accepted_in_second_ = 0, second_ = 0;  // on demand: how near traffic comes to the capacity
  double near_since_ = -1;
};

}  // namespace bulk::sim
