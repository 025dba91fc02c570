// A signal reaches the whole process, so each case runs in a child of its own.
#include "src/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>

#include "io/error.h"
#include "src/exit_status.h"

namespace bulk {
namespace {

// Sends `signal` to this process and ends it with the exit status of the cause that Stop received.
[[noreturn]] void run_until_stopped(int signal) {
  Stop stop;
  const Signals signals(stop);
  kill(getpid(), signal);
  stop.wait_for(std::chrono::minutes(1));
  try {
    stop.check();
  } catch (const Error& error) {
    _exit(exit_status(error));
  }
  _exit(0);
}

[[noreturn]] void send_a_second_signal() {
  Stop stop;
  const Signals signals(stop);
  kill(getpid(), SIGTERM);
  stop.wait_for(std::chrono::minutes(1));
  kill(getpid(), SIGINT);
  // Stands for a job that does not notice: only the second signal can end it.
  for (;;) pause();
}

TEST(SignalsDeathTest, FirstSignalEndsTheJobThroughStop) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(run_until_stopped(SIGINT), testing::ExitedWithCode(130), "");
  EXPECT_EXIT(run_until_stopped(SIGTERM), testing::ExitedWithCode(143), "");
}

TEST(SignalsDeathTest, SecondSignalEndsTheProcessAtOnce) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(send_a_second_signal(), testing::ExitedWithCode(130), "");
}

// Stands for a job that does not notice, while its drain is waited for only so long.
[[noreturn]] void do_not_notice(int signal) {
  Stop stop;
  const Signals signals(stop, std::chrono::milliseconds(20));
  kill(getpid(), signal);
  for (;;) pause();
}

TEST(SignalsDeathTest, AJobThatDoesNotEndIsEndedAllTheSame) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(do_not_notice(SIGINT), testing::ExitedWithCode(130), "^bulk: interrupted\n$");
  EXPECT_EXIT(do_not_notice(SIGTERM), testing::ExitedWithCode(143), "^bulk: terminated\n$");
}

TEST(SignalsDeathTest, EndsWithoutASignal) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        {
          Stop stop;
          const Signals signals(stop);
        }
        _exit(7);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace bulk
