#include "bench/rate_simulation/table_model.h"

#include <algorithm>
#include <cmath>

namespace bulk::sim {
namespace {

constexpr double kDoublingSeconds = 1'800;
constexpr double kNear = 0.8;  // of the capacity: traffic that makes a table on demand grow

}  // namespace

TableModel::TableModel(const TableSettings& settings)
    : settings_(settings), capacity_(settings.capacity), level_(settings.saved_seconds * settings.capacity) {}

void TableModel::advance(double now) {
  while (now > now_) {
    double until = now;
    const bool change = next_change_ < settings_.changes.size() && settings_.changes[next_change_].at <= now;
    if (change) until = std::max(now_, settings_.changes[next_change_].at);
    level_ = std::min(level_ + (until - now_) * capacity_, settings_.burst_seconds * capacity_);
    partition_level_ = std::min(partition_level_ + (until - now_) * settings_.partition_capacity,
                                settings_.burst_seconds * settings_.partition_capacity);
    now_ = until;
    if (change) {
      const CapacityChange& changed = settings_.changes[next_change_++];
      capacity_ = changed.capacity;
      level_ = changed.drained ? 0 : std::min(level_, settings_.burst_seconds * capacity_);
    }
  }
  if (!settings_.on_demand || now - second_ < 1) return;
  const bool near = accepted_in_second_ >= kNear * capacity_ * (now - second_);
  if (near && near_since_ < 0) near_since_ = now;
  if (near_since_ >= 0 && now - near_since_ >= kDoublingSeconds) {
    capacity_ *= 2;
    near_since_ = -1;
  }
  accepted_in_second_ = 0;
  second_ = now;
}

TableModel::Answer TableModel::ask(double units, double hot, double now) {
  advance(now);
  Answer answer;
  answer.accepted_hot = settings_.partition_capacity > 0 ? std::min(hot, std::floor(partition_level_)) : hot;
  answer.accepted_hot = std::min(answer.accepted_hot, std::floor(level_));
  partition_level_ -= answer.accepted_hot;
  level_ -= answer.accepted_hot;
  const double rest = std::min(units - hot, std::floor(level_));
  level_ -= rest;
  answer.accepted = answer.accepted_hot + rest;
  accepted_in_second_ += answer.accepted;
  return answer;
}

}  // namespace bulk::sim
