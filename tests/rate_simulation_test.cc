// The rate controller's goals, on virtual time: the quick ones of bench/rate_sim's scenarios, each a test of its name.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "bench/rate_simulation/scenarios.h"

namespace bulk::sim {
namespace {

class RateSimulation : public testing::TestWithParam<const Scenario*> {};

std::vector<const Scenario*> quick_ones() {
  std::vector<const Scenario*> quick;
  for (const Scenario& scenario : scenarios()) {
    if (scenario.quick) quick.push_back(&scenario);
  }
  return quick;
}

TEST_P(RateSimulation, ReachesItsGoals) {
  for (const Measure& measure : GetParam()->measure()) {
    EXPECT_TRUE(measure.met()) << fmt::format("{}: {:.4f}, the goal is {} {:g}", measure.what, measure.value,
                                              measure.at_least ? "at least" : "at most", measure.goal.value_or(0));
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, RateSimulation, testing::ValuesIn(quick_ones()), [](const auto& info) {
  std::string name = info.param->name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

TEST(TableModel, SavesUpWhatIsNotUsedAndRefusesTheRest) {
  TableModel table({.capacity = 10, .burst_seconds = 3});
  EXPECT_EQ(table.ask(5, 0, 0).accepted, 0) << "it begins drained";
  EXPECT_EQ(table.ask(25, 0, 2).accepted, 20);
  EXPECT_EQ(table.ask(100, 0, 100).accepted, 30) << "of 98 s of capacity 3 are kept";
}

TEST(TableModel, AHotPartitionIsRefusedOnItsOwnAccount) {
  TableModel table({.capacity = 1'000, .partition_capacity = 10});
  const TableModel::Answer answer = table.ask(100, 50, 1);
  EXPECT_EQ(answer.accepted_hot, 10);
  EXPECT_EQ(answer.accepted, 60);
}

TEST(TableModel, OnDemandItDoublesHalfAnHourAfterTrafficCameNear) {
  TableModel table({.capacity = 10, .on_demand = true});
  for (double now = 0; now < 1'790; now += 0.5) table.ask(5, 0, now);
  EXPECT_EQ(table.capacity(), 10);
  for (double now = 1'790; now < 1'810; now += 0.5) table.ask(5, 0, now);
  EXPECT_EQ(table.capacity(), 20);
}

}  // namespace
}  // namespace bulk::sim
