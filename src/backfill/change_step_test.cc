// A job in a pipeline: what goes to the sink, what goes to the log, and that the account holds.
#include "src/backfill/change_step.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "codecs/item.h"
#include "codecs/zstd_frame.h"
#include "io/error.h"
#include "src/log_stage.h"
#include "tests/support/scripted.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::PipelineRun;
using test::pk_schema;
using test::ScriptedSink;
using test::ScriptedSource;

// Of 400 records every second one has a `was`; every fifth one has one that cannot be changed.
constexpr int kRecords = 400;

std::string item_of(int i) {
  const std::string old = i % 2 == 0 ? fmt::format(R"(,"was":{{"S":"{}"}})", i) : "";
  return fmt::format(R"({{"pk":{{"S":"k{}"}}{}}})", i, old);
}

std::string line_of(const std::string& item) {
  return R"({"Item":)" + item + "}";
}

ScriptedSource records(std::size_t segments = 2) {
  ScriptedSource source;
  source.segments.resize(segments);
  source.per_batch = 30;
  for (int i = 0; i < kRecords; ++i) {
    source.segments[static_cast<std::size_t>(i) % segments].push_back(line_of(item_of(i)));
  }
  return source;
}

std::string change_of(int i) {
  return fmt::format(
      R"({{"Key":{{"pk":{{"S":"k{}"}}}},"Before":{{"was":{{"S":"{}"}}}},"After":{{"now":{{"S":"{}"}}}}}})", i, i, i);
}

std::string changed_item(int i) {
  return fmt::format(R"({{"pk":{{"S":"k{}"}},"now":{{"S":"{}"}}}})", i, i);
}

ChangeRules rules_of(bool also_items, const std::string& job = "steps = [{ rename = ['was', 'now'] }]") {
  return {parse_job("name = 'j'\n" + job, "j.toml", "/nowhere"), pk_schema(), "", also_items};
}

// What a log keeps, as text.
class TextLog : public BatchLog {
 public:
  void write_down(std::span<Work* const> works) override {
    for (Work* work : works) {
      Buffer lines;
      codec_.decompress(work->batch.encoded.view(), frame_content_bytes(work->batch.encoded.view()), lines);
      std::string_view rest = lines.view();
      for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
        logged.emplace(rest.substr(0, end));
      }
      work->batch.encoded.clear();
    }
  }
  std::multiset<std::string> logged;

 private:
  FrameCodec codec_;
};

struct JobRun {
  explicit JobRun(ChangeStep& step) {
    sink.on_write = [this](std::span<const RecordRef> refs) {
      for (const RecordRef& ref : refs) {
        written.emplace(ref.line());
        sizes.insert(ref.record().size_bytes);
      }
      return WriteResult{};
    };
    pipeline.options.step = &step;
    pipeline.options.log = &log;
  }
  Tally operator()(Source& source) { return pipeline(source, sink).all(); }

  ScriptedSink sink;
  TextLog log;
  PipelineRun pipeline;
  std::multiset<std::string> written;
  std::set<std::uint32_t> sizes;
};

std::multiset<std::string> of_all(std::string (*text)(int)) {
  std::multiset<std::string> texts;
  for (int i = 0; i < kRecords; i += 2) texts.insert(text(i));
  return texts;
}

const Doubts kNobody;

TEST(ChangeStep, HandsOnChangesAndHasThemLogged) {
  const ChangeRules rules = rules_of(false);
  Stop stop;
  ChangeStep step(rules, ChangeMode::log_and_update, 0, kNobody, stop);
  JobRun run(step);
  ScriptedSource source = records();
  const Tally tally = run(source);
  EXPECT_EQ(tally.read.records, 400u);
  EXPECT_EQ(tally.written.records, 200u);
  EXPECT_EQ(tally.filtered.records, 200u);
  EXPECT_EQ(run.written, of_all(change_of));
  EXPECT_EQ(run.log.logged, run.written);
  EXPECT_EQ(step.changed(), 200u);
  EXPECT_FALSE(step.held_back());
  EXPECT_FALSE(step.enough());
}

