#include "src/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "src/progress_line.h"

namespace bulk {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

ProgressSnapshot typical() {
  ProgressSnapshot snapshot;
  snapshot.phase = "restore";
  snapshot.records = 1'234'567;
  snapshot.expected_records = 4'600'000;
  snapshot.bytes = 2'254'857'830;
  snapshot.records_per_second = 312'400;
  snapshot.elapsed_seconds = 4;
  snapshot.throttled_share = 0.047;
  snapshot.limiting_stage = "write";
  return snapshot;
}

TEST(ProgressLine, SaysEverythingWhereThereIsRoom) {
  EXPECT_EQ(progress_line(typical(), 120),
            "restore 26%  1,234,567 items  2.1 GiB  312k/s  11 s left  throttled 4%  write-bound");
}

TEST(ProgressLine, OfABackfillShowsWhatWasUpdatedToo) {
  ProgressSnapshot snapshot = typical();
  snapshot.phase = kBackfillPhase;
  snapshot.updated = 56'789;
  EXPECT_EQ(progress_line(snapshot, 120),
            "backfill 26%  1,234,567 items  56,789 updated  2.1 GiB  312k/s  11 s left  throttled 4%  write-bound");
}

TEST(ProgressLine, ShortensNumbersFirst) {
  EXPECT_EQ(progress_line(typical(), 80),
            "restore 26%  1.2M items  2.1 GiB  312k/s  11 s left  throttled 4%  write-bound");
}

TEST(ProgressLine, ThenDropsPartsFromTheRight) {
  EXPECT_EQ(progress_line(typical(), 70), "restore 26%  1.2M items  2.1 GiB  312k/s  11 s left  throttled 4%");
  EXPECT_EQ(progress_line(typical(), 60), "restore 26%  1.2M items  2.1 GiB  312k/s  11 s left");
  EXPECT_EQ(progress_line(typical(), 40), "restore 26%  1.2M items  2.1 GiB  312k/s");
  EXPECT_EQ(progress_line(typical(), 20), "restore 26%");
  EXPECT_EQ(progress_line(typical(), 4), "rest");
  EXPECT_EQ(progress_line(typical(), 0), "");
}

TEST(ProgressLine, LeavesOutWhatIsNotKnown) {
  ProgressSnapshot snapshot;
  snapshot.phase = "backup";
  EXPECT_EQ(progress_line(snapshot, 80), "backup  0 items  0B  0/s  0.0 s");
  snapshot.records = 1;
  snapshot.bytes = 256;
  snapshot.elapsed_seconds = 75;
  EXPECT_EQ(progress_line(snapshot, 80), "backup  1 item  256B  0/s  1m15s");
}

TEST(ProgressLine, DoesNotSayAHundredPercentOfAnEstimate) {
  ProgressSnapshot snapshot = typical();
  snapshot.records = 4'600'000;
  EXPECT_EQ(progress_line(snapshot, 34), "restore 99%  4.6M items  2.1 GiB");
  snapshot.records = 9'000'000;
  EXPECT_EQ(progress_line(snapshot, 34), "restore 99%  9.0M items  2.1 GiB");
  EXPECT_EQ(progress_line(snapshot, 60), "restore 99%  9.0M items  2.1 GiB  312k/s  4.0 s");
}

TEST(ProgressLine, StandsHugeNumbers) {
  ProgressSnapshot snapshot = typical();
  snapshot.records = kLargest - 1;
  snapshot.expected_records = kLargest;
  snapshot.bytes = kLargest;
  snapshot.records_per_second = 1e300;
  snapshot.throttled_share = 7;
  EXPECT_EQ(progress_line(snapshot, 80), "restore 99%  18.4E items  16.0 EiB  1.0E/s  0.0 s left  throttled 100%");
  snapshot.expected_records = 1;
  snapshot.records_per_second = 1e-300;
  snapshot.records = 0;
  EXPECT_EQ(progress_line(snapshot, 60), "restore 0%  0 items  16.0 EiB  0/s  over 999d left");
}

TEST(ProgressLine, NeverExceedsItsColumns) {
  for (unsigned columns = 0; columns < 120; ++columns) EXPECT_LE(progress_line(typical(), columns).size(), columns);
}

ProgressSample at(SteadyTime time, std::uint64_t records) {
  ProgressSample sample;
  sample.time = time;
  sample.records = records;
  sample.bytes = records * 100;
  return sample;
}

TEST(ProgressEstimator, TellsTheRateOfTheLastTenSeconds) {
  const SteadyTime start{};
  ProgressEstimator estimator("backup", 100'000, start);
  for (int second = 0; second <= 60; ++second) {
    // A thousand a second, and after half a minute a hundred.
    const int records = second <= 30 ? second * 1'000 : 30'000 + (second - 30) * 100;
    estimator.add(at(start + seconds(second), static_cast<std::uint64_t>(records)));
  }
  const ProgressSnapshot snapshot = estimator.snapshot();
  EXPECT_EQ(snapshot.records, 33'000u);
  EXPECT_EQ(snapshot.bytes, 3'300'000u);
  EXPECT_DOUBLE_EQ(snapshot.records_per_second, 100);
  EXPECT_DOUBLE_EQ(snapshot.elapsed_seconds, 60);
  EXPECT_EQ(progress_line(snapshot, 80), "backup 33%  33,000 items  3.1 MiB  100/s  11m10s left  read-bound");
}

TEST(ProgressEstimator, TellsTheThrottledShareOfTheSameTime) {
  const SteadyTime start{};
  ProgressEstimator estimator("restore", std::nullopt, start);
  for (int second = 0; second <= 40; ++second) {
    ProgressSample sample = at(start + seconds(second), 0);
    sample.requests_sent = static_cast<std::uint64_t>(second) * 10;
    sample.requests_throttled = second <= 20 ? static_cast<std::uint64_t>(second) * 10 : 200;
    estimator.add(sample);
  }
  EXPECT_DOUBLE_EQ(estimator.snapshot().throttled_share, 0);
}

TEST(ProgressEstimator, NamesTheStageThatBatchesWaitFor) {
  const auto limiting = [](int transform, int write) {
    ProgressEstimator estimator("copy", std::nullopt, SteadyTime{});
    for (int tick = 0; tick < 5; ++tick) {
      ProgressSample sample = at(SteadyTime{} + milliseconds(200 * tick), 1);
      sample.waiting_for_transform = transform;
      sample.waiting_for_write = write;
      estimator.add(sample);
    }
    return estimator.snapshot().limiting_stage;
  };
  EXPECT_EQ(limiting(0, 0), "read");
  EXPECT_EQ(limiting(3, 0), "cpu");
  EXPECT_EQ(limiting(1, 4), "write");
}

TEST(EffectiveMode, FollowsTheOptionsThenTheTerminal) {
  Options options;
  EXPECT_EQ(effective_mode(options, true, "xterm"), ProgressMode::bar);
  EXPECT_EQ(effective_mode(options, true, "dumb"), ProgressMode::plain);
  EXPECT_EQ(effective_mode(options, false, "xterm"), ProgressMode::plain);
  options.progress = ProgressMode::bar;
  EXPECT_EQ(effective_mode(options, false, "dumb"), ProgressMode::bar);
  options.quiet = true;
  EXPECT_EQ(effective_mode(options, true, "xterm"), ProgressMode::none);
}

// Everything that a Progress of these options writes while `use` runs.
template <typename Use>
std::string written(const Options& options, Use use) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const RequestStats stats;
  {
    Progress progress(options, "backup", stats, ends[1]);
    use(progress);
  }
  close(ends[1]);
  std::string all;
  char chunk[4096];
  for (ssize_t got = 0; (got = read(ends[0], chunk, sizeof chunk)) > 0;)
    all.append(chunk, static_cast<std::size_t>(got));
  close(ends[0]);
  return all;
}

TEST(Progress, PrintsNotesWhole) {
  EXPECT_EQ(written({}, [](Progress& progress) { progress.note("table made"); }), "table made\n");
  Options quiet;
  quiet.quiet = true;
  EXPECT_EQ(written(quiet, [](Progress& progress) { progress.note("table made"); }), "");
}

TEST(Progress, OfAShortRunOffATerminalSaysNothing) {
  EXPECT_EQ(written({}, [](Progress& progress) { progress.phase("", 10); }), "");
}

TEST(Progress, ErasesItsLineAtTheEndAndAroundNotes) {
  Options options;
  options.progress = ProgressMode::bar;
  const std::string all = written(options, [](Progress& progress) {
    progress.phase("reading back", 10);
    progress.note("note");
  });
  EXPECT_TRUE(all.starts_with("\r\x1b[Kreading back 0%  0 items")) << all;
  EXPECT_THAT(all, testing::HasSubstr("\r\x1b[Knote\n\r\x1b[Kreading back 0%"));
  EXPECT_TRUE(all.ends_with("\r\x1b[K")) << all;
}

TEST(Progress, CountsEachPhaseFromZero) {
  const RequestStats stats;
  Options options;
  options.quiet = true;
  Progress progress(options, "backup", stats);
  progress.phase("", std::nullopt);
  progress.counters().records_written = 7;
  progress.counters().bytes_read = 7;
  progress.phase("reading back", 7);
  EXPECT_EQ(progress.counters().records_written, 0u);
  EXPECT_EQ(progress.counters().bytes_read, 0u);
}

}  // namespace
}  // namespace bulk
