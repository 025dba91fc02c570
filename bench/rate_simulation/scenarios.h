// What the rate controller is asked, and what it has to reach: the situations of docs/performance, each with its goals,
// and the lines that the charts show. A scenario runs with several seeds and latencies and reports the worst.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/rate_simulation/simulation.h"

namespace bulk::sim {

struct Measure {
  std::string what;
  double value = 0;
  bool at_least = true;        // the goal is a lower bound, else an upper one
  std::optional<double> goal;  // nothing: for information

  bool met() const { return !goal || (at_least ? value >= *goal : value <= *goal); }
};

struct Scenario {
  std::string name;
  bool quick = true;  // seconds of CPU at most, also in a debug build
  std::function<std::vector<Measure>()> measure;
};

const std::vector<Scenario>& scenarios();

// For a chart: a column of seconds, then one for each name.
struct Lines {
  std::string file;  // its name without suffix
  std::vector<std::string> names;
  std::vector<std::vector<double>> rows;
};
std::vector<Lines> charts();

}  // namespace bulk::sim
