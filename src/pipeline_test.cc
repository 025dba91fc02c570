#include "src/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <random>
#include <set>

#include "backends/memory/store.h"
#include "backends/schema.h"
#include "src/compare.h"
#include "tests/support/scripted.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::item_line;
using test::PipelineRun;
using test::ScriptedSink;
using test::ScriptedSource;

ScriptedSource source_of(std::size_t segments, std::size_t lines_each) {
  ScriptedSource source;
  source.segments.resize(segments);
  for (std::size_t s = 0; s < segments; ++s) {
    for (std::size_t i = 0; i < lines_each; ++i) {
      source.segments[s].push_back(item_line(std::to_string(s) + "-" + std::to_string(i), std::string(i % 50, 'x')));
    }
  }
  return source;
}

TEST(Pipeline, MovesEveryRecordOfEverySegmentOnce) {
  ScriptedSource source = source_of(7, 3001);
  ScriptedSink sink;
  std::map<std::string, int> written;
  sink.on_write = [&](std::span<const RecordRef> records) {
    EXPECT_LE(records.size(), 25u);
    for (const RecordRef& record : records) ++written[std::string(record.line())];
    return WriteResult{};
  };
  PipelineRun run;
  const Totals totals = run(source, sink);
  EXPECT_TRUE(sink.finished);
  EXPECT_EQ(totals.all().read.records, 7u * 3001);
  EXPECT_EQ(totals.all().read, totals.all().written);
  EXPECT_EQ(totals.segments.size(), 7u);
  EXPECT_EQ(totals.segments.at(3).written.records, 3001u);
  EXPECT_EQ(written.size(), 7u * 3001);
  for (const auto& [line, times] : written) EXPECT_EQ(times, 1) << line;
}

TEST(Pipeline, CopiesBetweenStoresWithEqualContent) {
  MemoryStore from("from");
  MemoryStore to("to");
  const TableSchema schema = schema_from_key(test::pk_schema());
  from.create(schema);
  to.create(schema);
  PipelineRun fill;
  ScriptedSource lines = source_of(3, 1000);
  fill(lines, *from.sink({}));
  PipelineRun copy;
  ReadOptions read;
  read.segments = 5;
  copy(*from.source(read), *to.sink({}));

  const auto side = [](MemoryStore& store) {
    ComparedSide side;
    side.name = store.url();
    side.run = [&store](Sink& sink) {
      PipelineRun run;
      return run(*store.source({}), sink);
    };
    return side;
  };
  EXPECT_TRUE(compare(side(from), side(to), *keys_of_items(test::pk_schema()), "/tmp", 1 << 20,
                      [](Difference, std::string_view) {})
                  .same());
}

TEST(Pipeline, AnEmptySourceFinishesTheSink) {
  ScriptedSource source = source_of(2, 0);
  ScriptedSink sink;
  PipelineRun run;
  EXPECT_EQ(run(source, sink).all().read.records, 0u);
  EXPECT_TRUE(sink.finished);
}

TEST(Pipeline, WorksInTheSmallestMemory) {
  ScriptedSource source = source_of(20, 500);
  source.per_batch = 7;
  ScriptedSink sink;
  PipelineRun run;
  run.options.memory_bytes = 1 << 20;
  run.options.jobs = 1;
  EXPECT_EQ(run(source, sink).all().written.records, 20u * 500);
}

TEST(Pipeline, AReaderThatFailsEndsTheJobWithItsError) {
  ScriptedSource source = source_of(4, 5000);
  source.before_read = [](std::uint32_t segment, std::size_t line) {
    if (segment == 2 && line >= 1000) throw Error(ErrorKind::remote, "segment 2: gone");
  };
  ScriptedSink sink;
  PipelineRun run;
  EXPECT_EQ(run.error(source, sink).line(), "segment 2: gone");
  EXPECT_FALSE(sink.finished);
}

