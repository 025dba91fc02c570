#include "io/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "io/error.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using namespace std::chrono_literals;

// All that the program writes until it closes its end.
std::string text_of(int fd) {
  std::string text;
  char bytes[4096];
  for (;;) {
    pollfd waiting{fd, POLLIN, 0};
    ::poll(&waiting, 1, -1);
    const ssize_t got = ::read(fd, bytes, sizeof bytes);
    if (got == 0) return text;
    if (got > 0) text.append(bytes, static_cast<std::size_t>(got));
  }
}

int status_of(ChildProcess& child) {
  std::optional<int> status;
  while (!(status = child.status())) std::this_thread::sleep_for(1ms);
  return *status;
}

TEST(ChildProcess, HasItsStreamsAndItsFolder) {
  const test::TempDir folder;
  ChildProcess child("program x", {"sh", "-c", "pwd -P; echo oops >&2; cat; exit 5"}, folder.path().string());
  EXPECT_EQ(::write(child.input(), "hello", 5), 5);
  EXPECT_FALSE(child.status());
  child.close_input();
  EXPECT_EQ(text_of(child.output()), std::filesystem::canonical(folder.path()).string() + "\nhello");
  EXPECT_EQ(text_of(child.errors()), "oops\n");
  const int status = status_of(child);
  EXPECT_EQ(WEXITSTATUS(status), 5);
  EXPECT_EQ(child.status(), status) << "and keeps it";
}

TEST(ChildProcess, IsAskedHowMuchItHasRead) {
  ChildProcess child("program x", {"sh", "-c", "read -r line; echo; exec sleep 1000"}, "");
  EXPECT_TRUE(child.has_read_all());
  EXPECT_EQ(::write(child.input(), "1\n", 2), 2);
  pollfd waiting{child.output(), POLLIN, 0};
  ::poll(&waiting, 1, -1);
  EXPECT_TRUE(child.has_read_all());
  EXPECT_EQ(::write(child.input(), "2\n", 2), 2);
  EXPECT_FALSE(child.has_read_all());
}

TEST(ChildProcess, DoesNotHoldTheInputOfAnother) {
  ChildProcess first("program x", {"cat"}, "");
  ChildProcess second("program x", {"sleep", "1000"}, "");
  first.close_input();
  EXPECT_EQ(status_of(first), 0);
  EXPECT_FALSE(second.status());
}

TEST(ChildProcess, HasSignalsAsUsual) {
  sigset_t all;
  sigset_t former;
  sigfillset(&all);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &all, &former), 0);
  void (*const pipe_before)(int) = std::signal(SIGPIPE, SIG_IGN);
  // Else `yes` would complain and go on, and TERM would not end the shell.
  ChildProcess piped("program x", {"sh", "-c", "yes | head -n 1"}, "");
  ChildProcess killed("program x", {"sh", "-c", "kill $$; echo still there"}, "");
  std::signal(SIGPIPE, pipe_before);
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  EXPECT_EQ(text_of(piped.output()), "y\n");
  EXPECT_EQ(text_of(piped.errors()), "");
  EXPECT_EQ(text_of(killed.output()), "");
  EXPECT_EQ(WTERMSIG(status_of(killed)), SIGTERM);
}

TEST(ChildProcess, LearnsOfItsOwnChildrenThoughWeDoNot) {
  void (*const before)(int) = std::signal(SIGCHLD, SIG_IGN);
  ChildProcess child("program x", {"sed", "-n", "s/^SigIgn:\\s*//p", "/proc/self/status"}, "");
  std::signal(SIGCHLD, before);
  const std::string ignored = text_of(child.output());
  ASSERT_FALSE(ignored.empty());
  EXPECT_EQ(std::stoull(ignored, nullptr, 16) & (1ULL << (SIGCHLD - 1)), 0U) << ignored;
}

TEST(ChildProcess, WorksWhereStandardDescriptorsAreClosed) {
  // In a process of its own, whose descriptors may be closed.
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (const int fd : {0, 1, 2}) ::close(fd);
    ChildProcess child("program x", {"sh", "-c", "cat; cat <&0 >&2"}, "");
    const bool sent = ::write(child.input(), "hello", 5) == 5;
    child.close_input();
    ::_exit(sent && text_of(child.output()) == "hello" && text_of(child.errors()).empty() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(ChildProcess, IsKilledWithAllOthers) {
  ChildProcess first("program x", {"sh", "-c", "trap '' TERM; echo; while :; do sleep 0.02; done"}, "");
  ChildProcess second("program x", {"sleep", "1000"}, "");
  { ChildProcess gone("program x", {"sleep", "1000"}, ""); }
  ChildProcess::kill_all();
  EXPECT_EQ(WTERMSIG(status_of(first)), SIGKILL);
  EXPECT_EQ(WTERMSIG(status_of(second)), SIGKILL);
}

TEST(ChildProcess, LeavesNothingBehind) {
  {
    ChildProcess child("program x", {"sh", "-c", "trap '' TERM; echo; while :; do sleep 0.02; done"}, "");
    child.set_grace(50ms);
    pollfd waiting{child.output(), POLLIN, 0};
    ::poll(&waiting, 1, -1);
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

}  // namespace
}  // namespace bulk
