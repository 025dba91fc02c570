#include "src/flight_window.h"

#include <algorithm>

namespace bulk {
namespace {

constexpr unsigned kFirst = 16;
constexpr unsigned kLeast = 4;
constexpr double kGrowing = 1.3;
constexpr double kGrowingByLatency = 1.1;
constexpr double kWorthMore = 1.15;
constexpr double kLossOfLess = 0.98;
constexpr double kLost = 0.7;        // latency has grown, or the target has less to give: look for the size again
constexpr unsigned kLostRounds = 3;  // in a row, and for so long: a pause of the source or of this thread is no loss
constexpr std::chrono::milliseconds kLostFor{250};
constexpr double kForget = 0.99;  // of the best throughput held, per round: it may have been a moment's
constexpr double kFull = 0.9;     // of a round's requests, for the window to have been the limit
// Of the usual round trip to the shortest one.
constexpr double kLatencyBound = 1.5;  // below it more requests wait for the target, not for each other
constexpr double kQueueing = 8;        // beyond it more requests would only wait for each other
constexpr std::chrono::milliseconds kHold{1'000};
constexpr std::chrono::milliseconds kShortHold{200};
constexpr std::chrono::seconds kShortestIsValid{10};
constexpr double kFlukes = 0.05;  // of a round's requests may be shorter than what counts as its shortest
constexpr std::size_t kSampled = 4'096;
constexpr double kRoundTrips = 2;  // measured, after one that is not
constexpr double kShortestRound_s = 0.05;
constexpr std::uint64_t kFewest = 32;  // requests that say anything

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

FlightWindow::FlightWindow(unsigned most, SteadyTime now)
    : most_(most), size_(std::min(kFirst, most)), held_size_(size_), held_since_(now), changed_(now) {}

void FlightWindow::ended(SteadyTime sent, SteadyTime now, bool full) {
  const double round_trip = seconds(now - sent);
  round_trip_s_ = round_trip_s_ == 0 ? round_trip : 0.9 * round_trip_s_ + 0.1 * round_trip;
  if (sent < changed_) return;
  if (!measuring_) {
    measuring_ = true;
    measured_from_ = now;
    ended_ = ended_full_ = 0;
    round_trips_s_.clear();
    return;
  }
  ++ended_;
  ended_full_ += full ? 1 : 0;
  if (round_trips_s_.size() < kSampled) round_trips_s_.push_back(round_trip);
  const double passed = seconds(now - measured_from_);
  if (ended_ < kFewest || passed < std::max(kRoundTrips * round_trip_s_, kShortestRound_s)) return;
  note_shortest(now);
  if (static_cast<double>(ended_full_) < kFull * static_cast<double>(ended_)) {
    // Something else was the limit. A trial has told nothing then.
    lost_rounds_ = 0;
    if (phase_ == Phase::trying_more || phase_ == Phase::trying_less) {
      phase_ = Phase::holding;
      held_since_ = now;
      begin_round(held_size_, now);
    } else {
      measuring_ = false;
    }
    return;
  }
  end_round(static_cast<double>(ended_) / passed, now);
}

void FlightWindow::begin_round(unsigned size, SteadyTime now) {
  size_ = std::clamp(size, std::min(kLeast, most_), most_);
  changed_ = now;
  measuring_ = false;
}

void FlightWindow::note_shortest(SteadyTime now) {
  const auto flukes = static_cast<std::size_t>(kFlukes * static_cast<double>(round_trips_s_.size()));
  const auto shortest = round_trips_s_.begin() + static_cast<std::ptrdiff_t>(flukes);
  std::nth_element(round_trips_s_.begin(), shortest, round_trips_s_.end());
  while (!shortest_s_.empty() && shortest_s_.back().second >= *shortest) shortest_s_.pop_back();
  shortest_s_.emplace_back(now, *shortest);
  while (now - shortest_s_.front().first > kShortestIsValid) shortest_s_.pop_front();
}

bool FlightWindow::latency_bound() const {
  return round_trip_s_ < kLatencyBound * shortest_s_.front().second;
}

bool FlightWindow::queueing() const {
  return round_trip_s_ > kQueueing * shortest_s_.front().second;
}

void FlightWindow::end_round(double throughput, SteadyTime now) {
  switch (phase_) {
    case Phase::growing:
      if (held_throughput_ == 0 || throughput >= (latency_bound() ? kGrowingByLatency : kGrowing) * held_throughput_) {
        held_throughput_ = throughput;
        held_size_ = size_;
        if (size_ < most_ && !queueing()) return begin_round(2 * size_, now);
      }
      break;
    case Phase::holding:
      if (throughput < kLost * held_throughput_) {
        if (lost_rounds_++ == 0) lost_since_ = now;
        measuring_ = false;
        if (lost_rounds_ < kLostRounds || now - lost_since_ < kLostFor) return;
        held_throughput_ = throughput;
        lost_rounds_ = 0;
        shortest_s_.erase(shortest_s_.begin(), shortest_s_.end() - 1);  // they are of the latency as it was
        phase_ = Phase::growing;
        return begin_round(2 * size_, now);
      }
      lost_rounds_ = 0;
      held_throughput_ = std::max(held_throughput_ * kForget, throughput);
      measuring_ = false;
      if (now - held_since_ < (more_next_ && latency_bound() ? kShortHold : kHold)) return;
      phase_ = more_next_ && size_ < most_ && !queueing() ? Phase::trying_more : Phase::trying_less;
      more_next_ = !more_next_;
      return begin_round(phase_ == Phase::trying_more ? size_ + size_ / 2 : size_ - size_ / 3, now);
    case Phase::trying_more:
      if (throughput >= kWorthMore * held_throughput_) {
        held_throughput_ = throughput;
        held_size_ = size_;
        phase_ = Phase::growing;
        return begin_round(2 * size_, now);
      }
      break;
    case Phase::trying_less:
      if (throughput >= kLossOfLess * held_throughput_) held_size_ = size_;
      break;
  }
  phase_ = Phase::holding;
  held_since_ = now;
  begin_round(held_size_, now);
}

}  // namespace bulk