TEST(Pipeline, AnInterruptionEndsTheJob) {
  ScriptedSource source = source_of(4, 5000);
  ScriptedSink sink;
  PipelineRun run;
  int writes = 0;
  sink.on_write = [&](std::span<const RecordRef>) {
    if (++writes == 10) run.stop.fail(std::make_exception_ptr(Error::interrupted(2)));
    return WriteResult{};
  };
  EXPECT_EQ(run.error(source, sink).kind(), ErrorKind::interrupted);
  EXPECT_FALSE(sink.finished);
}

TEST(Pipeline, RefusesASourceThatHoldsLessThanItSays) {
  ScriptedSource source = source_of(1, 10);
  source.totals = ExpectedTotals{11, 1, Digest{}};
  ScriptedSink sink;
  PipelineRun run;
  const Error error = run.error(source, sink);
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_TRUE(error.line().starts_with(
      "the source says it holds 11 records with digest 00000000000000000000000000000000, but 10 "
      "with digest "))
      << error.line();
  EXPECT_FALSE(sink.finished);
}

// A foreign file with many doubled keys, written by several sessions that process only part of each request.
TEST(Pipeline, TheLastRecordOfAKeyInAForeignFileWins) {
  std::mt19937 random(3);
  ScriptedSource source;
  source.distinct = false;
  source.segments.resize(1);
  std::map<std::string, std::string> last;
  for (int i = 0; i < 4000; ++i) {
    const std::string key = std::to_string(random() % 1000);
    last[key] = item_line(key, std::to_string(i));
    source.segments[0].push_back(last[key]);
  }
  std::map<std::string, std::string> table;
  ScriptedSink sink;
  sink.on_write = [&](std::span<const RecordRef> records) {
    WriteResult result;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (random() % 40 == 0) {
        result.unprocessed.push_back(i);
        continue;
      }
      const std::string line(records[i].line());
      const std::size_t begin = std::string(R"({"Item":{"pk":{"S":")").size();
      table[line.substr(begin, line.find('"', begin) - begin)] = line;
    }
    return result;
  };
  PipelineRun run;
  const Totals totals = run(source, sink);
  EXPECT_EQ(table, last);
  EXPECT_EQ(totals.superseded.records, 4000 - last.size());
  EXPECT_EQ(totals.net().records, last.size());

  ScriptedSource only_last;
  only_last.segments.resize(1);
  for (const auto& [key, line] : last) only_last.segments[0].push_back(line);
  ScriptedSink nowhere;
  PipelineRun again;
  EXPECT_EQ(again(only_last, nowhere).all().read.digest, totals.net().digest);
}

TEST(Pipeline, AnIllegalItemEndsTheJobUnlessThereIsARejectsFile) {
  ScriptedSource source;
  source.distinct = false;
  source.segments = {{item_line("a", "1"), R"({"Item":{"pk":{"S":"b"},"n":{"N":"x"}}})", item_line("c", "3")}};
  {
    ScriptedSink sink;
    PipelineRun run;
    const Error error = run.error(source, sink);
    EXPECT_EQ(error.kind(), ErrorKind::failed);
    EXPECT_TRUE(error.line().starts_with("source, line 2: attribute 'n': ")) << error.line();
    EXPECT_TRUE(error.line().ends_with("; mend it, or set such records aside with --rejects FILE")) << error.line();
  }
  const test::TempDir dir;
  ScriptedSink sink;
  PipelineRun run;
  run.options.rejects_file = dir.file("rejects");
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().read.records, 3u);
  EXPECT_EQ(totals.all().written.records, 2u);
  EXPECT_EQ(totals.all().rejected.records, 1u);
  EXPECT_TRUE(test::read_file(dir.file("rejects")).starts_with(R"({"line":2,"segment":0,"reason":"attribute 'n': )"));
}

