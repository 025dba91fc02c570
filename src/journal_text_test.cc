#include "src/journal_text.h"

#include <gtest/gtest.h>

#include "codecs/zstd_frame.h"
#include "io/error.h"

namespace bulk {
namespace {

JournalHeader sample_header() {
  JournalHeader header;
  header.tool = "bulk 0.1.0";
  header.started = "2025-01-25T12:00:00Z";
  header.pid = 4711;
  header.work = {"backup", "dynamodb table t", "id 1", "file x.jsonl.zst", "", {{"--key", "pk:S"}, {"a\"b", ""}}};
  header.was_empty = true;
  return header;
}

SegmentProgress progress(const Cursor& after, std::uint64_t records) {
  SegmentProgress progress;
  progress.after = after;
  progress.batches = 3;
  progress.tally.read = {records, hash128(after)};
  progress.tally.filtered = {1, hash128("f")};
  progress.tally.rejected = {2, hash128("r")};
  progress.tally.raw_bytes = records * 10;
  return progress;
}

std::vector<Segment> two_segments() {
  return {{0, 2, 0, 5}, {1, 2, 5, 9}};
}

TEST(JournalText, SaysWhatItWasTold) {
  const std::string cursor = "{\"pk\":{\"S\":\"a \\\" \xc3\xa4\"}}";
  const std::string text =
      header_entry(sample_header()) + segments_entry(two_segments()) + checkpoint_entry({{0, progress("x", 10)}}, "") +
      checkpoint_entry({{1, progress(cursor, 20)}, {0, progress("y", 12)}}, R"({"bytes":7})") + verified_entry();
  const auto content = decode_journal(text);
  ASSERT_TRUE(content);
  const JournalHeader expected = sample_header();
  EXPECT_EQ(content->header.tool, expected.tool);
  EXPECT_EQ(content->header.started, expected.started);
  EXPECT_EQ(content->header.pid, 4711);
  EXPECT_EQ(content->header.work.command, "backup");
  EXPECT_EQ(content->header.work.source, "dynamodb table t");
  EXPECT_EQ(content->header.work.source_id, "id 1");
  EXPECT_EQ(content->header.work.target, "file x.jsonl.zst");
  EXPECT_EQ(content->header.work.options, expected.work.options);
  EXPECT_TRUE(content->header.was_empty);
  EXPECT_FALSE(content->header.created);
  ASSERT_EQ(content->segments.size(), 2u);
  EXPECT_EQ(content->segments[1].index, 1u);
  EXPECT_EQ(content->segments[1].count, 2u);
  EXPECT_EQ(content->segments[1].begin, 5u);
  EXPECT_EQ(content->segments[1].end, 9u);
  ASSERT_EQ(content->progress.size(), 2u);
  EXPECT_EQ(content->progress.at(0).after, "y");
  EXPECT_EQ(content->progress.at(1).after, cursor);
  EXPECT_EQ(content->progress.at(1).batches, 3u);
  EXPECT_EQ(content->progress.at(1).tally.read, (Count{20, hash128(cursor)}));
  EXPECT_EQ(content->progress.at(1).tally.written.records, 17u);
  EXPECT_EQ(content->progress.at(1).tally.raw_bytes, 200u);
  EXPECT_EQ(content->total().read.records, 32u);
  EXPECT_EQ(content->sink, std::vector<std::string>{R"({"bytes":7})"});
  EXPECT_TRUE(content->verified);
  EXPECT_EQ(content->sound_bytes, text.size());
}

TEST(JournalText, SegmentsSayWhichTableTheyAreOfWhereThereAreSeveral) {
  const std::string one = segments_entry(two_segments());
  EXPECT_EQ(one.substr(9), "{\"segments\":2,\"bounds\":[[0,5],[5,9]]}\n");
  std::vector<Segment> segments = two_segments();
  segments[1].table = 7;
  const std::string two = segments_entry(segments);
  EXPECT_EQ(two.substr(9), "{\"segments\":2,\"bounds\":[[0,5,0],[5,9,7]]}\n");
  const auto content = decode_journal(header_entry(sample_header()) + two);
  ASSERT_TRUE(content);
  ASSERT_EQ(content->segments.size(), 2u);
  EXPECT_EQ(content->segments[0].table, 0u);
  EXPECT_EQ(content->segments[1].table, 7u);
  EXPECT_EQ(content->segments[1].begin, 5u);
  // Bounds that are all 0, but two tables.
  segments = {{0, 2, 0, 0, 0}, {1, 2, 0, 0, UINT32_MAX}};
  const auto zeros = decode_journal(header_entry(sample_header()) + segments_entry(segments));
  ASSERT_TRUE(zeros);
  ASSERT_EQ(zeros->segments.size(), 2u);
  EXPECT_EQ(zeros->segments[1].table, UINT32_MAX);
  EXPECT_EQ(segments_entry(std::vector<Segment>(3)).substr(9), "{\"segments\":3}\n");
}

TEST(JournalText, ATornEndLosesTheLastEntryAlone) {
  const std::string sound = header_entry(sample_header()) + segments_entry(two_segments());
  const std::string last = checkpoint_entry({{0, progress("x", 10)}}, "");
  for (std::size_t length = 0; length < last.size(); ++length) {
    const auto content = decode_journal(sound + last.substr(0, length));
    ASSERT_TRUE(content);
    EXPECT_EQ(content->sound_bytes, sound.size());
    EXPECT_TRUE(content->progress.empty());
  }
}

TEST(JournalText, NothingBehindADamagedLineCounts) {
  const std::string sound = header_entry(sample_header()) + segments_entry(two_segments());
  std::string damaged = checkpoint_entry({{0, progress("x", 10)}}, "");
  damaged[damaged.size() / 2] ^= 1;
  const auto content = decode_journal(sound + damaged + checkpoint_entry({{1, progress("y", 10)}}, ""));
  ASSERT_TRUE(content);
  EXPECT_EQ(content->sound_bytes, sound.size());
  EXPECT_TRUE(content->progress.empty());
}

TEST(JournalText, ALineThatFitsItsDigitsAndSaysNonsenseEndsTheReading) {
  const auto line = [](const std::string& json) {
    char digits[16];
    std::snprintf(digits, sizeof digits, "%08x ", xxh64_low32(json));
    return digits + json + "\n";
  };
  const std::string sound = header_entry(sample_header()) + segments_entry(two_segments());
  for (
      const char* json :
      {R"({"segments":2})", R"({"segments":2,"bounds":[[0,1],[1]]})",
       R"({"segments":2,"bounds":[[0,1,0],[1,2,4294967296]]})", R"({"segments":2,"bounds":[[0,1,0],[1,2,1,1]]})",
       R"({"progress":[{"segment":2}]})", R"({"progress":7})", R"([])", R"({)",
       R"({"progress":[{"segment":0,"after":"","batches":1,"read":[1,"0"],"filtered":[0,"0"],"rejected":[0,"0"]}]})",
       R"({"progress":[{"segment":0,"after":"x","batches":1,"read":[1,"00000000000000000000000000000000"],"filtered":[1,"00000000000000000000000000000000"],"rejected":[1,"00000000000000000000000000000000"],"raw_bytes":1}]})",
       R"({"progress":[],"sink":7})"}) {
    const auto content = decode_journal(sound + line(json));
    ASSERT_TRUE(content) << json;
    EXPECT_EQ(content->sound_bytes, sound.size()) << json;
  }
  EXPECT_FALSE(decode_journal(line(R"({"bulk":"journal"})")));
  EXPECT_FALSE(decode_journal(line(R"({"bulk":"other","format":1})")));
  const auto many = decode_journal(header_entry(sample_header()) + line(R"({"segments":1000000000})"));
  ASSERT_TRUE(many);
  EXPECT_TRUE(many->segments.empty());
}

TEST(JournalText, AnUnknownFormatIsRefused) {
  std::string json = R"({"bulk":"journal","format":2})";
  char digits[16];
  std::snprintf(digits, sizeof digits, "%08x ", xxh64_low32(json));
  try {
    decode_journal(digits + json + "\n");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.line(),
              "its journal has format 2, which this version does not know; use the version that wrote it, or start "
              "afresh, without --resume");
  }
}

TEST(JournalText, NoHeaderNoJournal) {
  EXPECT_FALSE(decode_journal(""));
  EXPECT_FALSE(decode_journal("text\n"));
  EXPECT_FALSE(decode_journal(segments_entry(two_segments())));
}

}  // namespace
}  // namespace bulk
