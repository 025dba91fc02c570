// rate_sim [DIRECTORY]: runs all scenarios, prints goals and figures, writes them and the lines of the charts as CSV
// into the directory. Exit status 1: a goal was missed. bench/rate_sim builds it, runs it and draws the charts.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "bench/rate_simulation/scenarios.h"

using namespace bulk::sim;

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "";
  std::string csv = "scenario,measure,goal,value,met\n";
  bool all_met = true;
  fmt::print("{:<46}{:<38}{:>9}{:>10}\n", "scenario", "measure", "goal", "worst");
  for (const Scenario& scenario : scenarios()) {
    bool first = true;
    for (const Measure& measure : scenario.measure()) {
      const std::string goal =
          measure.goal ? fmt::format("{} {:g} %", measure.at_least ? ">=" : "<=", 100 * *measure.goal) : "-";
      fmt::print("{:<46}{:<38}{:>9}{:>8.2f} %{}\n", first ? scenario.name : "", measure.what, goal, 100 * measure.value,
                 measure.met() ? "" : "  MISSED");
      std::fflush(stdout);
      csv += fmt::format("\"{}\",\"{}\",{},{:.5f},{}\n", scenario.name, measure.what, goal, measure.value,
                         !measure.goal   ? "-"
                         : measure.met() ? "yes"
                                         : "no");
      all_met = all_met && measure.met();
      first = false;
    }
  }
  if (directory.empty()) return all_met ? 0 : 1;
  std::ofstream(directory + "/rate_sim.csv") << csv;
  for (const Lines& lines : charts()) {
    std::ofstream out(directory + "/" + lines.file + ".csv");
    out << fmt::format("seconds,\"{}\"\n", fmt::join(lines.names, "\",\""));
    for (const std::vector<double>& row : lines.rows) out << fmt::format("{:.6g}\n", fmt::join(row, ","));
    if (!out.flush()) {
      fmt::print(stderr, "rate_sim: cannot write {}/{}.csv\n", directory, lines.file);
      return 1;
    }
  }
  return all_met ? 0 : 1;
}
