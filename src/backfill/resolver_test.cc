#include "src/backfill/resolver.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "io/error.h"
#include "tests/support/scripted.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using Kind = ConflictAnswer::Kind;
using test::pk_schema;

constexpr const char* kJob = "name = 'j'\nwhen = 'attribute_exists(was)'\nupdate = 'SET now = was REMOVE was'\n";

std::string line_of(const std::string& key, const std::string& value) {
  return R"({"Key":{"pk":{"S":")" + key + R"("}},"Before":{"was":{"S":")" + value + R"("}},"After":{"now":{"S":")" +
         value + "\"}}}";
}

// The same in place of one that was not carried out.
std::string again_of(const std::string& key, const std::string& value) {
  std::string line = line_of(key, value);
  return line.insert(line.size() - 1, R"(,"Void":{})");
}

std::string void_of(const std::string& key) {
  return R"({"Key":{"pk":{"S":")" + key + "\"}},\"Void\":{}}\n";
}

std::string item_of(const std::string& key, const std::string& attribute, const std::string& value) {
  return R"({"pk":{"S":")" + key + R"("},")" + attribute + R"(":{"S":")" + value + "\"}}";
}

struct Block {
  std::uint32_t segment;
  std::uint64_t batch;
  std::uint64_t records;
  std::string lines;
  friend bool operator==(const Block&, const Block&) = default;
};

std::ostream& operator<<(std::ostream& out, const Block& block) {
  return out << block.segment << "/" << block.batch << " (" << block.records << "): " << block.lines;
}

class Resolver : public testing::Test {
 protected:
  Resolver() {
    std::map<std::uint32_t, SegmentProgress> past;
    past[2].batches = 10;
    change_log_.emplace(*log_, past);
    resolver_.emplace(rules_, *change_log_, stop_);
  }