// Two records, the second of which no item walk would accept.
ScriptedSource proven_lines() {
  ScriptedSource source;
  source.segments = {{item_line("a", "1"), R"({"Item":{"pk":{"S":"b"},"v":{"N":"no number"}}})"}};
  source.proven = true;
  ExpectedTotals totals;
  totals.records = 2;
  totals.raw_bytes = source.segments[0][0].size() + source.segments[0][1].size() + 2;
  totals.digest = {7, 9};
  source.totals = totals;
  return source;
}

TEST(Pipeline, LooksAtTheKeysOfProvenLinesAloneAndTakesTheirContentAsSaid) {
  ScriptedSource source = proven_lines();
  ScriptedSink sink;
  PipelineRun run;
  run.options.trust_proven_lines = true;
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().written.records, 2u);
  EXPECT_EQ(totals.all().written.digest, (Digest{7, 9}));
  EXPECT_EQ(totals.all().read, totals.net());
}

TEST(Pipeline, LooksIntoRecordsWhereTheyAreNotProvenOrNotToBeTrusted) {
  for (const bool proven : {false, true}) {
    ScriptedSource source = proven_lines();
    source.proven = proven;
    ScriptedSink sink;
    PipelineRun run;
    run.options.trust_proven_lines = !proven;
    EXPECT_THAT(run.error(source, sink).line(), testing::HasSubstr("attribute 'v': ")) << proven;
  }
}

TEST(Pipeline, ProvenLinesMustBeAsManyAsTheSourceSays) {
  ScriptedSource source = proven_lines();
  source.totals->records = 3;
  ScriptedSink sink;
  PipelineRun run;
  run.options.trust_proven_lines = true;
  EXPECT_EQ(run.error(source, sink).kind(), ErrorKind::corrupt);
  EXPECT_FALSE(sink.finished);
}

TEST(Pipeline, ReadsNoMoreSegmentsAtATimeThanMemoryAllows) {
  ScriptedSource source;
  source.segments.resize(40);
  for (auto& segment : source.segments) {
    for (int i = 0; i < 5; ++i) {
      segment.push_back(
          item_line("k" + std::to_string(&segment - source.segments.data()) + "-" + std::to_string(i), "v"));
    }
  }
  source.per_batch = 1;
  std::mutex mutex;
  std::set<std::uint32_t> begun, ended;
  std::size_t most = 0;
  source.before_read = [&](std::uint32_t segment, std::size_t line) {
    const std::lock_guard lock(mutex);
    begun.insert(segment);
    most = std::max(most, begun.size() - ended.size());
    if (line == 5) ended.insert(segment);
  };
  ScriptedSink sink;
  PipelineRun run;
  run.options.memory_bytes = 32u << 20;
  EXPECT_EQ(run(source, sink).all().written.records, 200u);
  EXPECT_EQ(begun.size(), 40u);
  EXPECT_LE(most, plan_memory(32u << 20, run.options.jobs).readers);
}

TEST(PlanMemory, KeepsTheBatchesWithinTheBound) {
  for (const std::uint64_t memory :
       {std::uint64_t{16} << 20, std::uint64_t{64} << 20, std::uint64_t{256} << 20, std::uint64_t{4} << 30}) {
    for (const unsigned jobs : {1u, 2u, 8u}) {
      const MemoryPlan plan = plan_memory(memory, jobs);
      const std::uint64_t replies = plan.readers * (5u << 19);
      // Fewer than two readers and so many batches make no run; the smallest memories are smaller than that.
      const std::uint64_t bound = std::max<std::uint64_t>(memory, 48u << 20);
      EXPECT_LE(3 * plan.batch_bytes * plan.batches + replies + plan.under_way_bytes + plan.aside_bytes, bound)
          << memory << " " << jobs;
      EXPECT_GE(plan.batches, 2 * jobs + 2);
      EXPECT_LE(plan.batch_bytes, 4u << 20);
    }
  }
  EXPECT_GE(plan_memory(256 << 20, 2).batch_bytes, 3u << 20);
}

}  // namespace
}  // namespace bulk
