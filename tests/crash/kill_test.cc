// SIGKILL at every call by which the program changes the world: nothing under a final name is incomplete, and --resume
// ends with exactly the right content.
#include <gtest/gtest.h>

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

INSTANTIATE_TEST_SUITE_P(Jobs, Kill, testing::Values("backup", "restore", "restore-sqlite", "copy"));

}  // namespace
}  // namespace bulk::test
