#include "src/backfill/rollback.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "codecs/item.h"
#include "io/error.h"
#include "tests/support/scripted.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::PipelineRun;
using test::pk_schema;
using test::ScriptedSink;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

std::string change(const std::string& key, const std::string& before, const std::string& after,
                   const std::string& given = "") {
  const auto value = [](const std::string& text) { return text.empty() ? "" : R"("v":{"S":")" + text + "\"}"; };
  return R"({"Key":{"pk":{"S":")" + key + R"("}},"Before":{)" + value(before) + R"(},"After":{)" + value(after) + "}" +
         given + "}";
}

std::string void_of(const std::string& key) {
  return R"({"Key":{"pk":{"S":")" + key + R"("}},"Void":{}})";
}

Digest key_hash(const std::string& key) {
  ItemScanner scanner(&pk_schema());
  ItemFacts facts;
  EXPECT_TRUE(scanner.scan(R"({"pk":{"S":")" + key + "\"}}", facts));
  return facts.key_hash;
}

class Rollback : public testing::Test {
 protected:
  void SetUp() override { log_ = UndoLog::create(path_, {"bulk", "j", "c", "t", "id", "k", "now"}); }

  void block(std::uint32_t segment, std::uint64_t batch, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    FrameCodec codec;
    Buffer frame;
    codec.compress(text, frame);
    const UndoBlock block{segment, batch, lines.size(), text.size(), frame.view()};
    log_->append({&block, 1});
  }
  std::uint64_t bytes() const { return std::filesystem::file_size(path_); }
  UndoIndex index() const { return read_repeated(path_, pk_schema(), dir_.path().string(), 0, 1u << 20, stop_); }

  test::TempDir dir_;
  const std::string path_ = dir_.file("j.undo.jsonl.zst");
  std::unique_ptr<UndoLog> log_;
  Stop stop_;
};

// The log as the source of a pipeline: what goes out are the last changes, turned around.
TEST_F(Rollback, TurnsChangesAroundWhatIsRepeatedAsOne) {
  block(0, 0, {change("a", "1", "2", R"(,"Given":{"g":{"S":"x"}})"), change("b", "1", "")});
  block(3, 0, {change("c", "", "2"), change("a", "2", "3")});
  block(0, 1, {change("e", "1", "2"), change("d", "1", "2")});
  block(0, 1, {void_of("e"), change("d", "7", "8", R"(,"Void":{})")});
  const std::uint64_t sound = bytes();
  block(0, 2, {change("b", "2", "3")});
  std::filesystem::resize_file(path_, bytes() - 3);

  const UndoIndex index = this->index();
  ASSERT_EQ(index.sound_bytes, sound);
  ReverseStep step(index);
  std::vector<std::string> sent;
  ScriptedSink sink;
  sink.on_write = [&](std::span<const RecordRef> records) {
    for (const RecordRef& record : records) {
      sent.emplace_back(record.line());
      EXPECT_EQ(record.record().key_hash, key_hash(sent.back().substr(19, 1))) << sent.back();
    }
    return WriteResult{};
  };
  PipelineRun run;
  run.options.step = &step;
  const auto source = make_undo_source(path_, index.sound_bytes);
  const Totals totals = run(*source, sink);
  EXPECT_THAT(sent, UnorderedElementsAre(change("a", "3", "1"), change("b", "", "1"), change("c", "2", ""),
                                         change("d", "8", "7")))
      << "of e nothing was carried out";
  EXPECT_EQ(totals.all().read.records, 8u);
  EXPECT_EQ(totals.all().written.records, 4u);
  EXPECT_EQ(totals.all().filtered.records, 4u);
  EXPECT_EQ(step.superseded(), 4u);
}

TEST_F(Rollback, SaysWhenTheLogIsAnotherThanBefore) {
  block(0, 0, {change("a", "1", "2")});
  const std::uint64_t sound = bytes();
  std::filesystem::resize_file(path_, sound - 1);
  UndoIndex index;
  ReverseStep step(index);
  ScriptedSink sink;
  PipelineRun run;
  run.options.step = &step;
  const auto source = make_undo_source(path_, sound);
  EXPECT_THAT(run.error(*source, sink).line(), testing::StartsWith("the undo log changed while it was read, at byte "));
}

TEST(RollbackResolver, TellsRestoredFromUntouchedFromChanged) {
  const test::TempDir dir;
  RollbackResolver resolver(dir.file("changed.jsonl"));
  const std::string back = change("a", "2", "1");  // as ReverseStep makes it
  const std::string restored = R"({"pk":{"S":"a"},"v":{"S":"1"},"o":{"S":"x"}})";
  const std::string other = R"({"pk":{"S":"a"},"v":{"S":"9"}})";
  const auto kind = [&](const std::string& item, bool unanswered) {
    Conflicted conflict{back, item, unanswered, 0, 0, 0};
    const auto answers = resolver.resolve({&conflict, 1});
    EXPECT_EQ(answers.size(), 1u);
    return answers.at(0).kind;
  };
  using Kind = ConflictAnswer::Kind;
  EXPECT_EQ(kind(restored, true), Kind::carried_out);
  EXPECT_EQ(kind(restored, false), Kind::nothing_to_do);
  EXPECT_EQ(resolver.as_before(), 1u);
  EXPECT_EQ(resolver.changed_since(), 0u);
  EXPECT_FALSE(std::filesystem::exists(resolver.report())) << "there is nothing to report";
  resolver.sync();
  EXPECT_EQ(kind(other, true), Kind::nothing_to_do);
  EXPECT_EQ(kind("", false), Kind::nothing_to_do);
  EXPECT_EQ(resolver.changed_since(), 2u);
  resolver.sync();
  EXPECT_EQ(test::read_file(resolver.report()),
            R"({"Key":{"pk":{"S":"a"}},"Now":)" + other + "}\n" + R"({"Key":{"pk":{"S":"a"}},"Now":null})" + "\n");
  RollbackResolver again(resolver.report());
  Conflicted conflict{back, "", false, 0, 0, 0};
  again.resolve({&conflict, 1});
  EXPECT_EQ(test::read_file(again.report()), R"({"Key":{"pk":{"S":"a"}},"Now":null})"
                                             "\n")
      << "a report replaces an older one";
}

}  // namespace
}  // namespace bulk
