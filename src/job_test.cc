#include "src/job.h"

#include <gtest/gtest.h>

#include "io/error.h"
#include "tests/support/scripted.h"

namespace bulk {
namespace {

TableFacts provisioned(double read, double write) {
  TableFacts facts;
  facts.read_units = read;
  facts.write_units = write;
  return facts;
}

TEST(RateLimits, ATableInUseKeepsHalfOfItsCapacityForOthers) {
  const RateLimits limits = write_rate_limits({}, provisioned(0, 1000), false);
  EXPECT_EQ(limits.max_units, 500);
  EXPECT_EQ(limits.start_units, 500);
  EXPECT_EQ(limits.share, 0.5) << "and is given way to";
}

TEST(RateLimits, ATableOfOurOwnIsUsedWhollyAndMayBurst) {
  const RateLimits limits = write_rate_limits({}, provisioned(0, 1000), true);
  EXPECT_EQ(limits.max_units, 0);
  EXPECT_EQ(limits.start_units, 1000);
  EXPECT_EQ(limits.share, 1);
}

TableFacts on_demand(double most, double warm) {
  TableFacts facts;
  facts.most_write_units = most;
  facts.warm_write_units = warm;
  return facts;
}

TEST(RateLimits, ATableOnDemandOfOurOwnStartsWarmAndIsBoundByItsOwnersLimitAlone) {
  const RateLimits warm = write_rate_limits({}, on_demand(0, 4000), true);
  EXPECT_EQ(warm.start_units, 4000);
  EXPECT_EQ(warm.max_units, 0);
  const RateLimits limited = write_rate_limits({}, on_demand(1000, 4000), true);
  EXPECT_EQ(limited.start_units, 1000);
  EXPECT_EQ(limited.max_units, 1000);
  const RateLimits wide = write_rate_limits({}, on_demand(20'000, 4000), true);
  EXPECT_EQ(wide.start_units, 4000);
  EXPECT_EQ(wide.max_units, 20'000);
}

TEST(RateLimits, AShareOfATableOnDemandIsOfItsOwnersLimitElseOfItsWarmThroughput) {
  EXPECT_EQ(write_rate_limits({}, on_demand(0, 4000), false).max_units, 2000);
  EXPECT_EQ(write_rate_limits({}, on_demand(1000, 4000), false).max_units, 500);
  const RateLimits wide = write_rate_limits({}, on_demand(20'000, 4000), false);
  EXPECT_EQ(wide.start_units, 2000);
  EXPECT_EQ(wide.max_units, 10'000);
  Options options;
  options.capacity_percent = 20;
  EXPECT_EQ(write_rate_limits(options, on_demand(0, 4000), true).max_units, 800);
  options.max_wcu = 300;
  EXPECT_EQ(write_rate_limits(options, on_demand(0, 4000), true).max_units, 300);
}

TEST(RateLimits, TheUserHasTheLastWord) {
  Options options;
  options.capacity_percent = 10;
  options.max_rcu = 30;
  EXPECT_EQ(read_rate_limits(options, provisioned(1000, 0), true).max_units, 30);
  options.max_rcu = 300;
  EXPECT_EQ(read_rate_limits(options, provisioned(1000, 0), true).max_units, 100);
}

TEST(RateLimits, WithoutAKnownCapacityTheShareIsOfTheCeilingFound) {
  const RateLimits limits = read_rate_limits({}, provisioned(0, 0), false);
  EXPECT_EQ(limits.max_units, 0);
  EXPECT_EQ(limits.start_units, 0);
  EXPECT_EQ(limits.share, 0.5);
}

TEST(CommonKey, ComesFromEitherSideOrTheFlag) {
  TableFacts known;
  known.schema = TableSchema{test::pk_schema(), ""};
  const TableFacts unknown;
  Options options;
  EXPECT_EQ(common_key(options, unknown, "a", known, "b"), test::pk_schema());
  EXPECT_EQ(common_key(options, known, "a", unknown, "b"), test::pk_schema());
  options.key = "id:N";
  EXPECT_EQ(common_key(options, unknown, "a", unknown, "b").text(), "id:N");
}

TEST(CommonKey, MustBeOneAndTheSame) {
  TableFacts first;
  first.schema = TableSchema{test::pk_schema(), ""};
  TableFacts second;
  second.schema = TableSchema{KeySchema::parse("id:N"), ""};
  try {
    common_key({}, first, "a", second, "b");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.line(), "the key schema differs: a has pk:S, b has id:N");
  }
  try {
    common_key({}, {}, "a", {}, "b");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.line(), "neither a nor b says what its key is; give it, for example --key pk:S,sk:S");
  }
}

}  // namespace
}  // namespace bulk