TEST(ChangeStep, HandsOnWholeRecordsAndHasTheChangesLogged) {
  const ChangeRules rules = rules_of(true);
  Stop stop;
  ChangeStep step(rules, ChangeMode::log_and_put, 0, kNobody, stop);
  JobRun run(step);
  ScriptedSource source = records();
  EXPECT_EQ(run(source).written.records, 200u);
  EXPECT_EQ(run.log.logged, of_all(change_of));
  EXPECT_EQ(run.written, of_all([](int i) { return line_of(changed_item(i)); }));
}

TEST(ChangeStep, OnlyLooks) {
  const ChangeRules rules = rules_of(false);
  Stop stop;
  ChangeStep step(rules, ChangeMode::look, 0, kNobody, stop);
  JobRun run(step);
  run.pipeline.options.log = nullptr;
  ScriptedSource source = records();
  EXPECT_EQ(run(source).filtered.records, 200u);
  EXPECT_EQ(run.written, of_all(change_of));
}

TEST(ChangeStep, RewritesRecordsOnTheWay) {
  const ChangeRules rules = rules_of(true);
  Stop stop;
  ChangeStep step(rules, ChangeMode::rewrite, 0, kNobody, stop);
  JobRun run(step);
  run.pipeline.options.log = nullptr;
  ScriptedSource source = records();
  const Tally tally = run(source);
  EXPECT_EQ(tally.written.records, 400u);
  EXPECT_EQ(tally.filtered.records, 0u);
  EXPECT_EQ(tally.taken.records, 200u);
  EXPECT_EQ(tally.made.records, 200u);
  std::multiset<std::string> expected = of_all([](int i) { return line_of(changed_item(i)); });
  Count content;
  ItemScanner scanner;
  for (int i = 1; i < kRecords; i += 2) expected.insert(line_of(item_of(i)));
  EXPECT_EQ(run.written, expected);
  for (const std::string& line : expected) {
    ItemFacts facts;
    ASSERT_TRUE(scanner.scan(std::string_view(line).substr(8), facts));
    content.add(facts.digest);
  }
  EXPECT_EQ(tally.written.digest, content.digest) << "what was written is counted as what it is now";
  EXPECT_EQ(step.changed(), 200u);
}

TEST(ChangeStep, HoldsBackWhatIsMoreThanWanted) {
  const ChangeRules rules = rules_of(false);
  Stop stop;
  ChangeStep step(rules, ChangeMode::log_and_update, 50, kNobody, stop);
  JobRun run(step);
  ScriptedSource source = records();
  const Tally tally = run(source);
  EXPECT_EQ(tally.written.records, 50u);
  EXPECT_EQ(tally.read.records, tally.written.records + tally.filtered.records) << "the others were not read";
  EXPECT_EQ(run.written.size(), 50u);
  EXPECT_EQ(run.log.logged, run.written) << "what is held back is not logged";
  EXPECT_EQ(step.changed(), 50u);
  EXPECT_TRUE(step.held_back());
  EXPECT_TRUE(step.enough());
}

TEST(ChangeStep, HoldsNothingBackWhenTheLimitIsJustReached) {
  const ChangeRules rules = rules_of(false);
  Stop stop;
  ChangeStep step(rules, ChangeMode::log_and_update, 200, kNobody, stop);
  JobRun run(step);
  ScriptedSource source = records();
  EXPECT_EQ(run(source).written.records, 200u);
  EXPECT_FALSE(step.held_back());
  EXPECT_TRUE(step.enough());
}

