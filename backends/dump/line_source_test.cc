#include "backends/dump/line_source.h"

#include <gtest/gtest.h>

#include "codecs/zstd_frame.h"
#include "tests/support/dump_files.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

class LineSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<Source> source(std::string_view text, const ReadOptions& options = {}) {
    test::write_file(path_, text);
    return make_line_source(std::make_shared<ByteInput>(File::open_for_reading(path_), stop_), options);
  }
  std::vector<std::string> read(std::string_view text, const ReadOptions& options = {}) {
    return test::read_lines(*source(text, options));
  }
  std::string refusal(std::string_view text) {
    return test::error_line([&] { read(text); }, ErrorKind::failed);
  }

  test::TempDir folder_;
  std::string path_ = folder_.file("f.jsonl");
  Stop stop_;
};

TEST_F(LineSourceTest, BringsLinesIntoNormalForm) {
  EXPECT_EQ(read("\xEF\xBB\xBF{ \"Item\" : {\"pk\":{\"S\":\"a\"}} }\r\n\n   \n{\"Item\":{\"pk\":{\"S\":\"b\"}}}"),
            (std::vector<std::string>{R"({"Item":{"pk":{"S":"a"}}})", R"({"Item":{"pk":{"S":"b"}}})"}));
  EXPECT_TRUE(read("").empty());
  EXPECT_TRUE(read("\n \n").empty());
}

TEST_F(LineSourceTest, LineNumbersStayRightAcrossBlankLines) {
  const auto lines = test::record_lines(6);
  const auto from = source(lines[0] + "\n" + lines[1] + "\n\n\n" + lines[2] + "\n\n" + lines[3] + "\n");
  const auto reader = from->open(from->plan()[0], {});
  std::vector<std::uint64_t> first_lines;
  Batch batch;
  while (reader->read(batch)) {
    first_lines.push_back(batch.first_line);
    batch.reset();
  }
  EXPECT_EQ(first_lines, (std::vector<std::uint64_t>{1, 5, 7}));
}

TEST_F(LineSourceTest, NamesTheLineThatIsBad) {
  const std::string good = test::record_line(1) + "\n";
  const std::string refused = refusal(good + good + "{\"Item\":{\"pk\":{\"S\":7}}}\n" + good);
  EXPECT_TRUE(refused.starts_with(path_ + ", line 3: ")) << refused;
  EXPECT_TRUE(refused.ends_with(" of the line); fix the line, or set such records aside with --rejects FILE"))
      << refused;
  EXPECT_TRUE(refusal(good + "{\"Item\":{\"pk\":{\"S\":\"a\"").starts_with(path_ + ", line 2: "));
  EXPECT_TRUE(refusal("[" + good).starts_with(path_ + ", line 1: "));
  EXPECT_TRUE(refusal("{\"pk\":{\"S\":\"a\"}}\n")
                  .starts_with(path_ + ", after item 0: an object without \"Items\"; a dump is lines of"));
}

TEST_F(LineSourceTest, ALineOverTheBuffersIsNamed) {
  ReadOptions options;
  options.max_record_bytes = 100;
  const std::string text = test::record_line(1) + "\n" + R"({"Item":{"pk":{"S":")" + std::string(200, 'x') + "\"}}}\n";
  EXPECT_EQ(test::error_line([&] { read(text, options); }, ErrorKind::failed),
            path_ + ", line 2: longer than 100 bytes, more than the buffers allow; raise --memory");
}

TEST_F(LineSourceTest, ReadsAnItemsFileAndNamesABadItem) {
  EXPECT_EQ(read("{\n  \"Items\": [\n { \"pk\": { \"S\": \"a\" } },\n {\"pk\":{\"S\":\"b c\"}} ],\n \"Count\": 2 }\n"),
            (std::vector<std::string>{R"({"Item":{"pk":{"S":"a"}}})", R"({"Item":{"pk":{"S":"b c"}}})"}));
  const std::string refused = refusal(R"({"Items":[{"pk":{"S":"a"}},{"pk":{"X":"a"}}]})");
  EXPECT_TRUE(refused.starts_with(path_ + ", item 2: ")) << refused;
  EXPECT_TRUE(refused.ends_with(" of the item); fix the item, or set such records aside with --rejects FILE"))
      << refused;
}

TEST_F(LineSourceTest, ManyRecordsComeInBatchesInOrder) {
  const std::vector<std::string> lines = test::record_lines(30'000);
  Buffer packed;
  FrameCodec().compress(test::joined(lines), packed);
  ReadOptions options;
  options.batch_bytes = 10'000;
  const auto from = source(packed.view(), options);
  EXPECT_FALSE(from->distinct_keys());
  EXPECT_FALSE(from->consistent());
  const auto reader = from->open(from->plan()[0], {});
  std::uint64_t next = 0;
  Batch batch;
  while (reader->read(batch)) {
    EXPECT_EQ(batch.first_line, next + 1);
    EXPECT_LT(batch.bytes.size(), 11'000u);
    for (const Record& record : batch.records) ASSERT_EQ(batch.line(record), lines.at(next++));
    batch.reset();
  }
  EXPECT_EQ(next, lines.size());
}

TEST_F(LineSourceTest, ReadsTheSampleFile) {
  BULK_REQUIRE_SHARED("samples/derived/movies.ddb.jsonl.gz");
  const auto from =
      make_line_source(std::make_shared<ByteInput>(
                           File::open_for_reading(test::shared_file("samples/derived/movies.ddb.jsonl.gz")), stop_),
                       {});
  EXPECT_EQ(test::read_lines(*from).size(), 4609u);
}

TEST_F(LineSourceTest, IsReadFromItsBeginningOnly) {
  const auto from = source(test::record_line(1));
  EXPECT_EQ(test::error_line([&] { from->open({}, "3"); }, ErrorKind::failed),
            "a foreign file is read once, from its beginning; start afresh");
}

}  // namespace
}  // namespace bulk
