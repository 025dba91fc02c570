#include "backends/dump/part_progress.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/dump_files.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::error_line;

constexpr const char* kNext = "; start afresh, without --resume";

ProgressFrame frame(std::uint32_t number) {
  ProgressFrame frame;
  frame.entry = {100 + number, 4'000'000 + number, 0xfedcba98 + number};
  for (unsigned char& byte : frame.sha256) byte = static_cast<unsigned char>(0xa0 + number);
  frame.segment = number;
  frame.records = 1'000 + number;
  frame.digest = {.low = number, .high = 0xfedcba9876543210};
  return frame;
}

PartProgress three_frames() {
  return {.bytes = 412 + 101 + 102 + 103, .header_bytes = 412, .frames = {frame(1), frame(2), frame(3)}};
}

TEST(PartProgress, IsWrittenAsTheSpecificationSays) {
  const PartProgress progress{.bytes = 513, .header_bytes = 412, .frames = {frame(1)}};
  const std::string hash = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
  EXPECT_EQ(encode_progress(progress), R"({"bytes":513,"header":412,"frames":[[101,4000001,4275878553,")" + hash +
                                           R"(",1,1001,"fedcba98765432100000000000000001"]]})");
  EXPECT_EQ(encode_progress({.bytes = 513, .header_bytes = 0, .frames = {}}), R"({"bytes":513,"frames":[]})");
}

