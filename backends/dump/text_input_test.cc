#include "backends/dump/text_input.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <random>

#include "codecs/zstd_frame.h"
#include "tests/support/dump_files.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

std::string gzip(std::string_view plain) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(1);
  std::string out(libdeflate_gzip_compress_bound(compressor, plain.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor, plain.data(), plain.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

std::string zstd(std::string_view plain) {
  Buffer out;
  FrameCodec().compress(plain, out);
  return std::string(out.view());
}

std::string sample(std::size_t bytes) {
  std::mt19937 random(5);
  std::string text;
  while (text.size() < bytes) text += std::to_string(random() % 5000) + ",";
  return text;
}

class TextInputTest : public ::testing::Test {
 protected:
  std::string read(std::string_view bytes, std::size_t most = 1000) {
    test::write_file(path_, bytes);
    ByteInput input(File::open_for_reading(path_), stop_);
    const auto text = make_text_input(input);
    Buffer out;
    for (std::size_t before = 0; text->read(out, most); before = out.size()) {
      EXPECT_GT(out.size(), before);
      EXPECT_LE(out.size(), before + most);
    }
    EXPECT_FALSE(text->read(out, most));
    return std::string(out.view());
  }
  std::string refusal(std::string_view bytes) {
    return test::error_line([&] { read(bytes); }, ErrorKind::corrupt);
  }

  test::TempDir folder_;
  std::string path_ = folder_.file("f");
  Stop stop_;
};

TEST_F(TextInputTest, ReadsEveryCoding) {
  const std::string text = sample(1'500'000);
  EXPECT_TRUE(read(text) == text);
  EXPECT_TRUE(read(gzip(text)) == text);
  EXPECT_TRUE(read(zstd(text)) == text);
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read(gzip("")), "");
  EXPECT_EQ(read(zstd("")), "");
}

TEST_F(TextInputTest, ReadsWhatWasJoined) {
  const std::string text = sample(300'000);
  EXPECT_TRUE(read(gzip(text) + gzip("") + gzip("end")) == text + "end");
  EXPECT_TRUE(read(zstd(text) + zstd("") + zstd("end")) == text + "end");
  const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_TRUE(read(skippable + zstd(text) + skippable) == text);
}

TEST_F(TextInputTest, ATruncatedFileIsCorrupt) {
  const std::string zipped = gzip(sample(50'000));
  EXPECT_EQ(refusal(zipped.substr(0, 9000)), path_ + ": ends inside a gzip member at byte 9000; get the file again");
  EXPECT_EQ(
      refusal(zipped.substr(0, zipped.size() - 1)),
      path_ + ": ends inside a gzip member at byte " + std::to_string(zipped.size() - 1) + "; get the file again");
  const std::string frames = zstd(sample(50'000));
  EXPECT_EQ(refusal(frames.substr(0, 9000)), path_ + ": ends inside a zstd frame at byte 9000; get the file again");
}

TEST_F(TextInputTest, EveryCutOfAFileIsCorrupt) {
  for (const std::string& whole : {gzip("some text, some text"), zstd("some text, some text")}) {
    for (std::size_t length = 5; length < whole.size(); ++length) {
      EXPECT_NE(refusal(whole.substr(0, length)), "no error") << length;
    }
  }
}

TEST_F(TextInputTest, AFlippedByteIsCorrupt) {
  std::string zipped = gzip(sample(50'000));
  zipped[zipped.size() - 6] = static_cast<char>(zipped[zipped.size() - 6] ^ 1);
  EXPECT_EQ(refusal(zipped).substr(0, path_.size() + 32), path_ + ": gzip: incorrect data check at ");
  std::string frames = zstd(sample(50'000));
  frames[frames.size() - 1] = static_cast<char>(frames[frames.size() - 1] ^ 1);
  EXPECT_NE(refusal(frames).find(path_), std::string::npos) << refusal(frames);
  EXPECT_EQ(refusal(gzip("x") + "garbage").substr(0, path_.size() + 8), path_ + ": gzip: ");
}

}  // namespace
}  // namespace bulk
