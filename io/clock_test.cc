#include "io/clock.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

TEST(Clock, WritesUtcInTheThreeFormsTheProjectUses) {
  const WallTime time = std::chrono::system_clock::from_time_t(1737806400) + std::chrono::milliseconds(900);
  EXPECT_EQ(utc_iso8601(time), "2025-01-25T12:00:00Z");
  EXPECT_EQ(utc_compact(time), "20250125T120000Z");
  EXPECT_EQ(utc_file_stamp(time), "20250125-120000");
}

TEST(Clock, ReadsEveryFormThatServicesSend) {
  for (const char* text : {"2025-01-25T12:00:00Z", "2025-01-25T12:00:00.123Z", "2025-01-25T12:00:00+00:00",
                           "2025-01-25T14:30:00+0230", "Sat, 25 Jan 2025 12:00:00 GMT"}) {
    WallTime time;
    ASSERT_TRUE(parse_utc(text, time)) << text;
    EXPECT_EQ(utc_iso8601(time), "2025-01-25T12:00:00Z") << text;
  }
}

TEST(Clock, RefusesWhatIsNoTime) {
  WallTime time;
  for (const char* text : {"", "now", "2025-01-25", "2025-01-25T12:00:00", "2025-01-25T12:00:00.Z",
                           "2025-01-25T12:00:00+1", "2025-01-25T12:00:00+ab:cd", "2025-13-25T12:00:00Z"}) {
    EXPECT_FALSE(parse_utc(text, time)) << text;
  }
}

TEST(Clock, TakesTimesBeyondItsRangeForItsEnds) {
  WallTime time;
  ASSERT_TRUE(parse_utc("9999-12-31T23:59:59Z", time));
  EXPECT_EQ(utc_iso8601(time), "2262-04-11T23:47:16Z");
  ASSERT_TRUE(parse_utc("0001-01-01T00:00:00Z", time));
  EXPECT_LT(time, WallTime());
}

}  // namespace
}  // namespace bulk
