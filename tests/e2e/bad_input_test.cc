// Input that is damaged or not what it says: each case ends with its exit status and one line that tells where, and
// leaves no table behind that could be taken for the data.
#include <gtest/gtest.h>

#include <cstdint>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"

namespace bulk::test {
namespace {

class BadDump : public testing::Test {
 protected:
  // 20,000 items are two frames of about 4 MiB: a dump of header, two frames, footer and seek table.
  void SetUp() override {
    write_items(sandbox_.path("items.jsonl"), 20'000);
    expect_ok(
        sandbox_.bulk({"restore", "items.jsonl", "--to", "sqlite:store.db#source", "--create", "--key", "pk:S,sk:S"}));
    expect_ok(sandbox_.bulk({"backup", "sqlite:store.db#source", "--to", "dump.jsonl.zst"}));
    bytes_ = sandbox_.read("dump.jsonl.zst");
  }

  // Offset of the seek table: 8 bytes of skippable frame, 12 for each of the four entries, 9 at its end.
  std::size_t table() const { return bytes_.size() - (8 + 4 * 12 + 9); }
  std::size_t entry(std::size_t index) const { return table() + 8 + index * 12; }
  std::size_t stored_size(std::size_t index) const {
    std::size_t size = 0;
    for (int i = 3; i >= 0; --i) size = size << 8 | static_cast<unsigned char>(bytes_[entry(index) + i]);
    return size;
  }

  // `verify` and `restore` both refuse these bytes.
  void expect_refused(const std::string& bytes, const std::string& problem) {
    sandbox_.write("bad.jsonl.zst", bytes);
    const std::string text =
        "bad.jsonl.zst: the dump is corrupt: " + problem + "; use another copy, or read what is whole with `zstd -dc`";
    expect_error(sandbox_, sandbox_.bulk({"verify", "bad.jsonl.zst"}), 4, text);
    expect_error(sandbox_,
                 sandbox_.bulk({"restore", "bad.jsonl.zst", "--to", "sqlite:store.db#target", "--create", "-q"}), 4,
                 text);
  }

  Sandbox sandbox_;
  std::string bytes_;
};

TEST_F(BadDump, ThatIsCutShort) {
  const std::size_t half = bytes_.size() / 2;
  expect_refused(bytes_.substr(0, half), "it ends at byte " + std::to_string(half) + " without its seek table");
}

TEST_F(BadDump, ThatLacksItsLastByte) {
  const std::size_t size = bytes_.size() - 1;
  expect_refused(bytes_.substr(0, size), "it ends at byte " + std::to_string(size) + " without its seek table");
}

TEST_F(BadDump, WithAFlippedByteInARecordFrame) {
  const std::size_t frame = stored_size(0) + stored_size(1);
  std::string bytes = bytes_;
  bytes[frame + 1'000] = static_cast<char>(bytes[frame + 1'000] ^ 0x10);
  expect_refused(bytes, "frame 2 of 2 at byte " + std::to_string(frame) + ": its SHA-256 is not the footer's");
}

TEST_F(BadDump, WithAFlippedByteInTheHeader) {
  std::string bytes = bytes_;
  bytes[12] = static_cast<char>(bytes[12] ^ 0x01);
  expect_refused(bytes, "dump header: its first member is not \"bulk\":\"header\"");
}

TEST_F(BadDump, WithASeekTableThatLies) {
  ASSERT_LT(stored_size(2), 0xFF0000u);
  std::string bytes = bytes_;
  bytes[entry(2) + 2] = static_cast<char>(bytes[entry(2) + 2] + 1);  // 65,536 bytes more
  expect_refused(bytes, "seek table: frame 2 ends at byte " + std::to_string(table() - stored_size(3) + 65'536) +
                            ", behind the table's begin at " + std::to_string(table()));
}

TEST_F(BadDump, ThatIsNoFile) {
  expect_error(sandbox_, sandbox_.bulk({"verify", "nowhere.jsonl.zst"}), 10, "no file 'nowhere.jsonl.zst'");
  expect_error(sandbox_,
               sandbox_.bulk({"restore", "nowhere.jsonl.zst", "--to", "sqlite:store.db#target", "--create", "-q"}), 10,
               "no file 'nowhere.jsonl.zst'");
}

class BadLines : public testing::Test {
 protected:
  RunResult restore(const Arguments& more = {}) {
    Arguments arguments = {"restore",  "items.jsonl", "--to",      "sqlite:store.db#target",
                           "--create", "--key",       "pk:S,sk:S", "-q"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return sandbox_.bulk(arguments);
  }
  // 100 items with `line` as line 42.
  void write_with(const std::string& line) {
    std::string text;
    for (std::size_t number = 1; number <= 100; ++number) text += (number == 42 ? line : item_line(number)) + "\n";
    sandbox_.write("items.jsonl", text);
  }

  Sandbox sandbox_;
};

TEST_F(BadLines, AreNamedByTheirNumber) {
  write_with("rubbish");
  expect_error(sandbox_, restore(), 1,
               "items.jsonl, line 42: not JSON: expected a value (at byte 1 of the line); fix the line, or set such "
               "records aside with --rejects FILE");
}

TEST_F(BadLines, ThatAreCutShortAreNamed) {
  write_with(item_line(42).substr(0, 100));
  expect_error(sandbox_, restore(), 1,
               "items.jsonl, line 42: the text ends too early (at byte 101 of the line); fix the line, or set such "
               "records aside with --rejects FILE");
}

TEST_F(BadLines, WithoutAKeyAreNamed) {
  write_with(R"({"Item":{"pk":{"S":"CUSTOMER#1"}}})");
  expect_error(
      sandbox_, restore(), 1,
      R"(items.jsonl, line 42: key attribute 'sk' is missing: {"Item":{"pk":{"S":"CUSTOMER#1"}}}; mend it, or set such records aside with --rejects FILE)");
}

TEST_F(BadLines, WithTooLongANumberAreNamed) {
  write_with(R"({"Item":{"pk":{"S":"a"},"sk":{"S":"b"},"n":{"N":"123456789012345678901234567890123456789"}}})");
  expect_error(sandbox_, restore(), 1,
               "items.jsonl, line 42: attribute 'n': Attempting to store more than 38 significant digits in a "
               "Number (at byte 50 of the line); fix the line, or set such records aside with --rejects FILE");
}

TEST_F(BadLines, OfMoreThan400KilobytesAreNamed) {
  write_with(R"({"Item":{"pk":{"S":"a"},"sk":{"S":"b"},"text":{"S":")" + std::string(409'600, 'x') + R"("}}})");
  expect_error(sandbox_, restore(), 1,
               "items.jsonl, line 42: ValidationException: Item size has exceeded the maximum allowed size: "
               R"({"Item":{"pk":{"S":"a"},"sk":{"S":"b"},"text":{"S":")" +
                   std::string(68, 'x') + "...; mend it, or set such records aside with --rejects FILE");
}

TEST_F(BadLines, GoToTheRejectsFileWithTheirReason) {
  write_with(R"({"Item":{"pk":{"S":"CUSTOMER#1"}}})");
  const RunResult result = restore({"--rejects", "rejects.jsonl", "--json"});
  EXPECT_EQ(result.status, 3) << result.err;
  const rapidjson::Document summary = parse_json(last_line(result.out));
  EXPECT_STREQ(member(summary, "status").GetString(), "rejected");
  EXPECT_EQ(member(summary, "records", "read").GetUint64(), 100u);
  EXPECT_EQ(member(summary, "records", "written").GetUint64(), 99u);
  EXPECT_EQ(member(summary, "records", "rejected").GetUint64(), 1u);
  EXPECT_EQ(
      sandbox_.read("rejects.jsonl"),
      R"({"line":42,"segment":0,"reason":"key attribute 'sk' is missing","record":{"Item":{"pk":{"S":"CUSTOMER#1"}}}})"
      "\n");
}

TEST_F(BadLines, ThatAreTooManyEndTheJob) {
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += R"({"Item":{"pk":{"S":"CUSTOMER#1"}}})"
            "\n";
  sandbox_.write("items.jsonl", text);
  const RunResult result = restore({"--rejects", "rejects.jsonl", "--max-rejects", "10"});
  expect_error(sandbox_, result, 1,
               "more than 10 records were refused, the last one (items.jsonl, line 11) because: key attribute 'sk' "
               "is missing; see "
               "'rejects.jsonl'; --max-rejects raises the limit");
}

TEST_F(BadLines, OfRubbishCanBeSetAside) {
  sandbox_.write("items.jsonl",
                 "{\"Item\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"}}}\n"
                 "rubbish \"\\\n"
                 "{\"Item\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"c\"}},\"more\":1}\n"
                 "{\"Item\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"d\"}}}\n");
  const RunResult result = restore({"--rejects", "rejects.jsonl", "-q"});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.err, "bulk: 2 records could not be written; see 'rejects.jsonl'\n");
  EXPECT_EQ(
      sandbox_.read("rejects.jsonl"),
      R"({"line":2,"segment":0,"reason":"not JSON: expected a value","text":"rubbish \"\\"})"
      "\n"
      R"({"line":3,"segment":0,"reason":"not a record: expected {\"Item\":{...}}","record":{"Item":{"pk":{"S":"a"},"sk":{"S":"c"}},"more":1}})"
      "\n");
}

