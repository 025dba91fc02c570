#include "bench/rate_simulation/scenarios.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bulk::sim {
namespace {

constexpr double kFound = 5;  // seconds that the goals leave for finding the ceiling
constexpr double kUsed = 0.97, kRefused = 0.01;

double total(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

Measure at_least(std::string what, double value, std::optional<double> goal = std::nullopt) {
  return {std::move(what), value, true, goal};
}
Measure at_most(std::string what, double value, std::optional<double> goal = std::nullopt) {
  return {std::move(what), value, false, goal};
}

// The worst of each measure over all runs; they come in the same order from each.
void keep_worst(std::vector<Measure>& worst, const std::vector<Measure>& measures) {
  if (worst.empty()) {
    worst = measures;
    return;
  }
  for (std::size_t i = 0; i < worst.size(); ++i) {
    worst[i].value =
        worst[i].at_least ? std::min(worst[i].value, measures[i].value) : std::max(worst[i].value, measures[i].value);
  }
}

std::vector<Measure> worst_of(RunSettings settings, unsigned seeds,
                              const std::function<std::vector<Measure>(const RunResult&)>& measure,
                              std::initializer_list<double> latencies = {0, 0.005, 0.05}) {
  std::vector<Measure> worst;
  for (const double latency : latencies) {
    for (settings.seed = 1; settings.seed <= seeds; ++settings.seed) {
      settings.latency = latency;
      keep_worst(worst, measure(run(settings)));
    }
  }
  return worst;
}

RunSettings table_of(double capacity, double seconds = 65) {
  RunSettings settings;
  settings.table.capacity = capacity;
  settings.seconds = seconds;
  return settings;
}

// Seconds within which they begin. At once is the hardest for fairness: what each gets of a flood is chance.
constexpr double kOneByOne = 3, kAtOnce = 0.05;

RunSettings processes_of(std::size_t count, double capacity, double within = kOneByOne) {
  RunSettings settings = table_of(capacity, 68);
  settings.processes.clear();
  for (std::size_t i = 0; i < count; ++i) {
    settings.processes.push_back({.start = within * static_cast<double>(i * 7 % count) / static_cast<double>(count)});
  }
  return settings;
}

RunSettings with_foreground(bool known) {
  RunSettings settings = table_of(4'000, 600);
  settings.foreground = 0.3 * settings.table.capacity;
  settings.processes[0].limits.share = 0.5;  // the default for a table in use, see src/job.cc
  if (known) {
    settings.processes[0].limits.start_units = settings.processes[0].limits.max_units = 0.5 * settings.table.capacity;
  }
  return settings;
}

RunSettings with_hot_partition() {
  RunSettings settings = table_of(10'000);
  settings.hot_share = 0.2;
  settings.table.partition_capacity = 1'000;  // DynamoDB's limit
  return settings;
}

RunSettings on_demand(double seconds) {
  RunSettings settings = table_of(4'000, seconds);  // what a new table takes
  settings.table.on_demand = true;
  settings.processes[0].limits.start_units = settings.table.capacity;
  return settings;
}

constexpr double kChange = 30;

std::vector<Measure> constant(double capacity) {
  return worst_of(table_of(capacity), 1, [&](const RunResult& result) {
    return std::vector{at_least("used from 5 s on", result.used(kFound, 65), kUsed),
                       at_most("refused from 5 s on", result.refused(kFound, 65), kRefused)};
  });
}

std::vector<Measure> small_table() {
  return worst_of(table_of(100, 600), 1, [&](const RunResult& result) {
    return std::vector{at_least("used from 60 s on", result.used(60, 600), kUsed),
                       at_most("refused from 60 s on", result.refused(60, 600))};
  });
}

// The change comes at ten places of the curve.
std::vector<Measure> changed(double capacity, double factor, std::optional<double> refused_goal = kRefused) {
  std::vector<Measure> worst;
  for (int phase = 0; phase < 10; ++phase) {
    RunSettings settings = table_of(capacity);
    settings.processes[0].start = 0.4 * phase;
    settings.table.changes = {{kChange, factor * capacity}};
    keep_worst(worst, worst_of(settings, 1, [&](const RunResult& result) {
                 return std::vector{at_least("used from 5 to 8 s after it", result.used(kChange + 5, kChange + 8), 0.9),
                                    at_least("used from 10 s after it on", result.used(kChange + 10, 65), kUsed),
                                    at_most("refused from 5 s on", result.refused(kFound, 65), refused_goal)};
               }));
  }
  return worst;
}

// From 5 s after the last one has begun.
std::vector<Measure> several(std::size_t count, double capacity, std::optional<double> fairness,
                             double within = kOneByOne) {
  const double from = std::floor(within) + kFound;
  return worst_of(processes_of(count, capacity, within), within == kAtOnce ? 4 : 3, [&](const RunResult& result) {
    return std::vector{at_least("Jain's index over 60 s", result.fairness(from, from + 60), fairness),
                       at_least("used, all together", result.used(from, from + 60), 0.95),
                       at_most("refused", result.refused(from, from + 60))};
  });
}

std::vector<Measure> latecomer() {
  RunSettings settings = processes_of(8, 10'000);
  settings.processes.back().start = 60;
  settings.seconds = 145;
  return worst_of(settings, 3, [](const RunResult& result) {
    return std::vector{at_least("Jain's index, 25 to 85 s after it", result.fairness(85, 145))};
  });
}

std::vector<Measure> saved_up() {
  RunSettings settings = table_of(10'000, 150);
  settings.table.saved_seconds = 300;
  return worst_of(settings, 1, [](const RunResult& result) {
    const double from = result.drained() + kFound;
    return std::vector{at_least("used from 5 s after it is drained", result.used(from, from + 60), kUsed),
                       at_most("refused from 5 s after it is drained", result.refused(from, from + 60), kRefused)};
  });
}

std::vector<Measure> growing(double seconds) {
  const RunResult result = run(on_demand(seconds));
  std::vector<Measure> measures{at_least("used from 5 s on", result.used(kFound, seconds), kUsed),
                                at_most("refused from 5 s on", result.refused(kFound, seconds), kRefused)};
  double after = 2;
  for (std::size_t i = 1; i + 8 < result.seconds.size(); ++i) {
    if (result.seconds[i].capacity == result.seconds[i - 1].capacity) continue;
    const auto at = static_cast<double>(i);
    after = std::min(after, result.used(at + 5, at + 8));
  }
  measures.push_back(at_least("used from 5 to 8 s after a doubling", after, 0.9));
  return measures;
}

std::vector<Measure> random_refusals(double share) {
  RunSettings settings = table_of(40'000);
  settings.table.refused_at_random = share;
  return worst_of(settings, 1, [&](const RunResult& result) {
    return std::vector{at_least("used from 5 s on", result.used(kFound, 65), kUsed)};
  });
}

std::vector<Measure> saves_little(double seconds) {
  RunSettings settings = table_of(10'000);
  settings.table.burst_seconds = seconds;
  return worst_of(settings, 1, [](const RunResult& result) {
    return std::vector{at_least("used from 5 s on", result.used(kFound, 65)),
                       at_most("refused from 5 s on", result.refused(kFound, 65), kRefused)};
  });
}

std::vector<Measure> hot_partition() {
  return worst_of(with_hot_partition(), 3, [](const RunResult& result) {
    return std::vector{at_least("used from 5 s on", result.used(kFound, 65), kUsed),
                       at_least("used of the partition", result.accepted_hot(kFound, 65) / (60 * 1'000), 0.9),
                       at_most("refused from 5 s on", result.refused(kFound, 65), kRefused)};
  });
}

std::vector<Measure> foreground(bool known) {
  return worst_of(with_foreground(known), known ? 1 : 3, [](const RunResult& result) {
    return std::vector{at_most("refused of the application's", result.refused_of_foreground(0, 600), 0.01),
                       at_least("used by us", result.used(kFound, 600), 0.3)};
  });
}

// At kOutage others take all of a table but `left` of it for `seconds`. The rate is what the table accepts of ours.
constexpr double kOutage = 120;

RunSettings outage(double share, double start, double seconds, double left, double after) {
  RunSettings settings = table_of(10'000, kOutage + seconds + after);
  settings.in_flight = 64;
  settings.processes[0].limits.share = share;
  settings.processes[0].limits.start_units = start;
  if (share < 1) settings.foreground = 0.3 * settings.table.capacity;
  settings.table.changes = {{kOutage, left * settings.table.capacity, true},
                            {kOutage + seconds, settings.table.capacity}};
  return settings;
}

double accepted(const RunResult& result, double from, double to) {
  double units = 0;
  for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
    units += total(result.seconds.at(i).accepted);
  }
  return units;
}

// Without latency a share that was not told is not found before the outage: one request at a time leaves the refusals
// to the application, and no former rate is there to compare with.
std::vector<Measure> outage_of_share(double start, double seconds, double left) {
  return worst_of(
      outage(0.5, start, seconds, left, 300), 2,
      [&](const RunResult& result) {
        const double before = accepted(result, kOutage - 10, kOutage);
        const double over = std::ceil(kOutage + seconds);
        return std::vector{
            at_least("rate 80 to 90 s after it, of the former", accepted(result, over + 80, over + 90) / before, 0.9),
            at_most("refused of the application's after it", result.refused_of_foreground(over, over + 300), 0.01)};
      },
      {0.005, 0.05});
}

std::vector<Measure> outage_of_all(double seconds) {
  return worst_of(outage(1, 0, seconds, 0, 60), 3, [&](const RunResult& result) {
    const double over = std::ceil(kOutage + seconds);
    return std::vector{at_least("used from 5 to 8 s after it", result.used(over + 5, over + 8)),
                       at_least("used from 10 s after it on", result.used(over + 10, over + 60), kUsed)};
  });
}

// The capacity is lowered for good: what was found before must not be tried again and again.
std::vector<Measure> lowered_beside_foreground() {
  RunSettings settings = outage(0.5, 0, 3'600, 0.1, 0);
  settings.foreground = 300;
  settings.seconds = kOutage + 1'200;
  return worst_of(settings, 2, [&](const RunResult& result) {
    return std::vector{
        at_most("refused of the application's in 60 s", result.refused_of_foreground(kOutage, kOutage + 60)),
        at_most("refused of the application's from then on",
                result.refused_of_foreground(kOutage + 60, settings.seconds), 0.01),
        at_least("used by us from then on", result.used(kOutage + 60, settings.seconds), 0.4)};
  });
}

// Each row the mean of `step` seconds.
Lines by_second(std::string file, std::vector<std::string> names, const RunResult& result, std::size_t step,
                const std::function<std::vector<double>(const Second&)>& values) {
  Lines lines{std::move(file), std::move(names), {}};
  for (std::size_t i = 0; i + step <= result.seconds.size(); i += step) {
    std::vector<double> row(1 + lines.names.size());
    row[0] = static_cast<double>(i);
    for (std::size_t second = i; second < i + step; ++second) {
      const std::vector<double> found = values(result.seconds[second]);
      for (std::size_t k = 0; k < found.size(); ++k) row[k + 1] += found[k] / static_cast<double>(step);
    }
    lines.rows.push_back(std::move(row));
  }
  return lines;
}

std::vector<double> used_and_sent(const Second& second) {
  return {second.capacity, total(second.accepted), total(second.sent)};
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"constant, 1,000 units/s", true, [] { return constant(1'000); }},
      {"constant, 4,000 units/s", true, [] { return constant(4'000); }},
      {"constant, 10,000 units/s", true, [] { return constant(10'000); }},
      {"constant, 40,000 units/s", false, [] { return constant(40'000); }},
      {"constant, 100 units/s, 10 min", true, [] { return small_table(); }},
      {"300 s saved up, 10,000 units/s", false, [] { return saved_up(); }},
      {"halved, 1,000 units/s", true, [] { return changed(1'000, 0.5, std::nullopt); }},
      {"halved, 10,000 units/s", false, [] { return changed(10'000, 0.5); }},
      {"doubled, 1,000 units/s", true, [] { return changed(1'000, 2, std::nullopt); }},
      {"doubled, 10,000 units/s", false, [] { return changed(10'000, 2); }},
      {"on demand, from 4,000 units/s, 40 min", true, [] { return growing(2'400); }},
      {"on demand, from 4,000 units/s, 2 h", false, [] { return growing(7'200); }},
      {"2 processes, 10,000 units/s", true, [] { return several(2, 10'000, std::nullopt); }},
      {"8 processes, 10,000 units/s", true, [] { return several(8, 10'000, 0.95); }},
      {"8 processes, 4,000 units/s", false, [] { return several(8, 4'000, 0.95); }},
      {"8 processes, 40,000 units/s", false, [] { return several(8, 40'000, 0.95); }},
      {"8 processes at once, 5,000 units/s", true, [] { return several(8, 5'000, 0.95, kAtOnce); }},
      {"8 processes at once, 1,000 units/s", false, [] { return several(8, 1'000, std::nullopt, kAtOnce); }},
      {"32 processes, 10,000 units/s", false, [] { return several(32, 10'000, std::nullopt); }},
      {"an 8th process comes late, 10,000 units/s", false, [] { return latecomer(); }},
      {"1 % refused at random, 40,000 units/s", false, [] { return random_refusals(0.01); }},
      {"saves up 0.25 s, 10,000 units/s", true, [] { return saves_little(0.25); }},
      {"saves up 0.05 s, 10,000 units/s", true, [] { return saves_little(0.05); }},
      {"one hot partition of 1,000 of 10,000 units/s", true, [] { return hot_partition(); }},
      {"an application needs 30 %, capacity known", true, [] { return foreground(true); }},
      {"an application needs 30 %, capacity unknown", true, [] { return foreground(false); }},
      {"others take all for 0.5 s", true, [] { return outage_of_share(0, 0.5, 0); }},
      {"others take all for 5 s", true, [] { return outage_of_share(0, 5, 0); }},
      {"others take 95 % for 0.5 s", true, [] { return outage_of_share(0, 0.5, 0.05); }},
      {"others take all for 5 s, capacity known", true, [] { return outage_of_share(5'000, 5, 0); }},
      {"lowered to a tenth, beside an application", true, [] { return lowered_beside_foreground(); }},
      {"nothing accepted for 0.5 s, all is ours", true, [] { return outage_of_all(0.5); }},
      {"nothing accepted for 5 s, all is ours", true, [] { return outage_of_all(5); }},
  };
  return all;
}

std::vector<Lines> charts() {
  std::vector<Lines> all;
  RunSettings changes = table_of(10'000, 150);
  changes.table.changes = {{50, 5'000}, {100, 10'000}};
  all.push_back(by_second("rate_changes", {"capacity", "accepted", "sent"}, run(changes), 1, used_and_sent));
  RunSettings saved = table_of(10'000, 90);
  saved.table.saved_seconds = 300;
  saved.latency = 0.05;
  all.push_back(by_second("rate_burst", {"capacity", "accepted", "sent"}, run(saved), 1, used_and_sent));
  all.push_back(
      by_second("rate_on_demand", {"capacity", "accepted", "sent"}, run(on_demand(4'200)), 20, used_and_sent));
  std::vector<std::string> names;
  for (int i = 1; i <= 8; ++i) names.push_back(fmt::format("process {}", i));
  all.push_back(by_second("rate_processes", names, run(processes_of(8, 10'000)), 1,
                          [](const Second& second) { return second.accepted; }));
  all.push_back(by_second("rate_hot_partition", {"capacity", "accepted", "sent", "accepted, hot partition"},
                          run(with_hot_partition()), 1, [](const Second& second) {
                            std::vector<double> values = used_and_sent(second);
                            values.push_back(second.accepted_hot);
                            return values;
                          }));
  all.push_back(by_second(
      "rate_foreground", {"capacity", "ours", "application", "refused, application"}, run(with_foreground(false)), 5,
      [](const Second& second) {
        return std::vector{second.capacity, total(second.accepted), second.foreground_sent, second.foreground_refused};
      }));
  return all;
}

}  // namespace bulk::sim
