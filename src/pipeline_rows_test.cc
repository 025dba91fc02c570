// Rows in the pipeline: lines that are not looked into, counted by table; and sources that bound their readers and are
// asked once more before anything counts.
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "io/error.h"
#include "src/pipeline.h"
#include "tests/support/scripted.h"

namespace bulk {
namespace {

using test::PipelineRun;
using test::ScriptedSink;
using test::ScriptedSource;

ScriptedSource rows() {
  ScriptedSource source;
  source.segments = {{R"({"id":1})", R"({"id":2})"}, {R"({"id":1})"}, {}};
  source.tables = {1, 0, 2};
  return source;
}

TEST(PipelineOfRows, CountsLinesByTheirTextAndByTable) {
  ScriptedSource source = rows();
  ScriptedSink sink;
  PipelineRun run;
  run.options.rows = true;
  const Totals totals = run(source, sink, nullptr);
  Digest of_second = hash128(R"({"id":1})");
  of_second += hash128(R"({"id":2})");
  EXPECT_EQ(totals.tables.at(0), (Count{1, hash128(R"({"id":1})")}));
  EXPECT_EQ(totals.tables.at(1), (Count{2, of_second}));
  EXPECT_EQ(totals.tables.at(2), Count{});
  EXPECT_TRUE(sink.finished);
}

TEST(PipelineOfRows, ReadsNoMoreSegmentsAtATimeThanTheSourceAllows) {
  ScriptedSource source;
  source.segments.assign(20, {R"({"a":1})", R"({"a":2})", R"({"a":3})"});
  source.per_batch = 1;
  source.readers = 2;
  std::mutex mutex;
  std::set<std::uint32_t> begun, ended;
  std::size_t most = 0;
  source.before_read = [&](std::uint32_t segment, std::size_t line) {
    const std::lock_guard lock(mutex);
    begun.insert(segment);
    most = std::max(most, begun.size() - ended.size());
    if (line == 3) ended.insert(segment);
  };
  ScriptedSink sink;
  PipelineRun run;
  run.options.rows = true;
  EXPECT_EQ(run(source, sink, nullptr).all().written.records, 60u);
  EXPECT_LE(most, 2u);
}

TEST(PipelineOfRows, NothingIsFinishedWhenTheSourceTakesItsPromiseBack) {
  ScriptedSource source = rows();
  source.on_confirm = [] { throw Error(ErrorKind::remote, "the snapshot is gone"); };
  ScriptedSink sink;
  PipelineRun run;
  run.options.rows = true;
  EXPECT_STREQ(run.error(source, sink, nullptr).what(), "the snapshot is gone");
  EXPECT_FALSE(sink.finished);
}

}  // namespace
}  // namespace bulk
