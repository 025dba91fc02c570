// What a filter co-process may do wrong, and what is said of it.
#include "tests/support/filter_fixture.h"

namespace bulk {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(Filter, SaysWhyItCannotBeStarted) {
  program({"no-such-program-at-all"});
  EXPECT_EQ(run_error({"a"}),
            "filter x cannot be started: No such file or directory; check that no-such-program-at-all is installed");
  EXPECT_EQ(kind_, ErrorKind::usage);
  std::ofstream(folder_.path() / "script") << "no";
  program({"./script"});
  EXPECT_EQ(run_error({"a"}), "filter x cannot be started: Permission denied; check the path of ./script");
  program({});
  EXPECT_EQ(run_error({"a"}), "filter x names no program");
  filter_ = std::make_unique<FilterProgram>(FilterCommand{{"cat"}, "/no/such/folder", "filter x", 60s}, stop_);
  EXPECT_EQ(run_error({"a"}), "filter x cannot be started: there is no folder /no/such/folder");
}

TEST_F(Filter, ThatEndsEarlyIsAnErrorWithItsLastWords) {
  shell("read -r line; echo \"$line\"; echo 'first word' >&2; echo >&2; echo '  last word' >&2; exit 3");
  EXPECT_EQ(
      run_error({"a", "b", "c"}),
      std::string("filter x ended with exit status 3 after 1 of 3 lines, saying: first word | last word") + kByHand);
  EXPECT_EQ(kind_, ErrorKind::failed);
  EXPECT_EQ(filter_->stderr_tail(), "first word\n\n  last word\n");
  shell("read -r line; kill -9 $$");
  EXPECT_EQ(run_error({"a"}), std::string("filter x was killed by signal 9 after 0 of 1 lines") + kByHand);
  shell("exec head -n 2");
  EXPECT_EQ(run_error({"a", "b", "c"}), std::string("filter x answered only 2 of 3 lines") + kOneForOne);
}

TEST_F(Filter, ShowsOnlyTheEndOfLongComplaints) {
  shell("read -r line; for i in $(seq 1000 1999); do echo \"complaint $i\" >&2; done; exit 1");
  const std::string error = run_error({"a"});
  EXPECT_THAT(error, HasSubstr("saying: complaint 19"));
  EXPECT_THAT(error, HasSubstr(" | complaint 1998 | complaint 1999; try"));
  EXPECT_LT(error.size(), 1'600U);
}

TEST_F(Filter, ThatEndsBetweenBatchesIsAnError) {
  shell("read -r line; echo \"$line\"; exec 1>&-; touch gone; exit 0");
  EXPECT_THAT(run({"a"}), ElementsAre("a"));
  while (!std::filesystem::exists(folder_.path() / "gone")) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(run_error({"b"}), std::string("filter x answered only 0 of 1 lines") + kOneForOne);
}

TEST_F(Filter, ThatClosesItsInputOrOutputIsAnError) {
  const std::string large(2'000'000, 'x');
  shell("read -r line; echo a; exec 0<&-; sleep 1000");
  EXPECT_EQ(run_error({"1", large}), std::string("filter x closed its input after 1 of 2 lines") + kByHand);
  shell("read -r line; echo a; exec 1>&-; sleep 1000");
  EXPECT_EQ(run_error({"1", large}), std::string("filter x closed its output after 1 of 2 lines") + kByHand);
  shell("read -r line; echo a; exec 0<&-; exit 4");
  EXPECT_EQ(run_error({"1", large}), std::string("filter x ended with exit status 4 after 1 of 2 lines") + kByHand);
}

TEST_F(Filter, ThatHangsIsAnError) {
  shell("read -r line; echo \"$line\"; echo stuck >&2; exec sleep 1000", 400ms);
  EXPECT_EQ(run_error({"a", "b"}),
            std::string("filter x has not answered for 0.4 s, after 1 of 2 lines, saying: stuck") + kByHand);
  shell("exec sleep 1000", 100ms);
  EXPECT_EQ(run_error({"a", std::string(3'000'000, 'x')}),
            std::string("filter x has not answered for 0.1 s, after 0 of 2 lines") + kByHand);
  shell("while :; do printf x; sleep 0.01; done", 300ms);
  EXPECT_EQ(run_error({"a"}), std::string("filter x has not answered for 0.3 s, after 0 of 1 lines") + kByHand);
  shell("cat; exec sleep 1000", 300ms);
  EXPECT_THAT(run({"a"}), ElementsAre("a"));
  EXPECT_EQ(finish_error(), std::string("filter x did not end within 0.3 s of the end of its input") + kByHand);
  shell("cat; exec 1>&-; exec sleep 1000", 300ms);
  EXPECT_THAT(run({"a"}), ElementsAre("a"));
  EXPECT_EQ(finish_error(), std::string("filter x did not end within 0.3 s of the end of its input") + kByHand);
}

TEST_F(Filter, ThatDropsALineIsAnError) {
  quiet_ = 20ms;
  program({"sed", "-u", "/drop/d"});
  EXPECT_THAT(run({"a", "b"}), ElementsAre("a", "b"));
  EXPECT_EQ(run_error({"c", "drop", "d"}), std::string("filter x answered only 2 of 3 lines") + kOneForOne);
}

TEST_F(Filter, ThatAnswersTwiceIsAnError) {
  const std::string expected =
      std::string("filter x wrote more lines than it was given") + kOneForOne + " (jq: with -c)";
  shell("while read -r line; do printf '%s\\n%s\\n' \"$line\" \"$line\"; done");
  EXPECT_EQ(run_error({"a"}), expected);
  shell("read -r line; echo a; read -r line; echo b; cat >/dev/null; echo late");
  EXPECT_THAT(run({"1", "2"}), ElementsAre("a", "b"));
  EXPECT_EQ(finish_error(), expected);
  shell("read -r line; echo a; while test ! -e go; do sleep 0.01; done; echo b; touch gone; cat");
  EXPECT_THAT(run({"1"}), ElementsAre("a"));
  std::ofstream(folder_.path() / "go") << "";
  while (!std::filesystem::exists(folder_.path() / "gone")) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(run_error({"2"}), expected);
  shell("echo 1; exec cat");
  EXPECT_THAT(run({"a"}), ElementsAre("1")) << "its caller sees that this does not belong to the line";
  EXPECT_EQ(finish_error(), expected);
}

TEST_F(Filter, ThatWritesWithoutEndIsAnError) {
  shell("cat /dev/zero | tr '\\0' x");
  EXPECT_EQ(run_error({"a"}), std::string("filter x wrote a line of more than 32 MiB") + kOneForOne);
  shell("while :; do head -c 20000000 /dev/zero | tr '\\0' x; echo; done");
  EXPECT_EQ(run_error(std::vector<std::string>(100, "a")),
            "filter x wrote more than 256 MiB for 100 lines; let it write less for each line");
}

TEST_F(Filter, ThatFailsAtItsEndIsAnError) {
  quiet_ = 20ms;
  shell("cat; echo sorry >&2; exit 7");
  EXPECT_THAT(run({"a"}), ElementsAre("a"));
  EXPECT_EQ(finish_error(),
            std::string("filter x ended with exit status 7 after it had answered all lines, saying: sorry") + kByHand);
  shell("all=$(cat); echo \"$all\"; exit 7");
  EXPECT_EQ(run_error({"a"}),
            std::string("filter x ended with exit status 7 after it had answered all lines") + kByHand);
}

TEST_F(Filter, DoesNotWaitForWhatTheProgramHasLeftBehind) {
  shell("sleep 1000 & echo $! >sleeper; exit 3");
  EXPECT_EQ(run_error({"a"}), std::string("filter x ended with exit status 3 after 0 of 1 lines") + kByHand);
  EXPECT_TRUE(dies(number_in("sleeper")));
}

TEST_F(Filter, IsEndedWithItsChildren) {
  shell("sleep 1000 & echo $! >sleeper.new; mv sleeper.new sleeper; while read -r line; do echo \"$line\"; done; wait");
  EXPECT_THAT(run({"a"}), ElementsAre("a"));
  const pid_t sleeper = number_in("sleeper");
  EXPECT_TRUE(alive(sleeper));
  filter_.reset();
  EXPECT_TRUE(dies(sleeper));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left, not even a zombie";
}

TEST_F(Filter, IsKilledWhenItIgnoresBeingAskedToEnd) {
  shell(
      "trap '' TERM; echo $$ >pid.new; mv pid.new pid; while read -r line; do echo \"$line\"; done; "
      "while :; do sleep 0.05; done");
  EXPECT_THAT(run({"a"}), ElementsAre("a"));
  const pid_t pid = number_in("pid");
  stop_.fail(std::make_exception_ptr(Error::interrupted(SIGTERM)));  // then it is given less time
  filter_.reset();
  EXPECT_FALSE(alive(pid));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(Filter, ThatIgnoresBeingAskedToEndIsGoneWhenTheStoppedRunReturns) {
  // What it has started ignores the signal too.
  shell("trap '' TERM; sleep 1000 & echo $! >child; echo $$ >pid.new; mv pid.new pid; while :; do sleep 0.05; done");
  std::thread interrupting([&] {
    number_in("pid");
    stop_.fail(std::make_exception_ptr(Error::interrupted(SIGINT)));
  });
  EXPECT_EQ(run_error({"a"}), "interrupted");
  interrupting.join();
  EXPECT_FALSE(alive(number_in("pid")));
  EXPECT_TRUE(dies(number_in("child")));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(Filter, StopsWithTheJob) {
  for (const char* script : {"echo $$ >pid.new; mv pid.new pid; exec sleep 1000",
                             "echo $$ >pid.new; mv pid.new pid; read -r line; while :; do echo complaint >&2; done",
                             "read -r line; exec 1>&-; echo $$ >pid.new; mv pid.new pid; exec sleep 1000"}) {
    Stop stop;
    std::filesystem::remove(folder_.path() / "pid");
    filter_ = std::make_unique<FilterProgram>(
        FilterCommand{{"sh", "-c", script}, folder_.path().string(), "filter x", 60s}, stop);
    pid_t pid = 0;
    std::thread interrupting([&] {
      pid = number_in("pid");
      stop.fail(std::make_exception_ptr(Error::interrupted(SIGINT)));
    });
    EXPECT_EQ(run_error({"a", "b"}), "interrupted");
    interrupting.join();
    filter_.reset();
    EXPECT_TRUE(dies(pid));
  }
}

}  // namespace
}  // namespace bulk