TEST(PartProgress, ComesBackAsItWas) {
  const PartProgress before = three_frames();
  const std::string text = encode_progress(before);
  const PartProgress after = decode_progress(text);
  EXPECT_EQ(after.bytes, before.bytes);
  EXPECT_EQ(after.header_bytes, before.header_bytes);
  ASSERT_EQ(after.frames.size(), 3u);
  EXPECT_EQ(after.frames[1].entry.stored_bytes, 102u);
  EXPECT_EQ(after.frames[1].entry.plain_bytes, 4'000'002u);
  EXPECT_EQ(after.frames[1].entry.checksum, 0xfedcba9au);
  EXPECT_EQ(after.frames[1].sha256, before.frames[1].sha256);
  EXPECT_EQ(after.frames[1].segment, 2u);
  EXPECT_EQ(after.frames[1].records, 1'002u);
  EXPECT_EQ(after.frames[1].digest, before.frames[1].digest);
  EXPECT_EQ(encode_progress(after), text);
}

TEST(PartProgress, IgnoresMembersItDoesNotKnow) {
  const std::string text =
      R"({"new":[{"bytes":1,"frames":[[1]]},null,-1.5,"x"],"bytes":9,"more":{"header":true},"frames":[],"x":1,"x":2})";
  EXPECT_EQ(encode_progress(decode_progress(text)), R"({"bytes":9,"frames":[]})");
}

TEST(PartProgress, SaysWhatIsWrongWithAnEntry) {
  const auto problem = [](const std::string& json) {
    const std::string line = error_line([&] { decode_progress(json); }, ErrorKind::corrupt);
    EXPECT_TRUE(line.starts_with("progress of the dump: ") && line.ends_with(kNext)) << line;
    return line.substr(22, line.size() - 22 - std::string_view(kNext).size());
  };
  const std::string hash(64, '0');
  const std::string digest(32, '0');
  const auto with_frame = [](const std::string& frame) { return R"({"bytes":9,"frames":[[)" + frame + "]]}"; };

  EXPECT_EQ(problem(""), "its JSON is damaged at byte 0");
  EXPECT_EQ(problem(R"({"bytes":1,)"), "its JSON is damaged at byte 11");
  EXPECT_EQ(problem(R"({"bytes":1,"frames":[]}x)"), "its JSON is damaged at byte 23");
  EXPECT_EQ(problem("{\"\xff\":1}"), "its JSON is damaged at byte 2");
  EXPECT_EQ(problem("[]"), "it is no object");
  EXPECT_EQ(problem("7"), "it is no object");
  EXPECT_EQ(problem(R"({"frames":[]})"), "member 'bytes' is missing");
  EXPECT_EQ(problem(R"({"bytes":1})"), "member 'frames' is missing");
  EXPECT_EQ(problem(R"({"bytes":-1})"), "member 'bytes' is not a whole number");
  EXPECT_EQ(problem(R"({"bytes":18446744073709551616})"), "member 'bytes' is not a whole number");
  EXPECT_EQ(problem(R"({"header":"1"})"), "member 'header' is not a whole number");
  EXPECT_EQ(problem(R"({"header":[1]})"), "member 'header' is not a whole number");
  EXPECT_EQ(problem(R"({"bytes":1,"bytes":2})"), "member 'bytes' stands twice");
  for (const char* frames : {"1", "{}", "null", "\"x\"", "[1]", "[{}]", "[\"x\"]"}) {
    EXPECT_EQ(problem(std::string(R"({"frames":)") + frames + "}"), "member 'frames' is not a list of lists") << frames;
  }
  EXPECT_EQ(problem(R"({"x":)" + std::string(1'000, '[') + std::string(1'000, ']') + "}"), "it is nested too deeply");
  EXPECT_EQ(problem(R"({"x":)" + std::string(1'000'000, '[')), "it is nested too deeply");

  EXPECT_EQ(problem(with_frame("")), "frame 1 of the entry: it has 0 fields of 7");
  EXPECT_EQ(problem(with_frame("9,9,9")), "frame 1 of the entry: it has 3 fields of 7");
  EXPECT_EQ(problem(with_frame("4294967296")), "frame 1 of the entry: field 1 is not what it should be");
  EXPECT_EQ(problem(with_frame("9,-1")), "frame 1 of the entry: field 2 is not what it should be");
  EXPECT_EQ(problem(with_frame("9,9,[]")), "frame 1 of the entry: field 3 is not what it should be");
  EXPECT_EQ(problem(with_frame("9,9,9,7")), "frame 1 of the entry: field 4 is not what it should be");
  for (const std::string& bad : {std::string(), std::string(63, '0'), std::string(64, 'A'), std::string(64, 'g')}) {
    EXPECT_EQ(problem(with_frame("9,9,9,\"" + bad + "\"")), "frame 1 of the entry: field 4 is not what it should be");
  }
  const std::string start = "9,9,9,\"" + hash + "\",";
  EXPECT_EQ(problem(with_frame(start + "4294967296")), "frame 1 of the entry: field 5 is not what it should be");
  EXPECT_EQ(problem(with_frame(start + "1,1.5")), "frame 1 of the entry: field 6 is not what it should be");
  EXPECT_EQ(problem(with_frame(start + "1,1,\"" + hash + "\"")),
            "frame 1 of the entry: field 7 is not what it should be");
  EXPECT_EQ(problem(with_frame(start + "1,1,\"" + digest + "\",1")),
            "frame 1 of the entry: field 8 is not what it should be");
  EXPECT_EQ(problem(with_frame(start + "1,1,\"" + digest + "\"],[1")), "frame 2 of the entry: it has 1 fields of 7");
}

// Numbers that would take much memory, or make sums overflow, before anything is read.
TEST(PartProgress, RefusesFramesThatCannotBe) {
  for (const auto& [stored, plain, records] :
       std::vector<std::array<std::string, 3>>{{"0", "9", "1"},
                                               {"9", "0", "1"},
                                               {"9", "9", "0"},
                                               {"9", "9", "10"},
                                               {"9", "9", "18446744073709551615"},
                                               {"4294967295", "9", "1"},
                                               {"9", "1073741825", "1"}}) {
    const std::string json =
        fmt::format(R"({{"bytes":9,"frames":[[{},{},1,"{:0>64}",0,{},"{:0>32}"]]}})", stored, plain, "", records, "");
    EXPECT_EQ(error_line([&] { decode_progress(json); }, ErrorKind::corrupt),
              std::string("progress of the dump: frame 1 of the entry: its numbers are not those of a frame") + kNext)
        << json;
  }
}

TEST(PartProgress, EveryCutAndFlipIsAValueOrAnError) {
  const std::string text = encode_progress(three_frames());
  for (std::size_t at = 0; at < text.size(); ++at) {
    EXPECT_NE(error_line([&] { decode_progress(text.substr(0, at)); }, ErrorKind::corrupt), "no error") << at;
    for (const int bit : {1, 2, 16, 64}) {
      std::string bad = text;
      bad[at] = static_cast<char>(bad[at] ^ bit);
      const std::string line = error_line([&] { decode_progress(bad); }, ErrorKind::corrupt);
      EXPECT_TRUE(line == "no error" || line.ends_with(kNext)) << line;
    }
  }
}

TEST(PartProgress, EntriesAreJoined) {
  const std::vector<std::string> entries = {
      encode_progress({.bytes = 412, .header_bytes = 412, .frames = {}}),
      encode_progress({.bytes = 412 + 101 + 102, .header_bytes = 0, .frames = {frame(1), frame(2)}}),
      encode_progress({.bytes = 412 + 101 + 102 + 103, .header_bytes = 0, .frames = {frame(3)}})};
  EXPECT_EQ(encode_progress(join_progress(entries)), encode_progress(three_frames()));
  EXPECT_EQ(encode_progress(join_progress({entries.data(), 1})), R"({"bytes":412,"header":412,"frames":[]})");
}

TEST(PartProgress, EntriesThatDoNotFitEachOtherAreRefused) {
  const auto problem = [](const std::vector<std::string>& entries) {
    return error_line([&] { join_progress(entries); }, ErrorKind::corrupt);
  };
  const std::string first = R"({"bytes":412,"header":412,"frames":[]})";
  const std::string text = "progress of the dump: entry ";
  EXPECT_EQ(problem({R"({"bytes":412,"frames":[]})"}), text + "1: member 'header' is missing" + kNext);
  EXPECT_EQ(problem({R"({"bytes":8,"header":8,"frames":[]})"}), text + "1: a header of 8 bytes is none" + kNext);
  EXPECT_EQ(problem({R"({"bytes":67108873,"header":67108873,"frames":[]})"}),
            text + "1: a header of 67108873 bytes is none" + kNext);
  EXPECT_EQ(problem({R"({"bytes":413,"header":412,"frames":[]})"}),
            text + "1: its frames end at byte 412, not at 413" + kNext);
  EXPECT_EQ(problem({first, first}), text + "2: a second header" + kNext);
  const std::string second = encode_progress({.bytes = 412 + 101, .header_bytes = 0, .frames = {frame(1)}});
  EXPECT_EQ(problem({first, second, second}), text + "3: its frames end at byte 614, not at 513" + kNext);
  EXPECT_EQ(problem({first, "{}"}),
            std::string("entry 2 of the journal: progress of the dump: member 'bytes' is missing") + kNext);
}

class VerifyKeptTest : public ::testing::Test {
 protected:
  // A part of three frames whose progress is made from the part itself.
  void SetUp() override {
    test::write_part(path_, 30, 10);
    const PartFile part(File::open_for_reading(path_));
    kept_.header_bytes = part.frames().at(0).offset;
    kept_.bytes = kept_.header_bytes;
    for (const PartFrame& frame : part.frames()) {
      kept_.frames.push_back({{frame.stored_bytes, frame.plain_bytes, frame.checksum}, frame.sha256, 0, 10, {}});
      kept_.bytes += frame.stored_bytes;
    }
    bytes_ = test::read_file(path_);
  }
  std::string verify(const std::string& bytes) {
    test::write_file(path_, bytes);
    return error_line([&] { verify_kept(File::open_for_reading(path_), kept_, stop_); }, ErrorKind::corrupt);
  }

  test::TempDir folder_;
  std::string path_ = folder_.file("t.jsonl.zst");
  PartProgress kept_;
  std::string bytes_;
  Stop stop_;
};

TEST_F(VerifyKeptTest, TakesWhatIsWhole) {
  EXPECT_EQ(verify(bytes_), "no error");
  EXPECT_EQ(verify(bytes_.substr(0, kept_.bytes)), "no error");
}

TEST_F(VerifyKeptTest, NamesFrameAndByte) {
  const std::uint64_t second = kept_.header_bytes + kept_.frames[0].entry.stored_bytes;
  std::string bad = bytes_;
  bad[second + 5] = static_cast<char>(bad[second + 5] ^ 1);
  EXPECT_EQ(verify(bad),
            path_ + ": frame 2 of 3 at byte " + std::to_string(second) + ": its SHA-256 is not the journal's" + kNext);
  EXPECT_EQ(verify(bytes_.substr(0, second)),
            path_ + ": it ends at byte " + std::to_string(second) + " of " + std::to_string(kept_.bytes) + kNext);
}

TEST_F(VerifyKeptTest, LooksAtTheHeader) {
  std::string bad = bytes_;
  bad[0] = 'x';
  const std::string no_header =
      path_ + ": no header of " + std::to_string(kept_.header_bytes) + " bytes at byte 0" + kNext;
  EXPECT_EQ(verify(bad), no_header);
  bad = bytes_;
  bad[4] = static_cast<char>(bad[4] ^ 1);
  EXPECT_EQ(verify(bad), no_header);
  bad = bytes_;
  bad[8] = '\0';
  EXPECT_EQ(verify(bad).substr(0, path_.size() + 15), path_ + ": dump header: ");
}

TEST_F(VerifyKeptTest, CanBeStopped) {
  stop_.fail(std::make_exception_ptr(Error(ErrorKind::interrupted, "enough")));
  EXPECT_EQ(error_line([&] { verify_kept(File::open_for_reading(path_), kept_, stop_); }, ErrorKind::interrupted),
            "enough");
}

}  // namespace
}  // namespace bulk
