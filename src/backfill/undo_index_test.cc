#include "src/backfill/undo_index.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "codecs/item.h"
#include "io/error.h"
#include "tests/support/scripted.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::pk_schema;

Digest key_hash(const std::string& key) {
  ItemScanner scanner(&pk_schema());
  ItemFacts facts;
  EXPECT_TRUE(scanner.scan(R"({"pk":{"S":")" + key + "\"}}", facts));
  return facts.key_hash;
}

std::string change_of(const std::string& key, const std::string& before, const std::string& after,
                      const std::string& rest = "") {
  return R"({"Key":{"pk":{"S":")" + key + R"("}},"Before":{)" + before + R"(},"After":{)" + after + "}" + rest + "}";
}

// {"v":{"S":"x"}}; empty: none.
std::string change(const std::string& key, const std::string& before, const std::string& after,
                   const std::string& rest = "") {
  const auto value = [](const std::string& text) { return text.empty() ? "" : R"("v":{"S":")" + text + "\"}"; };
  return change_of(key, value(before), value(after), rest);
}

constexpr const char* kVoid = R"(,"Void":{})";  // the change before was not carried out

std::string void_of(const std::string& key) {
  return R"({"Key":{"pk":{"S":")" + key + R"("}},"Void":{}})";
}

class UndoIndexOf : public testing::Test {
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

  UndoIndex doubts(const std::map<std::uint32_t, std::uint64_t>& settled, std::uint64_t from = 0,
                   std::uint64_t least = 0) const {
    return read_doubts(path_, pk_schema(), settled, from, least, stop_);
  }
  UndoIndex repeated(std::uint64_t least = 0, std::uint64_t most = 1u << 20) const {
    return read_repeated(path_, pk_schema(), dir_.path().string(), least, most, stop_);
  }
  // What the lines of key a come to.
  std::string merged(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) block(0, 0, {line});
    const UndoIndex index = repeated();
    const auto found = index.repeated.find(key_hash("a"));
    return found == index.repeated.end() ? "not repeated" : found->second.line;
  }
  template <typename Run>
  static std::string error_of(ErrorKind kind, const Run& run) {
    try {
      run();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.line();
    }
    return "no error";
  }

  test::TempDir dir_;
  const std::string path_ = dir_.file("j.undo.jsonl.zst");
  std::unique_ptr<UndoLog> log_;
  Stop stop_;
};

TEST_F(UndoIndexOf, DoubtsChangesOfBatchesThatWereNotSettled) {
  block(0, 0, {change("a", "1", "2")});
  block(0, 1, {change("b", "1", "2"), change("c", "1", "2")});
  const std::uint64_t middle = bytes();
  block(1, 0, {change("d", "1", "2")});
  block(0, 2, {change("e", "1", "2")});
  block(7, 0, {change("f", "1", "2")});
  block(0, 1, {change("b", "2", "3")});

  const UndoIndex index = doubts({{0, 2}, {1, 1}});
  EXPECT_EQ(index.header.job, "j");
  EXPECT_EQ(index.changes, 7u);
  EXPECT_EQ(index.sound_bytes, bytes());
  EXPECT_FALSE(index.torn);
  EXPECT_EQ(index.in_doubt, (Doubts{{key_hash("e"), change("e", "1", "2")}, {key_hash("f"), change("f", "1", "2")}}))
      << "of segment 7 nothing is known to be settled";
  EXPECT_EQ(doubts({}).in_doubt.size(), 6u);
  EXPECT_EQ(doubts({}).in_doubt.at(key_hash("b")), change("b", "2", "3")) << "the last one";
  const Doubts later = doubts({}, middle).in_doubt;
  EXPECT_EQ(later.size(), 4u) << "what stands before the pass has been looked at";
  EXPECT_FALSE(later.contains(key_hash("a")) || later.contains(key_hash("c")));
  EXPECT_TRUE(doubts({}, UINT64_MAX).in_doubt.empty());
}

TEST_F(UndoIndexOf, DoubtsNothingThatIsKnownNotToHaveBeenCarriedOut) {
  block(0, 0, {change("a", "1", "2"), change("b", "1", "2"), change("c", "1", "2")});
  block(0, 0, {void_of("a"), change("b", "5", "6", kVoid)});
  EXPECT_EQ(doubts({}).in_doubt,
            (Doubts{{key_hash("b"), change("b", "5", "6", kVoid)}, {key_hash("c"), change("c", "1", "2")}}));
}

TEST_F(UndoIndexOf, TakesSeveralChangesOfAKeyForOne) {
  EXPECT_EQ(merged({change("a", "1", "2")}), "not repeated");
  EXPECT_EQ(merged({change("a", "2", "3")}), change("a", "1", "3"));
}

TEST_F(UndoIndexOf, KeepsEveryAttributeThatAnyOfThemTouched) {
  EXPECT_EQ(merged({change_of("a", R"("x":{"N":"1"},"y":{"N":"1"})", R"("x":{"N":"2"},"y":{"N":"2"})"),
                    change_of("a", R"("y":{"N":"2.0"},"z":{"N":"1"})", R"("y":{"N":"3"})")}),
            change_of("a", R"("x":{"N":"1"},"y":{"N":"1"},"z":{"N":"1"})", R"("x":{"N":"2"},"y":{"N":"3"})"));
}

