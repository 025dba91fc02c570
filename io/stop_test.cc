#include "io/stop.h"

#include <gtest/gtest.h>

#include <thread>

#include "io/error.h"

namespace bulk {
namespace {

std::exception_ptr cause(const char* text) {
  return std::make_exception_ptr(Error(ErrorKind::failed, text));
}

TEST(Stop, KeepsTheFirstCause) {
  Stop stop;
  EXPECT_NO_THROW(stop.check());
  stop.fail(cause("first"));
  stop.fail(cause("second"));
  try {
    stop.check();
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.line(), "first");
  }
}

TEST(Stop, WakesSleepersAndQueues) {
  Stop stop;
  std::atomic<int> woken = 0;
  const std::size_t registration = stop.on_stop([&] { ++woken; });
  std::jthread other([&] { stop.fail(cause("x")); });
  EXPECT_TRUE(stop.wait_for(std::chrono::hours(1)));
  other.join();
  EXPECT_EQ(woken, 1);
  stop.off(registration);
  stop.on_stop([&] { ++woken; });
  EXPECT_EQ(woken, 2) << "a callback registered after the stop runs at once";
}

TEST(Stop, SleepsTheWholeTimeOtherwise) {
  const Stop stop;
  EXPECT_FALSE(stop.wait_for(std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace bulk
