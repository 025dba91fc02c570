// Input made to hurt: files that expand to gigabytes, tables that lie about sizes and counts, lines and nestings
// without end, names that would move a terminal's cursor. Each case ends with its exit status and one clear line, in
// bounded memory, and leaves nothing behind. Everything large is made of a few bytes: zstd blocks that repeat one byte,
// holes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>

#include "tests/e2e/expect.h"
#include "tests/e2e/hostile.h"

namespace bulk::test {
namespace {

constexpr std::uint64_t kGiB = 1u << 30;
constexpr const char* kTooLong = ": longer than 8388608 bytes, more than the buffers allow; raise --memory";
constexpr const char* kOtherCopy = "; use another copy, or read what is whole with `zstd -dc`";

class Hostile : public testing::Test {
 protected:
  // `line` is the whole of standard error. A load adds the command to go on with.
  static void expect_refused(const RunResult& result, int status, const std::string& line) {
    EXPECT_EQ(result.status, status);
    EXPECT_EQ(result.err.substr(0, result.err.find("; go on with: ")),
              "bulk: " + line + (resumable(result) ? "" : "\n"));
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1);
    EXPECT_EQ(result.out, "");
    expect_small(result);
  }
  static bool resumable(const RunResult& result) { return result.err.find("; go on with: ") != std::string::npos; }

  // Sanitizers take several times as much; then this says nothing.
  static void expect_small(const RunResult& result) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LT(result.peak_kib, 400 << 10);
#endif
    RecordProperty("peak_kib", static_cast<int>(result.peak_kib));
  }

  RunResult verify(const std::string& name) {
    return sandbox_.bulk({"verify", name, "--memory", "64M", "-q"});
  }
  RunResult restore(const std::string& name) {
    return sandbox_.bulk(
        {"restore", name, "--to", "sqlite:" + name + ".db#t", "--create", "--key", "pk:S", "--memory", "64M", "-q"});
  }
  // Both ways of reading it refuse; the restore leaves its store and nothing else.
  void expect_foreign_refused(const std::string& name, int status, const std::string& line) {
    expect_refused(verify(name), status, line);
    const auto before = sandbox_.files();
    expect_refused(restore(name), status, line);
    auto expected = before;
    expected.push_back(name + ".db");
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(sandbox_.files(), expected);
  }
  // Of a part neither verify nor restore get as far as a table.
  void expect_part_refused(const std::string& bytes, int status, const std::string& problem) {
    sandbox_.write("bad.jsonl.zst", bytes);
    std::filesystem::remove(sandbox_.path("bad.jsonl.zst.db"));
    for (const RunResult& result : {verify("bad.jsonl.zst"), restore("bad.jsonl.zst")}) {
      expect_refused(result, status,
                     "bad.jsonl.zst: " + (status == 4 ? "the dump is corrupt: " + problem + kOtherCopy : problem));
    }
  }

  Sandbox sandbox_;
};

const std::string kGoodLines = "{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n{\"Item\":{\"pk\":{\"S\":\"b\"}}}\n";
const std::string kBegunLine = "{\"Item\":{\"pk\":{\"S\":\"";

TEST_F(Hostile, ALineOfAGigabyte) {
  sandbox_.write("long.jsonl", kGoodLines + kBegunLine);
  std::filesystem::resize_file(sandbox_.path("long.jsonl"), kGiB);  // a hole: zeros without a newline
  expect_foreign_refused("long.jsonl", 1, std::string("long.jsonl, line 3") + kTooLong);
}

TEST_F(Hostile, ALineOfAGigabyteInZstd) {
  sandbox_.write("long.jsonl.zst", bomb(kGoodLines + kBegunLine, 'x', kGiB));
  expect_foreign_refused("long.jsonl.zst", 1, std::string("long.jsonl.zst, line 3") + kTooLong);
}

TEST_F(Hostile, ALineOfAGigabyteInGzip) {
  BULK_REQUIRE_PROGRAM("gzip");
  ASSERT_EQ(sandbox_
                .shell("head -c 16777216 /dev/zero | gzip -1 >member && for i in {1..64}; do cat member; done "
                       ">long.jsonl.gz && rm member")
                .status,
            0);
  expect_foreign_refused("long.jsonl.gz", 1, std::string("long.jsonl.gz, line 1") + kTooLong);
}

TEST_F(Hostile, ALineWithoutEndOnAPipe) {
  const RunResult result = sandbox_.shell("yes '{\"Item\":' | tr -d '\\n' | bulk verify - --memory 64M -q");
  expect_refused(result, 1, std::string("standard input, line 1") + kTooLong);
}

