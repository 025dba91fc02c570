#include "src/backfill/deadline.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "io/error.h"

namespace bulk {
namespace {

using namespace std::chrono_literals;

// Local time is that of a place as long as it lives.
class Zone {
 public:
  explicit Zone(const char* name) {
    if (const char* const former = std::getenv("TZ")) former_ = former;
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~Zone() {
    if (former_.empty()) {
      ::unsetenv("TZ");
    } else {
      ::setenv("TZ", former_.c_str(), 1);
    }
    ::tzset();
  }
  Zone(const Zone&) = delete;

 private:
  std::string former_;
};

// "2025-01-25 05:59:59", local time.
WallTime at(const char* text) {
  std::tm parts{};
  EXPECT_NE(::strptime(text, "%Y-%m-%d %H:%M:%S", &parts), nullptr);
  parts.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&parts));
}

std::string next(const char* text, WallTime now) {
  const std::time_t time = std::chrono::system_clock::to_time_t(next_time_of_day(text, now));
  std::tm parts{};
  ::localtime_r(&time, &parts);
  char spelled[32];
  std::strftime(spelled, sizeof spelled, "%Y-%m-%d %H:%M:%S", &parts);
  return spelled;
}

std::string error_of(const std::string& text) {
  try {
    next_time_of_day(text, WallTime());
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.line();
  }
  return "no error";
}

// Central Europe without a table of zones: an hour ahead of UTC, two in summer.
constexpr const char* kCentralEurope = "CET-1CEST,M3.5.0,M10.5.0/3";

TEST(Until, IsTodayOrTomorrow) {
  const Zone zone(kCentralEurope);
  EXPECT_EQ(next("06:00", at("2025-01-25 05:59:59")), "2025-01-25 06:00:00");
  EXPECT_EQ(next("06:00", at("2025-01-25 06:00:00")), "2025-01-26 06:00:00");
  EXPECT_EQ(next("06:00", at("2025-01-25 06:00:00") - 1ms), "2025-01-25 06:00:00");
  EXPECT_EQ(next("06:00", at("2025-01-25 22:15:00")), "2025-01-26 06:00:00");
  EXPECT_EQ(next("23:59", at("2025-01-25 00:00:00")), "2025-01-25 23:59:00");
  EXPECT_EQ(next("00:00", at("2025-12-31 12:00:00")), "2026-01-01 00:00:00");
}

TEST(Until, KeepsToTheClockWhenItIsChanged) {
  const Zone zone(kCentralEurope);
  EXPECT_EQ(next("06:00", at("2025-03-29 22:00:00")), "2025-03-30 06:00:00");
  EXPECT_EQ(next_time_of_day("06:00", at("2025-03-29 22:00:00")) - at("2025-03-29 22:00:00"), 7h);
  EXPECT_EQ(next("06:00", at("2025-10-25 22:00:00")), "2025-10-26 06:00:00");
  EXPECT_EQ(next_time_of_day("06:00", at("2025-10-25 22:00:00")) - at("2025-10-25 22:00:00"), 9h);
  const WallTime evening = at("2025-03-29 22:00:00");
  const auto skipped = next_time_of_day("02:30", evening) - evening;  // that night there is none
  EXPECT_GE(skipped, 3h + 30min);
  EXPECT_LE(skipped, 4h + 30min);
}

TEST(Until, IsATimeOfDay) {
  for (const char* bad :
       {"", "6", "6:00", "06.00", "24:00", "12:60", "06:00:00", "0a:00", "-1:00", " 6:00", "06:0\n"}) {
    std::string shown = bad;
    if (shown.ends_with('\n')) shown.back() = '?';
    EXPECT_EQ(error_of(bad), "--until wants a time of day, not " + shown + "; write for example --until 06:00") << bad;
  }
}

TEST(Deadline, EndsTheJobWhenItIsReached) {
  Stop stop;
  const Deadline deadline(std::chrono::system_clock::now(), "06:00", stop);
  ASSERT_TRUE(stop.wait_for(60s));
  EXPECT_TRUE(deadline.reached());
  try {
    stop.check();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_EQ(error.line(), "it is 06:00, when --until wants it to stop");
  }
}

TEST(Deadline, LeavesAJobAloneThatEndsBefore) {
  Stop stop;
  {
    const Deadline deadline(std::chrono::system_clock::now() + 24h, "06:00", stop);
    EXPECT_FALSE(deadline.reached());
  }
  EXPECT_FALSE(stop.stopped());
}

}  // namespace
}  // namespace bulk
