// SIGKILL at every call by which the program changes the world: nothing under a final name is incomplete, and --resume
// ends with exactly the right content.
#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "tests/crash/torture.h"

namespace bulk::test {
namespace {

class Kill : public testing::TestWithParam<const char*> {};

TEST_P(Kill, AtEveryBoundaryLeavesNothingHalfDoneAndResumes) {
  BULK_REQUIRE_SHIM();
  const Fixture fixture(small_workload(GetParam()));
  Counts counts(std::string("kill at every boundary, ") + GetParam() + ":");
  for_each_boundary(fixture, GetParam(), "", {"before", "middle", "after"}, counts, {},
                    [&](Job& job, const Ordeal& ordeal) {
                      ++counts["kills"];
                      EXPECT_EQ(ordeal.run.status, 128 + SIGKILL);
                      EXPECT_EQ(job.problem_at_any_time(), "");
                      expect_resume(job, counts);
                    });
}

// And what goes on with the work may die too, at every boundary of its own; every other time the power goes with it.
TEST_P(Kill, AtEveryBoundaryOfAResumeLeavesNothingHalfDoneAndResumes) {
  BULK_REQUIRE_SHIM();
  const Fixture fixture(small_workload(GetParam()));
  Counts counts(std::string("kill at every boundary of a resume, ") + GetParam() + ":");
  Job undisturbed(fixture, GetParam());
  const std::size_t all = endure(undisturbed, undisturbed.command(), {}).boundaries.size();
  std::optional<DurableDisk> disk;
  const auto die_half_way = [&](Job& job) {
    EXPECT_EQ(endure(job, job.command(), {"after", all / 2, ""}).run.status, 128 + SIGKILL);
    disk.emplace(job.root());
    return job.resume();
  };
  for_each_boundary(fixture, GetParam(), "", {"before", "middle", "after"}, counts, die_half_way,
                    [&](Job& job, const Ordeal& ordeal) {
                      EXPECT_EQ(ordeal.run.status, 128 + SIGKILL);
                      if (++counts["kills"] % 2 == 0) {
                        disk->replay(ordeal.boundaries);
                        disk->install();
                        ++counts["power-losses"];
                      }
                      EXPECT_EQ(job.problem_at_any_time(), "");
                      expect_resume(job, counts);
                    });
}

INSTANTIATE_TEST_SUITE_P(Jobs, Kill, testing::Values("backup", "restore", "restore-sqlite", "copy", "backfill"));

}  // namespace
}  // namespace bulk::test