TEST_F(Hostile, AnItemsFileWithAStringWithoutEnd) {
  sandbox_.write("scan.json", "{\"Items\":[{\"pk\":{\"S\":\"a\"}},{\"pk\":{\"S\":\"");
  std::filesystem::resize_file(sandbox_.path("scan.json"), kGiB);
  expect_foreign_refused("scan.json", 1, std::string("scan.json, item 2") + kTooLong);
}

TEST_F(Hostile, AZstdFileThatClaimsAnExbibyte) {
  sandbox_.write("zeros.jsonl.zst", bomb("{", '\0', 8 * kGiB, std::uint64_t{1} << 60));
  expect_foreign_refused("zeros.jsonl.zst", 1, std::string("zeros.jsonl.zst, line 1") + kTooLong);
}

TEST_F(Hostile, AZstdFileThatAsksForAWindowOfTwoGigabytes) {
  std::string frame = bomb(kGoodLines, '\n', 64u << 20);
  frame[5] = '\xA8';  // 2^31
  sandbox_.write("window.jsonl.zst", frame);
  expect_foreign_refused("window.jsonl.zst", 4,
                         "window.jsonl.zst, near byte 0: zstd stream: Frame requires too much memory for decoding");
}

// 16 MB that hold 512 GB of blank lines, which are nothing to read: whoever sees it hang can stop it.
TEST_F(Hostile, BlankLinesWithoutEndCanBeInterrupted) {
  std::string lines;
  while (lines.size() < 100'000) lines += kGoodLines;  // more than standard output holds back
  sandbox_.write("blank.jsonl.zst", bomb(lines, '\n', 512 * kGiB));
  // Once there is output, the blank lines are being read.
  const RunResult result = sandbox_.shell(
      "bulk cat blank.jsonl.zst --memory 64M >out & until test -s out || ! kill -0 $!; do sleep 0.05; done; "
      "kill -TERM $!; wait $!");
  EXPECT_EQ(result.status, 143);
  EXPECT_EQ(result.err, "bulk: terminated\n");
  expect_small(result);
}

TEST_F(Hostile, APartWhoseFrameHoldsFourGigabytes) {
  Part part;
  part.frames = {{bomb("", '\n', UINT32_MAX), UINT32_MAX}};
  expect_part_refused(
      part.bytes(), 1,
      "a frame of 4294967295 bytes is larger than the 8388608 bytes that the buffers allow; raise --memory");
}

TEST_F(Hostile, APartWhoseFrameHoldsMoreThanItsTableSays) {
  Part part;
  part.frames = {{bomb("", '\n', 4 * kGiB), 1000}};
  const std::size_t header = encode_header(part.header).size();
  expect_part_refused(part.bytes(), 4,
                      "frame 1 of 1 at byte " + std::to_string(header) +
                          ": zstd frame: it claims 4294967296 bytes of content instead of 1000");
  // ... and says the same in its own header.
  Part liar;
  liar.frames = {{bomb("", '\n', 4 * kGiB, 1000), 1000}};
  expect_part_refused(
      liar.bytes(), 4,
      "frame 1 of 1 at byte " + std::to_string(header) + ": zstd frame: Destination buffer is too small");
}

TEST_F(Hostile, ASeekTableOfFourBillionEntries) {
  std::string bytes = Part().bytes();
  for (std::size_t i = 0; i < 4; ++i) bytes[bytes.size() - 9 + i] = '\xFF';
  expect_part_refused(bytes, 4, "seek table: it claims 4294967295 frames, more than the format allows");
  bytes[bytes.size() - 6] = '\x07';  // the most that the format allows
  expect_part_refused(bytes, 4,
                      "seek table: it claims 134217727 frames, more than the file of " + std::to_string(bytes.size()) +
                          " bytes can hold");
}

TEST_F(Hostile, ASeekTableWhoseFramesAddUpToFarMoreThanTheFile) {
  Part part;
  part.frames = {{bomb("", '\n', 10), 10}, {bomb("", '\n', 10), 10}};
  const std::string body = part.body();
  const std::size_t header = part.entries[0].stored_bytes;
  part.entries[1].stored_bytes = part.entries[2].stored_bytes = UINT32_MAX;
  expect_part_refused(body + encode_seek_table(part.entries), 4,
                      "seek table: frame 1 ends at byte " + std::to_string(header + UINT32_MAX) +
                          ", behind the table's begin at " + std::to_string(body.size()));
}

TEST_F(Hostile, AHeaderThatClaimsFourGigabytes) {
  std::string bytes = Part().bytes();
  for (std::size_t i = 4; i < 8; ++i) bytes[i] = '\xFF';
  expect_part_refused(bytes, 4, "no header at byte 0");
  sandbox_.write("bad.jsonl.zst", bytes);
  expect_refused(sandbox_.shell("bulk verify - --memory 64M -q < bad.jsonl.zst"), 4,
                 std::string("standard input: the dump is corrupt: the header claims 4294967303 bytes") + kOtherCopy);
}

TEST_F(Hostile, AFooterThatCountsToTheEndOfIntegers) {
  Part part;
  part.footer.records = part.footer.raw_bytes = UINT64_MAX;
  expect_part_refused(part.bytes(), 4, "its footer counts 18446744073709551615 bytes of lines, its seek table 0");
  Part segments;
  segments.footer.records = 0;
  segments.footer.segments[1'000'000'000] = {UINT64_MAX, {}};
  segments.footer.segments[5] = {2, {}};
  expect_part_refused(segments.bytes(), 4, "dump footer: its segments do not add up to the whole");
}

TEST_F(Hostile, AFooterOfAHundredThousandSegments) {
  Part part;
  for (std::uint32_t i = 0; i < 100'000; ++i) part.footer.segments[UINT32_MAX - i] = {0, {}};
  sandbox_.write("segments.jsonl.zst", part.bytes());
  const RunResult result = verify("segments.jsonl.zst");
  EXPECT_EQ(result.status, 0) << result.err;
  expect_small(result);
}

TEST_F(Hostile, ABillionSegmentsAreAUsageError) {
  expect_refused(sandbox_.bulk({"backup", "sqlite:store.db#t", "--to", "x.jsonl.zst", "--segments", "1000000000"}), 2,
                 "--segments wants a number from 1 to 1000000, or auto, not \"1000000000\"; see bulk backup --help");
  EXPECT_EQ(sandbox_.files(), std::vector<std::string>{});
}

TEST_F(Hostile, AMillionSegmentsOfASmallTable) {
  sandbox_.write("items.jsonl", kGoodLines);
  expect_ok(restore("items.jsonl"));
  const RunResult result = sandbox_.bulk(
      {"backup", "sqlite:items.jsonl.db#t", "--to", "x.jsonl.zst", "--segments", "1000000", "--memory", "64M", "-q"});
  EXPECT_EQ(result.status, 0) << result.err;
  expect_small(result);
  expect_ok(verify("x.jsonl.zst"));
}

TEST_F(Hostile, AMillionBrackets) {
  const std::string open(1'000'000, '[');
  sandbox_.write("open.jsonl", kGoodLines + open + "\n");
  const std::string next = "; fix the line, or set such records aside with --rejects FILE";
  expect_foreign_refused(
      "open.jsonl", 1, "open.jsonl, line 3: not JSON: nested deeper than 512 levels (at byte 513 of the line)" + next);
  std::string lists;
  for (int i = 0; i < 1'000'000; ++i) lists += "{\"L\":[";
  sandbox_.write("lists.jsonl", kGoodLines + "{\"Item\":{\"x\":" + lists + "\n");
  expect_foreign_refused(
      "lists.jsonl", 1,
      "lists.jsonl, line 3: attribute 'x': nested deeper than 32 levels (at byte 211 of the line)" + next);
  // Of an Items file only the items are looked into.
  sandbox_.write("scan.json", "{\"x\":" + open + std::string(1'000'000, ']') + ",\"Items\":[{\"pk\":{\"S\":\"a\"}}]}");
  const RunResult result = sandbox_.bulk({"cat", "scan.json", "--memory", "64M"});
  EXPECT_EQ(result.out, "{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n");
  expect_small(result);
}

TEST_F(Hostile, AMillionTinyRecordsInOneFrame) {
  std::string lines;
  for (int i = 0; i < 1'000'000; ++i) lines += "{\"Item\":{}}\n";
  FrameCodec codec;
  Buffer frame;
  codec.compress(lines, frame);
  sandbox_.write("tiny.jsonl.zst", std::string(frame.view()));
  const RunResult result = verify("tiny.jsonl.zst");
  expect_refused(result, 4,
                 "'tiny.jsonl.zst' holds 1,000,000 legal records but neither counts nor digest: it cannot be proven "
                 "whole; --against TARGET compares it with a table");
}

TEST_F(Hostile, BytesThatNoStringMayHold) {
  const std::string next = "; fix the line, or set such records aside with --rejects FILE";
  sandbox_.write("nul.jsonl", kBegunLine + std::string("a\0b", 3) + "\"}}}\n");
  expect_foreign_refused(
      "nul.jsonl", 1,
      "nul.jsonl, line 1: attribute 'pk': control character in a string (at byte 22 of the line)" + next);
  sandbox_.write("half.jsonl", kBegunLine + "\\ud83d\"}}}\n");
  expect_foreign_refused("half.jsonl", 1,
                         "half.jsonl, line 1: attribute 'pk': lone surrogate (at byte 21 of the line)" + next);
  sandbox_.write("encoded.jsonl", kBegunLine + "\xED\xA0\xBD\"}}}\n");
  expect_foreign_refused(
      "encoded.jsonl", 1,
      "encoded.jsonl, line 1: attribute 'pk': a string is not UTF-8 (at byte 21 of the line)" + next);
}

// Whatever stands in names: no byte that a terminal obeys gets out, neither ESC nor its two-byte form U+009B.
class TerminalEscapes : public Hostile {
 protected:
  static void expect_tame(const RunResult& result) {
    for (const std::string& text : {result.err, result.out}) {
      EXPECT_EQ(text.find_first_of("\x1b\x07\x7f"), std::string::npos) << text;
      EXPECT_EQ(text.find("\xC2\x9B"), std::string::npos) << text;
    }
  }
  const std::string name_ =
      "\x1b[2J\x07\x7f\xC2\x9B"
      "31m";
};

TEST_F(TerminalEscapes, InADumpsMetadata) {
  Part part;
  part.header.tool = part.header.started = part.header.stage = part.header.table.name = part.header.table.arn = name_;
  part.header.source = "dynamodb://" + name_;
  part.footer.ended = name_;
  sandbox_.write("backups/named.jsonl.zst", part.bytes());
  for (const Arguments& arguments : {Arguments{"inspect", "backups/named.jsonl.zst"},
                                     {"list"},
                                     {"restore"},
                                     {"verify", "backups/named.jsonl.zst"},
                                     {"restore", "backups/named.jsonl.zst"},
                                     {"restore", "backups/named.jsonl.zst", "--to", "sqlite:s.db#t", "--create"}}) {
    expect_tame(sandbox_.bulk(arguments));
  }
  part.header.schema_json = R"({"KeySchema":[{"AttributeName":"\u001b[2J\u009b","KeyType":"X"}],)"
                            R"("AttributeDefinitions":[{"AttributeName":"\u001b[2J\u009b","AttributeType":"S"}]})";
  part.footer = {};
  sandbox_.write("schema.jsonl.zst", part.bytes());
  const RunResult result = verify("schema.jsonl.zst");
  EXPECT_EQ(result.status, 4);
  expect_tame(result);
}

TEST_F(TerminalEscapes, InRecords) {
  const std::vector<std::string> lines = {
      "{\"Item\":{\"" + name_ + "\":{\"X\":1}}}",     "{\"Item\":{\"\\u001b[2J\xC2\x9B\x7f\":{\"X\":1}}}",
      "{\"Item\":{\"sk\":{\"S\":\"\x7f\xC2\x9B\"}}}", name_,
      "{\"Items\":[],\"" + name_ + "\":1}" + name_,
  };
  for (const std::string& line : lines) {
    std::filesystem::remove(sandbox_.path("named.jsonl.db"));
    sandbox_.write("named.jsonl", line + "\n");
    const RunResult result = restore("named.jsonl");
    EXPECT_EQ(result.status, 1);
    expect_tame(result);
  }
}

TEST_F(TerminalEscapes, InConfiguration) {
  for (const char* text : {"\"a\\u001b[2J\\u009b\" = 1\n", "[stages.\"\\u001b[2J\\u009b\"]\n",
                           "[stages.x]\nsource = \"\\u001b[2J\\u009bx\"\n", "[stages.x]\nsource = \"${\\u001b[2J}\"\n",
                           "a = \"\x1b[2J\"\n"}) {
    sandbox_.write("bulk.toml", text);
    const RunResult result = sandbox_.bulk({"backup", "--stage", "x"});
    EXPECT_EQ(result.status, 2) << text;
    expect_tame(result);
  }
}

}  // namespace
}  // namespace bulk::test
