// The watch around whole runs of the pipeline, with a limit of 2 s: a loaded machine reaches the point that hangs well
// within it. What is a stall is tested in stall_judge_test.cc.
#include "src/stall_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>

#include "src/exit_status.h"
#include "tests/support/scripted.h"

namespace bulk {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::item_line;
using test::PipelineRun;
using test::ScriptedSink;
using test::ScriptedSource;
using testing::MatchesRegex;

ScriptedSource two_segments() {
  ScriptedSource source;
  source.per_batch = 1;
  source.segments = {{item_line("a", "1"), item_line("b", "2")}, {item_line("c", "3")}};
  return source;
}

void set_limits(PipelineRun& run) {
  run.options.stall.no_progress = seconds(2);
  run.options.stall.source = "dynamodb://t";
  run.options.stall.target = "x.db";
}

TEST(StallWatch, NamesTheSegmentWhoseReadingHangs) {
  ScriptedSource source = two_segments();
  PipelineRun run;
  set_limits(run);
  source.before_read = [&run](std::uint32_t segment, std::size_t line) {
    if (segment == 0 && line == 1) run.stop.wait_for(minutes(1));
  };
  ScriptedSink sink;
  const Error error = run.error(source, sink);
  EXPECT_EQ(error.kind(), ErrorKind::remote);
  EXPECT_THAT(error.line(), MatchesRegex("no progress for 2 s: reading segment 0 of dynamodb://t has hung since "
                                         "[0-9:]{8}Z, after 1 record; try again"));
  EXPECT_FALSE(sink.finished);
}

TEST(StallWatch, NamesTheSegmentWhoseWritingHangs) {
  ScriptedSource source = two_segments();
  source.segments.resize(1);
  PipelineRun run;
  set_limits(run);
  ScriptedSink sink;
  sink.limit.records = 1;
  sink.limit.sessions = 1;
  int attempts = 0;
  sink.on_write = [&](std::span<const RecordRef>) {
    if (++attempts == 2) run.stop.wait_for(minutes(1));
    return WriteResult{};
  };
  EXPECT_THAT(run.error(source, sink).line(),
              MatchesRegex("no progress for 2 s: writing records of dynamodb://t to x\\.db has hung since "
                           "[0-9:]{8}Z, after 1 record; try again"));
}

TEST(StallWatch, DoesNotDisturbARunThatMoves) {
  ScriptedSource source = two_segments();
  PipelineRun run;
  set_limits(run);
  run.options.stall.no_progress = minutes(1);
  ScriptedSink sink;
  EXPECT_EQ(run(source, sink).all().written.records, 3u);
}

// A thread that does not notice that the job stops: what ends the process is called with the cause.
TEST(StallWatch, AbandonsARunThatDoesNotDrain) {
  for (const bool stalls : {true, false}) {
    ScriptedSource source = two_segments();
    PipelineRun run;
    set_limits(run);
    if (!stalls) run.options.stall.no_progress = minutes(1);
    run.options.stall.drain = run.options.stall.drain_after_stall = milliseconds(20);
    std::promise<void> released;
    const std::shared_future<void> release = released.get_future();
    std::string abandoned;
    run.options.stall.abandon = [&](const Error& error) {
      abandoned = error.what();
      released.set_value();
    };
    source.before_read = [&](std::uint32_t segment, std::size_t) {
      if (segment != 0) return;
      if (!stalls) run.stop.fail(std::make_exception_ptr(Error(ErrorKind::failed, "the disk is full")));
      release.wait();
    };
    ScriptedSink sink;
    EXPECT_EQ(run.error(source, sink).what(), abandoned);
    EXPECT_TRUE(abandoned.starts_with(stalls ? "no progress for 2 s: reading segment 0" : "the disk is full"));
  }
}

TEST(StallWatchDeathTest, TheProcessEndsWithTheErrorAndASummary) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        Options options;
        options.command = "backup";
        options.json = true;
        stall_limits(options, "-", "x").abandon(Error(ErrorKind::remote, "no progress", "try again"));
      },
      testing::ExitedWithCode(5), "^bulk: no progress; try again\n\\{\"message_type\":\"summary\".*\"exit_status\":5");
}

TEST(StallLimits, AreThoseOfTheCommandLine) {
  Options options;
  EXPECT_EQ(stall_limits(options, "a", "b").no_progress, std::chrono::seconds(600));
  options.stall_timeout_s = 0;
  const StallLimits limits = stall_limits(options, "-", "-");
  EXPECT_EQ(limits.no_progress, std::chrono::seconds(0));
  EXPECT_EQ(limits.source, "standard input");
  EXPECT_EQ(limits.target, "standard output");
}

}  // namespace
}  // namespace bulk
