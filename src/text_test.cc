#include "src/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace bulk {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

TEST(Text, SeparatesThousands) {
  EXPECT_EQ(with_separators(0), "0");
  EXPECT_EQ(with_separators(999), "999");
  EXPECT_EQ(with_separators(1000), "1,000");
  EXPECT_EQ(with_separators(4609), "4,609");
  EXPECT_EQ(with_separators(1234567), "1,234,567");
  EXPECT_EQ(with_separators(kLargest), "18,446,744,073,709,551,615");
}

TEST(Text, WritesSizesInBinaryUnits) {
  EXPECT_EQ(human_bytes(0), "0B");
  EXPECT_EQ(human_bytes(256), "256B");
  EXPECT_EQ(human_bytes(1023), "1023B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(602113), "588.0 KiB");
  EXPECT_EQ(human_bytes(2954112), "2.8 MiB");
  EXPECT_EQ(human_bytes(kLargest), "16.0 EiB");
}

TEST(Text, NeverWritesAThousandAndTwentyFourOfAUnit) {
  EXPECT_EQ(human_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes((1 << 20) - 60), "1023.9 KiB");
  EXPECT_EQ(human_count(999'999), "1.0M");
}

TEST(Text, ShortensCounts) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(12'345), "12.3k");
  EXPECT_EQ(human_count(312'400), "312k");
  EXPECT_EQ(human_count(99'960), "100k");
  EXPECT_EQ(human_count(4'600'000), "4.6M");
  EXPECT_EQ(human_count(kLargest), "18.4E");
}

TEST(Text, WritesDurationsInTheTwoUnitsThatMatter) {
  EXPECT_EQ(human_seconds(-1), "0.0 s");
  EXPECT_EQ(human_seconds(0.41), "0.4 s");
  EXPECT_EQ(human_seconds(9.96), "10 s");
  EXPECT_EQ(human_seconds(59.4), "59 s");
  EXPECT_EQ(human_seconds(59.6), "1m00s");
  EXPECT_EQ(human_seconds(185), "3m05s");
  EXPECT_EQ(human_seconds(3599.7), "1h00m");
  EXPECT_EQ(human_seconds(7620), "2h07m");
  EXPECT_EQ(human_seconds(352'800), "4d02h");
  EXPECT_EQ(human_seconds(1e300), "over 999d");
  EXPECT_EQ(human_seconds(std::numeric_limits<double>::quiet_NaN()), "0.0 s");
}

TEST(Text, CountsWithTheRightNumberOfTheNoun) {
  EXPECT_EQ(counted(0, "item"), "0 items");
  EXPECT_EQ(counted(1, "item"), "1 item");
  EXPECT_EQ(counted(4609, "item"), "4,609 items");
}

}  // namespace
}  // namespace bulk
