// A signal reaches the whole process, so each case runs in a child of its own.
#include "src/signals.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "io/child_process.h"
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

// A job whose program ignores SIGTERM and holds `pipe` open, with all that it starts, and which does not notice.
[[noreturn]] void run_a_stubborn_program(int pipe) {
  Stop stop;
  const Signals signals(stop, std::chrono::milliseconds(20));
  const std::string ready = "echo >/proc/self/fd/" + std::to_string(pipe);
  ChildProcess program("program x", {"sh", "-c", "trap '' TERM; " + ready + "; sleep 1000; sleep 1000"}, "");
  for (;;) pause();
}

TEST(SignalsDeathTest, TakesTheProgramsOfAJobThatDoesNotEndWithIt) {
  for (const int times : {1, 2}) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t job = fork();
    if (job == 0) {
      close(ends[0]);
      run_a_stubborn_program(ends[1]);
    }
    close(ends[1]);
    char byte = 0;
    ASSERT_EQ(read(ends[0], &byte, 1), 1);
    for (int i = 0; i < times; ++i) kill(job, SIGINT);
    int status = 0;
    ASSERT_EQ(waitpid(job, &status, 0), job);
    EXPECT_EQ(WEXITSTATUS(status), 130);
    // The end of the pipe comes when nobody holds it any more.
    pollfd end{ends[0], POLLIN, 0};
    ASSERT_EQ(poll(&end, 1, 30'000), 1) << "a program is left";
    EXPECT_EQ(read(ends[0], &byte, 1), 0);
    close(ends[0]);
  }
}

[[noreturn]] void run_a_program_with_sigchld_ignored() {
  std::signal(SIGCHLD, SIG_IGN);
  Stop stop;
  const Signals signals(stop);
  ChildProcess program("program x", {"sh", "-c", "exit 3"}, "");
  std::optional<int> status;
  while (!(status = program.status())) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  _exit(WEXITSTATUS(*status));
}

TEST(SignalsDeathTest, LearnsHowProgramsEndThoughItsParentDidNotWantTo) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(run_a_program_with_sigchld_ignored(), testing::ExitedWithCode(3), "");
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