TEST_F(BadLines, OneKeyTwiceMeansTheLastOne) {
  sandbox_.write("items.jsonl",
                 "{\"Item\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"b\"},\"v\":{\"N\":\"1\"}}}\n"
                 "{\"Item\":{\"pk\":{\"S\":\"c\"},\"sk\":{\"S\":\"b\"},\"v\":{\"N\":\"2\"}}}\n"
                 "{\"Item\":{\"sk\":{\"S\":\"b\"},\"pk\":{\"S\":\"\\u0061\"},\"v\":{\"N\":\"3\"}}}\n");
  const RunResult result = restore({"--json"});
  EXPECT_EQ(result.status, 0) << result.err;
  const rapidjson::Document summary = parse_json(last_line(result.out));
  EXPECT_EQ(member(summary, "records", "read").GetUint64(), 3u);
  EXPECT_EQ(member(summary, "records", "superseded").GetUint64(), 1u);
  EXPECT_STREQ(member(summary, "verified").GetString(), "content");
  const RunResult cat = sandbox_.bulk({"cat", "sqlite:store.db#target", "--key", R"({"pk":{"S":"a"},"sk":{"S":"b"}})"});
  EXPECT_THAT(cat.out, testing::HasSubstr(R"("v":{"N":"3"})"));
}

TEST_F(BadLines, AnEmptyFileIsAnEmptyTable) {
  sandbox_.write("items.jsonl", "");
  expect_ok(restore());
  EXPECT_EQ(sandbox_.bulk({"cat", "sqlite:store.db#target"}).out, "");
}

}  // namespace
}  // namespace bulk::test
