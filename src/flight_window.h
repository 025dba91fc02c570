// How many requests a writer should have under way: as many as latency asks for, found by their effect.
//
// The window doubles as long as that makes at least 1.3 times as many requests end per second (2 would be ideal), is
// then held, and once a second one round is tried with half more (kept from 1.15 times the throughput) or a third less
// (kept while nothing is lost). Only rounds in which the window was the limit count: a table that throttles or a source
// that is slow says nothing about latency. From 16 it reaches 1,024 in 6 rounds of three round trips, 0.9 s at 50 ms.
//
// Throughput is a noisy witness on a busy machine: a writer that shared two cores with decompression ended 5,000
// requests a second in one round of 20 ms and 24,000 in another. A window that believed each of them went up to its
// limit without any latency at all; a thousand connections cost a fifth more CPU than thirty, and twice the memory. So
// rounds are longer, a loss counts when it lasts, and the shortest round trip of late has a veto: where the usual one
// is eight times as long, requests already wait for each other and the window does not grow. (The factor leaves room
// for a service whose latencies spread.) Where the usual one is less than 1.5 times as long, they wait for the target,
// and 1.1 times the throughput is enough to go on. The shortest is that of rounds, in 10 s, of what 95 % of a round's
// requests take longer than: taken of single requests, one that ended on this machine within 20 us held the window at
// 128 for as long as there was one every 10 s, at 50 ms of latency.
//
// Rejected: the product of the rate and the smallest latency seen, as BBR has it. DynamoDB's latencies spread by more
// than the factor that such a window keeps in reserve, and below that it shrinks without end. Rejected: growing while
// latency stays, as Vegas does; on a busy machine latency moves for reasons of its own.
//
// Pure: time is an argument. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "io/clock.h"

namespace bulk {

class FlightWindow {
 public:
  // `most` > 0: never more than this.
  FlightWindow(unsigned most, SteadyTime now);

  unsigned size() const noexcept { return size_; }

  // A request that was sent at `sent` has ended; `full`: the window was used up until then.
  void ended(SteadyTime sent, SteadyTime now, bool full);

 private:
  enum class Phase { growing, holding, trying_more, trying_less };

  bool latency_bound() const;
  bool queueing() const;
  void note_shortest(SteadyTime now);
  void begin_round(unsigned size, SteadyTime now);
  void end_round(double throughput, SteadyTime now);

  const unsigned most_;
  unsigned size_;
  Phase phase_ = Phase::growing;
  double held_throughput_ = 0;  // requests per second at held_size_
  unsigned held_size_;
  unsigned lost_rounds_ = 0;  // in a row, the first of them at lost_since_
  SteadyTime lost_since_;
  bool more_next_ = true;  // what the next trial will be
  SteadyTime held_since_;

  // The round: first what was sent under the old size drains, then it is measured.
  double round_trip_s_ = 0;  // smoothed
  // What could yet become the shortest of late, of rounds: growing, the first is it.
  std::deque<std::pair<SteadyTime, double>> shortest_s_;
  std::vector<double> round_trips_s_;  // of this round, a sample
  SteadyTime changed_;                 // when the size became what it is
  SteadyTime measured_from_;
  bool measuring_ = false;
  std::uint64_t ended_ = 0, ended_full_ = 0;
};

}  // namespace bulk
