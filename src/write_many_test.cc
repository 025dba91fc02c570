// The write stage with a sink that has many attempts under way, as the one of DynamoDB has.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "src/write_stage.h"
#include "tests/support/many_sink.h"
#include "tests/support/scripted.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::item_line;
using test::ManySink;
using test::PipelineRun;
using test::ScriptedSource;
using Outcome = WriteResult::Outcome;

ScriptedSource lines(int count) {
  ScriptedSource source;
  source.segments.resize(2);
  for (int i = 0; i < count; ++i) {
    source.segments[static_cast<std::size_t>(i % 2)].push_back(item_line("k" + std::to_string(i), "v"));
  }
  return source;
}

TEST(WriteMany, SettlesEveryRecordOnceWhateverHappensToAttempts) {
  ScriptedSource source = lines(20'000);
  source.segments[0][77] = item_line("k154", "poison");
  std::mt19937 random(3);
  std::map<std::string, int> done;
  ManySink sink;
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    const auto dice = random() % 40;
    if (dice == 0) result.outcome = Outcome::throttled;
    if (dice == 1) result.outcome = Outcome::unavailable;
    if (dice < 2) return result;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (records[i].line().find("poison") == std::string_view::npos) continue;
      result.outcome = Outcome::invalid;
      result.reason = "bad";
      return result;
    }
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (random() % 100 == 0) {
        result.unprocessed.push_back(i);
      } else {
        ++done[std::string(records[i].line())];
      }
    }
    return result;
  };
  const test::TempDir dir;
  PipelineRun run;
  run.options.writers = 2;
  run.options.rejects_file = dir.file("rejects");
  run.options.retry.transient_base = run.options.retry.throttled_base = std::chrono::milliseconds(1);
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().written.records, 19'999u);
  EXPECT_EQ(totals.all().rejected.records, 1u);
  EXPECT_EQ(done.size(), 19'999u);
  for (const auto& [line, times] : done) EXPECT_EQ(times, 1) << line;
  EXPECT_GE(sink.most_under_way, 16u);  // the first window; whether it grows is for the machine's load to say
  EXPECT_GT(run.stats.retried, 0u);
}

TEST(WriteMany, NeverHasTwoRecordsOfAKeyOfAForeignFileUnderWay) {
  ScriptedSource source;
  source.distinct = false;
  source.segments.resize(1);
  for (int i = 0; i < 20'000; ++i) {
    source.segments[0].push_back(item_line("k" + std::to_string(i % 700), std::to_string(i)));
  }
  std::mt19937 random(5);
  std::set<std::uint64_t> under_way;
  std::map<std::uint64_t, std::string> last;  // line, by key
  ManySink sink;
  sink.began = [&](std::span<const RecordRef> records) {
    for (const RecordRef& record : records) EXPECT_TRUE(under_way.insert(record.record().key_hash.low).second);
  };
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      under_way.erase(records[i].record().key_hash.low);
      if (random() % 50 == 0) {
        result.unprocessed.push_back(i);
      } else {
        last[records[i].record().key_hash.low] = records[i].line();
      }
    }
    return result;
  };
  PipelineRun run;
  run.options.writers = 2;
  run.options.retry.throttled_base = std::chrono::milliseconds(1);
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().written.records, 20'000u);
  EXPECT_EQ(totals.superseded.records, 19'300u);
  ASSERT_EQ(last.size(), 700u);
  for (const auto& [key, line] : last) {
    const std::size_t value = line.rfind(R"({"S":")") + 6;
    EXPECT_GE(std::stoi(line.substr(value)), 20'000 - 700) << line;
  }
  EXPECT_GT(sink.most_under_way, 2u);
}

TEST(WriteMany, WithoutAnAnswerNoMoreThanTheFirstWindowIsTried) {
  ScriptedSource source = lines(5'000);
  int left = 200;  // attempts before the target comes back
  std::set<std::uint64_t> tried;
  ManySink sink;
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    if (left == 0) return result;
    --left;
    tried.insert(records.front().record().key_hash.low);
    result.outcome = Outcome::unavailable;
    result.reason = "down";
    return result;
  };
  PipelineRun run;
  run.options.writers = 2;
  run.options.retry.transient_base = std::chrono::milliseconds(1);
  run.options.retry.cap = std::chrono::milliseconds(5);
  EXPECT_EQ(run(source, sink).all().written.records, 5'000u);
  EXPECT_LE(tried.size(), 32u) << "16 of each writer";
}

// One partition takes one record for every 1,000 of all others as long as there are others: if its records kept their
// batches in the pool, which has 16, the others would never be done.
TEST(WriteMany, RecordsOfAHotPartitionWaitApartWhileTheRestGoesOn) {
  constexpr std::size_t kHot = 60;
  constexpr std::size_t kOthers = 20'000;
  const KeySchema schema{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};
  ScriptedSource source;
  source.segments.resize(1);
  const auto line = [](const std::string& pk, std::size_t sk) {
    return R"({"Item":{"pk":{"S":")" + pk + R"("},"sk":{"N":")" + std::to_string(sk) + R"("}}})";
  };
  for (std::size_t i = 0; i < kOthers; ++i) {
    source.segments[0].push_back(line("p" + std::to_string(i), 0));
    if (i % (kOthers / kHot) == 0 && i / (kOthers / kHot) < kHot) {
      source.segments[0].push_back(line("hot", i));
    }
  }
  std::size_t others = 0;
  std::size_t hot = 0;
  std::size_t hot_when_others_were_done = 0;
  ManySink sink;
  sink.units_per_record = 1;
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    // The last of the hot ones waits for all others, and is refused then.
    for (const RecordRef& record : records) {
      if (others < kOthers || record.line().find(R"("hot"},"sk":{"N":"19647"})") == std::string_view::npos) continue;
      result.outcome = Outcome::invalid;
      result.reason = "bad";
      return result;
    }
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      const bool is_hot = records[i].line().find("\"hot\"") != std::string_view::npos;
      const bool is_last = records[i].line().find(R"("hot"},"sk":{"N":"19647"})") != std::string_view::npos;
      if (is_hot && others < kOthers && (is_last || others < 1'000 * (hot + 1))) {
        result.unprocessed.push_back(i);
      } else {
        ++(is_hot ? hot : others);
        result.units += 1;
        if (others == kOthers && hot_when_others_were_done == 0) hot_when_others_were_done = hot;
      }
    }
    return result;
  };
  PipelineRun run;
  run.options.writers = 2;
  run.options.retry.throttled_base = std::chrono::milliseconds(1);
  run.options.retry.cap = std::chrono::milliseconds(50);
  const test::TempDir dir;
  run.options.rejects_file = dir.file("rejects");
  const Totals totals = run(source, sink, &schema);
  EXPECT_EQ(others, kOthers);
  EXPECT_EQ(hot, totals.all().written.records - kOthers);
  EXPECT_EQ(totals.all().written.records + totals.all().rejected.records, source.segments[0].size());
  EXPECT_EQ(totals.all().rejected.records, 1u);
  EXPECT_LE(hot_when_others_were_done, kOthers / 1'000 + 1);
}

}  // namespace
}  // namespace bulk