  ConflictAnswer answer(const std::string& line, const std::string& item, bool unanswered = false,
                        unsigned rounds = 0) {
    const Conflicted conflict{line, item, unanswered, rounds, 0, 0};
    return resolver_->resolve({&conflict, 1}).at(0);
  }
  std::vector<Block> logged() const {
    std::vector<Block> blocks;
    UndoLogReader reader(path_);
    Buffer lines;
    while (const auto block = reader.next(lines)) {
      blocks.push_back({block->segment, block->batch, block->records, std::string(lines.view())});
    }
    EXPECT_FALSE(reader.torn());
    return blocks;
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.file("j.undo.jsonl.zst");
  const std::unique_ptr<UndoLog> log_ = UndoLog::create(path_, {});
  const ChangeRules rules_{parse_job(kJob, "j.toml", "/nowhere"), pk_schema(), "", false};
  Stop stop_;
  std::optional<ChangeLog> change_log_;
  std::optional<BackfillResolver> resolver_;
};

TEST_F(Resolver, HasNothingToDoForARecordThatIsGoneOrDone) {
  EXPECT_EQ(answer(line_of("a", "x"), "").kind, Kind::nothing_to_do);
  EXPECT_EQ(answer(line_of("b", "x"), item_of("b", "now", "y")).kind, Kind::nothing_to_do);
  EXPECT_EQ(answer(line_of("c", "x"), item_of("c", "now", "x")).kind, Kind::nothing_to_do)
      << "others have done it: every attempt of ours was answered";
  EXPECT_EQ(logged(), (std::vector<Block>{{0, 0, 1, void_of("a")}, {0, 0, 1, void_of("b")}, {0, 0, 1, void_of("c")}}))
      << "there is nothing to take back";
}

TEST_F(Resolver, KnowsItsOwnWriteAfterAnAttemptWithoutAnAnswer) {
  EXPECT_EQ(answer(line_of("a", "x"), item_of("a", "now", "x"), true).kind, Kind::carried_out);
  EXPECT_EQ(answer(line_of("a", "x"), item_of("a", "now", "x"), true, 100).kind, Kind::carried_out);
  EXPECT_EQ(answer(line_of("a", "x"), item_of("a", "now", "y"), true).kind, Kind::nothing_to_do);
  EXPECT_EQ(answer(line_of("a", "x"), "", true).kind, Kind::nothing_to_do);
  EXPECT_TRUE(logged().empty()) << "what may have been carried out stays in the log";
}

TEST_F(Resolver, MakesANewChangeThatIsInTheLogWhenItReturns) {
  const ConflictAnswer after_none = answer(line_of("a", "x"), item_of("a", "was", "longer"), true, 99);
  EXPECT_EQ(after_none.kind, Kind::again);
  EXPECT_EQ(after_none.line, line_of("a", "longer"));
  EXPECT_EQ(after_none.size_bytes, 3u + 3 + 6);
  const ConflictAnswer after_one = answer(line_of("b", "x"), item_of("b", "was", "y"));
  EXPECT_EQ(after_one.line, again_of("b", "y")) << "the one before was answered: it was not carried out";
  EXPECT_EQ(logged(),
            (std::vector<Block>{{0, 0, 1, line_of("a", "longer") + "\n"}, {0, 0, 1, again_of("b", "y") + "\n"}}));
}

TEST_F(Resolver, GivesUpAfterAHundredRounds) {
  const ConflictAnswer refused = answer(line_of("a", "x"), item_of("a", "was", "y"), false, 100);
  EXPECT_EQ(refused.kind, Kind::refused);
  EXPECT_EQ(refused.reason, "others changed it 100 times while it was being changed");
  EXPECT_EQ(logged(), (std::vector<Block>{{0, 0, 1, void_of("a")}}));
}

TEST_F(Resolver, RefusesWhatCannotBeChangedAnyMore) {
  const ConflictAnswer no_item = answer(line_of("a", "x"), R"({"pk":{"S":"a"},"was":{"S":1}})");
  EXPECT_EQ(no_item.kind, Kind::refused);
  EXPECT_TRUE(no_item.reason.starts_with("what is there now is no item: attribute 'was': ")) << no_item.reason;
  const ChangeRules strict(parse_job("name = 'j'\nupdate = 'SET now = was'", "j.toml", "/nowhere"), pk_schema(), "",
                           false);
  BackfillResolver resolver(strict, *change_log_, stop_);
  const std::string line = line_of("b", "x");
  const std::string item = item_of("b", "v", "1");
  const Conflicted conflict{line, item, false, 0, 0, 0};
  const ConflictAnswer problem = resolver.resolve({&conflict, 1}).at(0);
  EXPECT_EQ(problem.kind, Kind::refused);
  EXPECT_EQ(problem.reason, "The provided expression refers to an attribute that does not exist in the item");
  EXPECT_EQ(logged(), (std::vector<Block>{{0, 0, 1, void_of("a")}, {0, 0, 1, void_of("b")}}));
}

TEST_F(Resolver, LogsWhatBecomesOfABatchTogetherUnderItsNumberOverAllRuns) {
  std::vector<std::string> lines, items;
  for (const char* key : {"a", "b", "c", "d", "e"}) {
    lines.push_back(line_of(key, "x"));
    items.push_back(*key == 'c' ? "" : item_of(key, "was", "y"));
  }
  const std::vector<Conflicted> conflicts{{lines[0], items[0], false, 0, 2, 3},
                                          {lines[1], items[1], false, 0, 5, 3},
                                          {lines[2], items[2], false, 0, 2, 3},
                                          {lines[3], items[3], false, 0, 2, 3},
                                          {lines[4], items[4], false, 0, 2, 4}};
  const auto answers = resolver_->resolve(conflicts);
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_EQ(answers[2].kind, Kind::nothing_to_do);
  EXPECT_EQ(answers[4].line, again_of("e", "y"));
  EXPECT_EQ(logged(),
            (std::vector<Block>{{2, 13, 3, void_of("c") + again_of("a", "y") + "\n" + again_of("d", "y") + "\n"},
                                {5, 3, 1, again_of("b", "y") + "\n"},
                                {2, 14, 1, again_of("e", "y") + "\n"}}));
}

TEST_F(Resolver, EndsTheJobThatWouldApplyToItsOwnResult) {
  const ChangeRules counting(
      parse_job("name = 'j'\nupdate = 'SET n = n + :one'\n[values]\n':one' = { N = '1' }", "j.toml", "/nowhere"),
      pk_schema(), "", false);
  BackfillResolver resolver(counting, *change_log_, stop_);
  const std::string line = line_of("a", "x");
  const std::string item = R"({"pk":{"S":"a"},"n":{"N":"1"}})";
  const Conflicted conflict{line, item, false, 0, 0, 0};
  EXPECT_THROW(resolver.resolve({&conflict, 1}), Error);
  EXPECT_TRUE(logged().empty());
}

TEST_F(Resolver, AnswersSeveralWritersAtOnce) {
  constexpr unsigned kThreads = 4, kRounds = 30;
  {
    std::vector<std::jthread> writers;
    for (unsigned writer = 0; writer < kThreads; ++writer) {
      writers.emplace_back([this, writer] {
        for (unsigned round = 0; round < kRounds; ++round) {
          const std::string key = fmt::format("{}-{}", writer, round);
          const std::string line = line_of(key, "x");
          const std::string item = item_of(key, "was", key);
          const Conflicted conflict{line, item, false, 0, writer, round};
          const auto answers = resolver_->resolve({&conflict, 1});
          EXPECT_EQ(answers.at(0).line, again_of(key, key));
        }
      });
    }
  }
  const std::vector<Block> blocks = logged();
  EXPECT_EQ(blocks.size(), kThreads * kRounds);
  for (const Block& block : blocks) {
    const std::uint64_t round = block.batch - (block.segment == 2 ? 10 : 0);
    const std::string key = fmt::format("{}-{}", block.segment, round);
    EXPECT_EQ(block.lines, again_of(key, key) + "\n");
  }
}

// ---- batches on their way -------------------------------------------------------------------------------------------

TEST_F(Resolver, WritesBatchesDownAsTheyWereEncoded) {
  FrameCodec codec;
  Work works[2];
  for (std::uint32_t i = 0; i < 2; ++i) {
    Batch& batch = works[i].batch;
    batch.segment = i * 2;
    batch.sequence = i + 1;
    batch.records.resize(i + 1);
    codec.compress(line_of("k", std::to_string(i)) + "\n", batch.encoded);
  }
  Work* const both[] = {&works[0], &works[1]};
  change_log_->write_down(both);
  EXPECT_EQ(logged(), (std::vector<Block>{{0, 1, 1, line_of("k", "0") + "\n"}, {2, 12, 2, line_of("k", "1") + "\n"}}));
  EXPECT_TRUE(works[0].batch.encoded.empty()) << "it is in the log, nobody needs it any more";
}

}  // namespace
}  // namespace bulk
