#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "backends/dump/part_source.h"
#include "tests/support/dump_files.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

constexpr const char* kNext = "; use another copy, or read what is whole with `zstd -dc`";

class PartStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // the reader of a damaged stream goes away early
    test::write_part(path_, 1000, 100);
    bytes_ = test::read_file(path_);
  }

  // Everything through a pipe.
  std::vector<std::string> read(std::string_view bytes, const ReadOptions& options = {}) {
    int ends[2];
    if (pipe(ends) != 0) throw os_error("make a pipe", errno);
    const std::jthread writer([bytes, fd = ends[1]] {
      const File file(fd, "pipe");
      for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t put = ::write(fd, bytes.data() + at, std::min<std::size_t>(bytes.size() - at, 1000));
        if (put <= 0) return;
        at += static_cast<std::size_t>(put);
      }
    });
    const auto input = std::make_shared<ByteInput>(File(ends[0], "-"), stop_);
    header_ = read_stream_header(*input);
    const auto source = make_part_stream_source(input, true, options);
    EXPECT_EQ(source->expected(), std::nullopt);
    std::vector<std::string> lines = test::read_lines(*source);
    expected_ = source->expected();
    return lines;
  }
  std::string damage(std::string_view bytes) {
    return test::error_line([&] { read(bytes); }, ErrorKind::corrupt);
  }

  test::TempDir folder_;
  std::string path_ = folder_.file("t.jsonl.zst");
  std::string bytes_;
  Stop stop_;
  DumpHeader header_;
  std::optional<ExpectedTotals> expected_;
};

TEST_F(PartStreamTest, ReadsHeaderLinesAndTotals) {
  EXPECT_EQ(read(bytes_), test::record_lines(1000));
  EXPECT_EQ(header_.table.name, "t");
  ASSERT_TRUE(expected_.has_value());
  EXPECT_EQ(expected_->records, 1000u);
  EXPECT_EQ(expected_->raw_bytes, test::joined(test::record_lines(1000)).size());
}

TEST_F(PartStreamTest, ReadsAnEmptyPart) {
  test::write_part(folder_.file("e.jsonl.zst"), 0, 1);
  EXPECT_TRUE(read(test::read_file(folder_.file("e.jsonl.zst"))).empty());
  EXPECT_EQ(expected_->records, 0u);
}

TEST_F(PartStreamTest, SaysWhatIsMissing) {
  const PartFile part(File::open_for_reading(path_));
  const auto& frames = part.frames();
  const std::string what = "standard input: the dump is corrupt: ";
  EXPECT_EQ(damage(bytes_.substr(0, frames[3].offset)),
            what + "it ends at byte " + std::to_string(frames[3].offset) + " without its footer" + kNext);
  EXPECT_EQ(damage(bytes_.substr(0, frames[3].offset + 50)),
            what + "frame 4 at byte " + std::to_string(frames[3].offset) + ": the input ends inside it, at byte " +
                std::to_string(frames[3].offset + 50) + kNext);
  EXPECT_EQ(damage(bytes_.substr(0, 100)), what + "it ends inside the header, at byte 100" + kNext);
  EXPECT_EQ(damage(bytes_.substr(0, bytes_.size() - 1)), what + "its seek table does not fit its frames" + kNext);
  EXPECT_EQ(damage(bytes_ + "x"), what + "its seek table does not fit its frames" + kNext);
}

TEST_F(PartStreamTest, FindsAFrameThatIsGone) {
  const PartFile part(File::open_for_reading(path_));
  const auto& frame = part.frames()[4];
  std::string bytes = bytes_;
  bytes.erase(frame.offset, frame.stored_bytes);
  EXPECT_EQ(damage(bytes),
            std::string("standard input: the dump is corrupt: its frames are not those of its footer") + kNext);
}

TEST_F(PartStreamTest, EveryCutAndFlipIsFound) {
  const std::vector<std::string> whole = test::record_lines(1000);
  for (std::size_t at = 8; at < bytes_.size(); at += 61) {
    EXPECT_NE(damage(bytes_.substr(0, at)), "no error") << at;
    std::string bytes = bytes_;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    try {
      EXPECT_EQ(read(bytes), whole) << at;  // a word in the header or footer that no reader relies on
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt) << at << ": " << error.line();
    }
  }
}

TEST_F(PartStreamTest, AFrameOverTheBuffersSaysHowToGoOn) {
  ReadOptions options;
  options.batch_bytes = 1000;
  options.max_record_bytes = 2000;
  EXPECT_EQ(
      test::error_line([&] { read(bytes_, options); }, ErrorKind::failed),
      "standard input: a frame of 4280 bytes is larger than the 2000 bytes that the buffers allow; raise --memory");
}

TEST_F(PartStreamTest, IsReadOnce) {
  const auto input = std::make_shared<ByteInput>(File::open_for_reading(path_), stop_);
  read_stream_header(*input);
  const auto source = make_part_stream_source(input, true, {});
  EXPECT_NE(source->open({}, {}), nullptr);
  EXPECT_EQ(test::error_line([&] { source->open({}, {}); }, ErrorKind::failed),
            "a stream is read once, from its beginning; start afresh");
}

}  // namespace
}  // namespace bulk
