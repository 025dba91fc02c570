// The power fails at every call by which the program changes the world: what was not synced is gone, all of it or as a
// coin falls, and still nothing under a final name is incomplete and --resume ends with exactly the right content.
#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "tests/crash/torture.h"

namespace bulk::test {
namespace {

class PowerLoss : public testing::TestWithParam<const char*> {};

TEST_P(PowerLoss, AtEveryBoundaryLeavesNothingHalfDoneAndResumes) {
  BULK_REQUIRE_SHIM();
  const Fixture fixture(small_workload(GetParam()));
  Counts counts(std::string("power loss at every boundary, ") + GetParam() + ":");
  std::optional<DurableDisk> disk;
  const auto remember = [&](Job& job) {
    disk.emplace(job.root());
    return job.command();
  };
  std::uint64_t losses = 0;
  const auto lose = [&](Job& job, const Ordeal& ordeal, bool all) {
    EXPECT_EQ(ordeal.run.status, 128 + SIGKILL);
    disk->replay(ordeal.boundaries);
    disk->install(all ? std::nullopt : std::optional<std::uint64_t>(losses));
    ++counts[all ? "losses" : "partial-losses"];
    EXPECT_EQ(job.problem_at_any_time(), "");
    expect_resume(job, counts);
  };
  if (!full_torture()) {
    for_each_boundary(fixture, GetParam(), "", {"before"}, counts, remember,
                      [&](Job& job, const Ordeal& ordeal) { lose(job, ordeal, ++losses % 2 == 0); });
    return;
  }
  for (const bool all : {true, false}) {
    for_each_boundary(fixture, GetParam(), "", {"before"}, counts, remember, [&](Job& job, const Ordeal& ordeal) {
      ++losses;
      lose(job, ordeal, all);
    });
  }
}

TEST_P(PowerLoss, AfterTheEndTakesNothingAway) {
  BULK_REQUIRE_SHIM();
  const Fixture fixture(small_workload(GetParam()));
  Job job(fixture, GetParam());
  const DurableDisk disk(job.root());
  const Ordeal ordeal = endure(job, job.command(), {});
  ASSERT_EQ(ordeal.run.status, 0) << ordeal.run.err;
  expect_durable(job, disk, ordeal);
}

INSTANTIATE_TEST_SUITE_P(Jobs, PowerLoss, testing::Values("backup", "restore", "restore-sqlite", "copy", "backfill"));

}  // namespace
}  // namespace bulk::test
