#include "src/write_stage.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/support/scripted.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::item_line;
using test::PipelineRun;
using test::ScriptedSink;
using test::ScriptedSource;
using Outcome = WriteResult::Outcome;

ScriptedSource lines(int count) {
  ScriptedSource source;
  source.segments.resize(1);
  for (int i = 0; i < count; ++i) source.segments[0].push_back(item_line("k" + std::to_string(i), "v"));
  return source;
}

TEST(WriteStage, WritesWhatWasNotProcessedAgainUntilAllIsDone) {
  ScriptedSource source = lines(1500);
  std::mt19937 random(1);
  std::map<std::string, int> done;
  ScriptedSink sink;
  sink.on_write = [&](std::span<const RecordRef> records) {
    std::set<std::uint64_t> keys;
    for (const RecordRef& record : records) EXPECT_TRUE(keys.insert(record.record().key_hash.low).second);
    WriteResult result;
    switch (random() % 20) {
      case 0:
        result.outcome = Outcome::throttled;
        return result;
      case 1:
        result.outcome = Outcome::unavailable;
        return result;
      default:
        break;
    }
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (random() % 50 == 0) {
        result.unprocessed.push_back(i);
      } else {
        ++done[std::string(records[i].line())];
      }
    }
    return result;
  };
  PipelineRun run;
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().written.records, 1500u);
  EXPECT_EQ(done.size(), 1500u);
  for (const auto& [line, times] : done) EXPECT_EQ(times, 1) << line;
  EXPECT_GT(run.stats.throttled, 0u);
  EXPECT_GT(run.stats.retried, 0u);
}

// A target that refuses a whole request when it holds a poison item.
WriteResult refuse_poison(std::span<const RecordRef> records, std::set<std::string>& done) {
  for (const RecordRef& record : records) {
    if (record.line().find("poison") == std::string_view::npos) continue;
    WriteResult result;
    result.outcome = Outcome::invalid;
    result.reason = "Item size has exceeded the maximum allowed size";
    return result;
  }
  for (const RecordRef& record : records) done.insert(std::string(record.line()));
  return {};
}

TEST(WriteStage, HalvesARefusedRequestUntilTheBadRecordIsAlone) {
  ScriptedSource source = lines(200);
  source.segments[0][17] = item_line("k17", "poison");
  source.segments[0][18] = item_line("k18", "poison");
  source.segments[0][199] = item_line("k199", "poison");
  std::set<std::string> done;
  ScriptedSink sink;
  sink.on_write = [&](std::span<const RecordRef> records) { return refuse_poison(records, done); };
  const test::TempDir dir;
  PipelineRun run;
  run.options.rejects_file = dir.file("rejects");
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().rejected.records, 3u);
  EXPECT_EQ(done.size(), 197u);
  const std::string rejects = test::read_file(dir.file("rejects"));
  EXPECT_NE(rejects.find(R"({"segment":0,"reason":"Item size has exceeded the maximum allowed size","record":)" +
                         item_line("k17", "poison") + "}\n"),
            std::string::npos)
      << rejects;
}

TEST(WriteStage, EndsAtTheFirstBadRecordWithoutARejectsFile) {
  ScriptedSource source = lines(30);
  source.segments[0][3] = item_line("k3", "poison");
  std::set<std::string> done;
  ScriptedSink sink;
  sink.on_write = [&](std::span<const RecordRef> records) { return refuse_poison(records, done); };
  PipelineRun run;
  EXPECT_EQ(run.error(source, sink).line(),
            "source, segment 0: Item size has exceeded the maximum allowed size: " + item_line("k3", "poison") +
                "; mend it, or set such records aside with --rejects FILE");
}

TEST(WriteStage, GivesUpWhenRejectsPileUp) {
  ScriptedSource source = lines(500);
  ScriptedSink sink;
  sink.on_write = [](std::span<const RecordRef>) {
    WriteResult result;
    result.outcome = Outcome::invalid;
    result.reason = "no";
    return result;
  };
  const test::TempDir dir;
  PipelineRun run;
  run.options.rejects_file = dir.file("rejects");
  run.options.max_rejects = 10;
  const Error error = run.error(source, sink);
  EXPECT_EQ(error.line(), "more than 10 records were refused, the last one (source, segment 0) because: no; see '" +
                              dir.file("rejects") + "'; --max-rejects raises the limit");
}

TEST(WriteStage, CountsRecordsThatWereThereAsFiltered) {
  ScriptedSource source = lines(100);
  ScriptedSink sink;
  sink.on_write = [](std::span<const RecordRef> records) {
    WriteResult result;
    for (std::uint32_t i = 0; i < records.size(); i += 2) result.skipped.push_back(i);
    return result;
  };
  sink.limit.records = 1;
  PipelineRun run;
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().filtered.records, 100u);
  EXPECT_EQ(totals.all().written.records, 0u);
}

TEST(WriteStage, NeverExceedsTheBytesOfARequest) {
  ScriptedSource source;
  source.segments.resize(1);
  for (int i = 0; i < 300; ++i)
    source.segments[0].push_back(item_line("k" + std::to_string(i), std::string(3000, 'x')));
  ScriptedSink sink;
  sink.limit.bytes = 10'000;
  sink.on_write = [](std::span<const RecordRef> records) {
    std::size_t bytes = 0;
    for (const RecordRef& record : records) bytes += record.line().size();
    EXPECT_LE(bytes, 10'000u);
    return WriteResult{};
  };
  PipelineRun run;
  EXPECT_EQ(run(source, sink).all().written.records, 300u);
}

TEST(WriteStage, GivesUpOnATargetThatNeverAnswers) {
  Stop stop;
  RequestStats stats;
  ProgressCounters progress;
  RateLimiter rate{RateLimits{}};
  Rejects rejects("source", "", 0);
  BatchPool pool(1, 1 << 16, stop);
  ScriptedSink sink;
  sink.on_write = [](std::span<const RecordRef>) {
    WriteResult result;
    result.outcome = Outcome::unavailable;
    result.reason = "127.0.0.1:1: connection refused";
    return result;
  };
  WriteFeed feed(sink.limits(), 1, false, nullptr, pool, nullptr, progress, stop);
  Work* work = pool.acquire();
  work->batch.bytes.append(item_line("a", "b") + "\n");
  work->batch.records.push_back({0, static_cast<std::uint32_t>(work->batch.bytes.size() - 1), 10, 0, {}, {}});
  work->transformed = true;
  feed.push(work);
  feed.close();
  HotPartitions hot;
  WriteContext context{sink, feed, pool, rate, hot, rejects, stats, progress, stop};
  context.retry.give_up_after = std::chrono::milliseconds(1);
  context.retry.transient_base = std::chrono::milliseconds(1);
  context.retry.min_attempts = 3;
  Writer writer(context, 0);
  writer.run();
  try {
    stop.check();
    FAIL() << "did not give up";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_TRUE(
        error.line().ends_with(" attempts to write records of segment 0: 127.0.0.1:1: connection refused; try "
                               "again when the table answers"))
        << error.line();
  }
}

}  // namespace
}  // namespace bulk