TEST(ChangeStep, CountsAsUpdatedWhatAnEarlierRunHasLoggedAndCarriedOut) {
  const ChangeRules rules = rules_of(false);
  Doubts in_doubt;
  ItemScanner scanner(&pk_schema());
  const auto doubt = [&](int i, const std::string& change) {
    ItemFacts facts;
    ASSERT_TRUE(scanner.scan(item_of(i), facts));
    in_doubt[facts.key_hash] = change;
  };
  doubt(2, change_of(2));  // still to be done
  doubt(3, R"({"Key":{"pk":{"S":"k3"}},"Before":{"x":{"S":"1"}},"After":{}})");
  doubt(5, R"({"Key":{"pk":{"S":"k5"}},"Before":{"was":{"S":"5"}},"After":{"now":{"S":"5"}}})");  // not as it is now
  doubt(7, R"({"Key":{"pk":{"S":"k7"}},"Before":{"x":{"S":"1"}},"After":{},"Void":{}})");
  Stop stop;
  ChangeStep step(rules, ChangeMode::log_and_update, 0, in_doubt, stop);
  JobRun run(step);
  ScriptedSource source = records();
  const Tally tally = run(source);
  EXPECT_EQ(tally.written.records, 202u) << "3 and 7 are as their changes leave them";
  EXPECT_EQ(tally.filtered.records, 198u);
  EXPECT_EQ(run.written.size(), 200u);
}

TEST(ChangeStep, CountsProblemsWhereItOnlyLooks) {
  const ChangeRules rules = rules_of(false, "when = 'attribute_not_exists(now)'\nupdate = 'SET now = was REMOVE was'");
  Stop stop;
  ChangeStep step(rules, ChangeMode::look, 0, kNobody, stop);
  JobRun run(step);
  run.pipeline.options.log = nullptr;
  ScriptedSource source = records();
  const Tally tally = run(source);
  EXPECT_EQ(step.problems(), 200u);
  EXPECT_EQ(tally.filtered.records, 200u);
  EXPECT_EQ(tally.rejected.records, 0u);
}

TEST(ChangeStep, RejectsWhatCannotBeChanged) {
  for (const ChangeMode mode : {ChangeMode::log_and_update, ChangeMode::rewrite}) {
    const ChangeRules rules = rules_of(true, "when = 'attribute_not_exists(now)'\nupdate = 'SET now = was REMOVE was'");
    Stop stop;
    ChangeStep step(rules, mode, 0, kNobody, stop);
    JobRun run(step);
    if (mode == ChangeMode::rewrite) run.pipeline.options.log = nullptr;
    const test::TempDir dir;
    run.pipeline.options.rejects_file = dir.file("rejects");
    run.pipeline.options.max_rejects = 1'000;
    ScriptedSource source = records();
    const Tally tally = run(source);
    EXPECT_EQ(tally.rejected.records, 200u);
    EXPECT_EQ(tally.written.records, 200u);
    EXPECT_NE(test::read_file(dir.file("rejects"))
                  .find(R"({"segment":1,"reason":"The provided expression refers to an attribute that does not exist )"
                        R"(in the item","record":)" +
                        line_of(item_of(7)) + "}\n"),
              std::string::npos);
  }
}

TEST(ChangeStep, EndsAJobThatWouldApplyToItsOwnResultBeforeItWrites) {
  const ChangeRules rules = rules_of(false,
                                     "update = 'SET n = if_not_exists(n, :one) + :one'\n[values]\n"
                                     "':one' = { N = '1' }");
  Stop stop;
  ChangeStep step(rules, ChangeMode::log_and_update, 0, kNobody, stop);
  JobRun run(step);
  ScriptedSource source = records(1);
  const Error error = run.pipeline.error(source, run.sink);
  EXPECT_EQ(error.kind(), ErrorKind::refused);
  EXPECT_TRUE(run.written.empty());
  EXPECT_TRUE(run.log.logged.empty());
}

TEST(WhereStep, LeavesOutRecordsForWhichItDoesNotHold) {
  WhereStep step("attribute_exists(was) AND was <> '6'");
  ScriptedSink sink;
  std::multiset<std::string> written;
  sink.on_write = [&](std::span<const RecordRef> refs) {
    for (const RecordRef& ref : refs) written.emplace(ref.line());
    return WriteResult{};
  };
  PipelineRun run;
  run.options.step = &step;
  ScriptedSource source = records();
  const Tally tally = run(source, sink).all();
  EXPECT_EQ(tally.written.records, 199u);
  EXPECT_EQ(tally.filtered.records, 201u);
  std::multiset<std::string> expected = of_all([](int i) { return line_of(item_of(i)); });
  expected.erase(line_of(item_of(6)));
  EXPECT_EQ(written, expected);
}

}  // namespace
}  // namespace bulk
