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
}

TEST(RateLimits, ATableOfOurOwnIsUsedWhollyAndMayBurst) {
  const RateLimits limits = write_rate_limits({}, provisioned(0, 1000), true);
  EXPECT_EQ(limits.max_units, 0);
  EXPECT_EQ(limits.start_units, 1000);
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