TEST_F(UndoIndexOf, BeginsAnewWhereOthersHaveChangedAnAttributeInBetween) {
  EXPECT_EQ(merged({change("a", "1", "2"), change("a", "7", "2")}), change("a", "7", "2"));
}

TEST_F(UndoIndexOf, LeavesOutWhatWasNotCarriedOut) {
  EXPECT_EQ(merged({change("a", "1", "2"), change("a", "5", "6", kVoid)}), change("a", "5", "6"));
}

TEST_F(UndoIndexOf, LeavesOutOnlyTheOneBefore) {
  EXPECT_EQ(merged({change("a", "1", "2"), change("a", "2", "3"), void_of("a")}), change("a", "1", "2"));
}

TEST_F(UndoIndexOf, HasNothingToTakeBackWhereNothingWasCarriedOut) {
  EXPECT_EQ(merged({change("a", "1", "2"), void_of("a")}), "");
}

TEST_F(UndoIndexOf, HasNothingToTakeBackOfAChangeThereAndBack) {
  EXPECT_EQ(merged({change("a", "1", "2"), change("a", "2", "1")}), "");
}

TEST_F(UndoIndexOf, KnowsThePlaceOfTheLastLineOfAKey) {
  block(0, 0, {change("a", "1", "2"), change("b", "1", "2")});
  block(1, 0, {change("c", "1", "2"), change("a", "2", "3"), change("d", "1", "2")});
  block(0, 1, {change("e", "1", "2"), change("b", "2", "4")});
  block(0, 1, {change("a", "3", "4")});
  const UndoIndex index = repeated();
  EXPECT_EQ(index.changes, 8u);
  ASSERT_EQ(index.repeated.size(), 2u) << "of the other keys there is one change";
  EXPECT_EQ(index.repeated.at(key_hash("a")).place, 3ull << 32);
  EXPECT_EQ(index.repeated.at(key_hash("a")).line, change("a", "1", "4"));
  EXPECT_EQ(index.repeated.at(key_hash("b")).place, 2ull << 32 | 1);
}

TEST_F(UndoIndexOf, SaysWhenRepeatedChangesAreTooMany) {
  block(0, 0, {change("a", "1", "2"), change("a", "2", "3"), change("b", "1", "2")});
  const std::uint64_t both = 2 * change("a", "1", "2").size();
  EXPECT_EQ(repeated(0, both).repeated.size(), 1u);
  EXPECT_EQ(error_of(ErrorKind::failed, [&] { repeated(0, both - 1); }),
            "'" + path_ + "' has more repeated changes than fit into memory; give it more with --memory");
}

TEST_F(UndoIndexOf, ReadsUpToATornEnd) {
  block(0, 0, {change("a", "1", "2")});
  const std::uint64_t sound = bytes();
  block(0, 1, {change("a", "2", "3")});
  std::filesystem::resize_file(path_, bytes() - 1);
  const UndoIndex index = repeated(sound);
  EXPECT_TRUE(index.torn);
  EXPECT_EQ(index.sound_bytes, sound);
  EXPECT_EQ(index.changes, 1u);
  EXPECT_TRUE(index.repeated.empty());
  EXPECT_EQ(doubts({}, 0, sound).sound_bytes, sound);
  const std::string lost = "the undo log '" + path_ + "' is damaged at byte " + std::to_string(sound) +
                           ": more than that had been durable; nothing was changed; put a sound copy of it back";
  EXPECT_EQ(error_of(ErrorKind::corrupt, [&] { repeated(sound + 1); }), lost);
  EXPECT_EQ(error_of(ErrorKind::corrupt, [&] { doubts({}, 0, sound + 1); }), lost);
}

TEST_F(UndoIndexOf, IsNotMadeOfALogThatIsDamagedBeforeItsEnd) {
  block(0, 0, {change("a", "1", "2")});
  const std::uint64_t sound = bytes();
  block(0, 1, {change("b", "1", "2")});
  block(0, 2, {change("c", "1", "2")});
  std::string whole = test::read_file(path_);
  whole[sound + 60] = static_cast<char>(whole[sound + 60] ^ 1);
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << whole;
  const std::string damaged = "the undo log '" + path_ + "' is damaged at byte " + std::to_string(sound) +
                              ": more than that had been durable; nothing was changed; put a sound copy of it back";
  EXPECT_EQ(error_of(ErrorKind::corrupt, [&] { repeated(); }), damaged);
  EXPECT_EQ(error_of(ErrorKind::corrupt, [&] { doubts({}); }), damaged);
}

TEST_F(UndoIndexOf, SaysWhichLineIsNoChange) {
  block(0, 0, {change("a", "1", "2")});
  block(0, 1, {change("a", "2", "3"), R"({"Key":{"pk":{"S":"b"}},"Before":{},"After":{}})"});
  EXPECT_EQ(error_of(ErrorKind::corrupt, [&] { repeated(); }),
            "'" + path_ + "', block 1, line 2: it is no change: nothing is changed");
  EXPECT_EQ(doubts({{0, 2}}).changes, 3u) << "a block that is not asked for is not read";
}

TEST_F(UndoIndexOf, SaysWhichKeyIsNone) {
  block(0, 0, {R"({"Key":{"id":{"S":"b"}},"Before":{},"After":{"v":{"S":"x"}}})"});
  EXPECT_EQ(error_of(ErrorKind::corrupt, [&] { repeated(); }),
            "'" + path_ + "', block 0, line 1: key attribute 'pk' is missing");
}

}  // namespace
}  // namespace bulk
