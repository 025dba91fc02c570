// Processes that load one table, each with its own rate model, on virtual time: a queue of events, no threads, no
// clocks; equal seeds give equal runs.
//
// A process always has something to send. It sends requests of 25 units as its model allows, with at most `in_flight`
// unanswered; the table decides half a latency later and the answer is there after the whole of it. What is refused is
// sent again as part of what there always is. A share of the items may belong to one partition, whose items wait apart
// when it was found to be hot, as in the write stage. A foreground application asks for single units at random times,
// without a model, and repeats nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/rate_simulation/table_model.h"
#include "io/rate_limits.h"

namespace bulk::sim {

struct ProcessSettings {
  RateLimits limits{};
  double start = 0;  // seconds
};

struct RunSettings {
  TableSettings table{};
  std::vector<ProcessSettings> processes{ProcessSettings{}};
  double latency = 0.005;
  double seconds = 65;
  unsigned in_flight = 256;
  double request_units = 25;
  double hot_share = 0;   // of the items
  double foreground = 0;  // units per second
  std::uint64_t seed = 1;
};

// What happened in a second, by the table's own clock.
struct Second {
  double capacity = 0;
  std::vector<double> accepted, sent;  // units, by process
  double accepted_hot = 0;
  double foreground_sent = 0, foreground_refused = 0;
};

struct RunResult {
  std::vector<Second> seconds;

  // Of the seconds [from, to), all processes: accepted units over capacity, refused units over sent ones.
  double used(double from, double to) const;
  double refused(double from, double to) const;
  double refused_of_foreground(double from, double to) const;
  double accepted_hot(double from, double to) const;
  // Jain's index of what the processes had accepted: 1 when all are equal, 1/n when one has it all.
  double fairness(double from, double to) const;
  // The second in which something was refused first: the bucket that was saved up is drained.
  double drained() const;
};

RunResult run(const RunSettings& settings);

}  // namespace bulk::sim
