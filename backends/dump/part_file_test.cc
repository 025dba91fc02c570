#include "backends/dump/part_file.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>

#include "backends/dump/part_source.h"
#include "tests/support/dump_files.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

constexpr const char* kNext = "; use another copy, or read what is whole with `zstd -dc`";

class PartFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    test::write_part(path_, 1000, 100);
    bytes_ = test::read_file(path_);
  }

  // Reads everything there is, as a restore does.
  std::vector<std::string> read() {
    DumpStore store(path_, stop_);
    const auto source = store.source({});
    std::vector<std::string> lines = test::read_lines(*source);
    const auto expected = source->expected();
    if (!expected) throw Error(ErrorKind::failed, "read as a foreign file");
    if (expected->records != lines.size()) throw Error(ErrorKind::corrupt, "the number of records differs");
    Digest digest;
    ItemScanner scanner;
    for (const std::string& line : lines) {
      ItemFacts facts;
      if (!scanner.scan(item_of_line(line), facts)) throw Error(ErrorKind::corrupt, "a record is none");
      digest += facts.digest;
    }
    if (digest != expected->digest) throw Error(ErrorKind::corrupt, "the digest differs");
    return lines;
  }

  std::string damage(const std::string& bytes) {
    test::write_file(path_, bytes);
    return test::error_line([&] { read(); }, ErrorKind::corrupt);
  }
  std::string flipped(std::size_t at) const {
    std::string bytes = bytes_;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    return bytes;
  }

  test::TempDir folder_;
  std::string path_ = folder_.file("t.jsonl.zst");
  std::string bytes_;
  Stop stop_;
};

TEST_F(PartFileTest, ShowsHeaderFooterAndFrames) {
  const PartFile part(File::open_for_reading(path_));
  EXPECT_EQ(part.header().table.name, "t");
  EXPECT_EQ(part.header().tool, "bulk " BULK_VERSION);
  EXPECT_EQ(part.header().dialect, "dynamodb-json");
  EXPECT_EQ(part.header().started, "2025-01-25T12:00:00Z");
  EXPECT_EQ(part.footer().records, 1000u);
  EXPECT_EQ(part.footer().raw_bytes, test::joined(test::record_lines(1000)).size());
  EXPECT_EQ(part.footer().segments.at(0).records, 1000u);
  EXPECT_EQ(part.footer().segments.at(0).digest, part.footer().digest);
  EXPECT_EQ(part.stored_bytes(), bytes_.size());
  ASSERT_EQ(part.frames().size(), 10u);
  FrameScratch scratch;
  Buffer plain;
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_TRUE(part.sha256_matches(i, scratch.stored));
    part.read_frame(i, scratch, plain);
    EXPECT_EQ(plain.size(), part.frames()[i].plain_bytes);
  }
}

TEST_F(PartFileTest, AnyZstdReadsIt) {
  std::string plain(test::joined(test::record_lines(1000)).size(), '\0');
  ASSERT_EQ(ZSTD_decompress(plain.data(), plain.size(), bytes_.data(), bytes_.size()), plain.size());
  EXPECT_EQ(plain, test::joined(test::record_lines(1000)));
}

TEST_F(PartFileTest, ADamagedFrameIsNamed) {
  const PartFile part(File::open_for_reading(path_));
  const std::uint64_t offset = part.frames()[2].offset;
  EXPECT_EQ(damage(flipped(offset + 20)), path_ + ": the dump is corrupt: frame 3 of 10 at byte " +
                                              std::to_string(offset) + ": its SHA-256 is not the footer's" + kNext);
  Buffer scratch;
  const PartFile damaged(File::open_for_reading(path_));
  EXPECT_FALSE(damaged.sha256_matches(2, scratch));
  EXPECT_TRUE(damaged.sha256_matches(3, scratch));
}

TEST_F(PartFileTest, ATruncatedFileSaysWhereItEnds) {
  EXPECT_EQ(damage(bytes_.substr(0, 2000)),
            path_ + ": the dump is corrupt: it ends at byte 2000 without its seek table" + kNext);
}

TEST_F(PartFileTest, EveryTruncationIsCorrupt) {
  for (std::size_t length = 4; length < bytes_.size();
       length += length < 1000 || length > bytes_.size() - 300 ? 1 : 97) {
    test::write_file(path_, bytes_.substr(0, length));
    try {
      read();
      ADD_FAILURE() << "whole with " << length << " of " << bytes_.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt) << length << ": " << error.line();
    }
  }
}

TEST_F(PartFileTest, EveryFlippedByteIsFound) {
  std::mt19937 random(1);
  const std::vector<std::string> whole = test::record_lines(1000);
  for (std::size_t at = 0; at < bytes_.size(); at += at < 500 || at > bytes_.size() - 1000 ? 1 : 1 + random() % 60) {
    test::write_file(path_, flipped(at));
    try {
      // What no reader relies on may differ (a word in the header, the count of a segment): but never the records.
      EXPECT_EQ(read(), whole) << "byte " << at;
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::usage) << at << ": " << error.line();
    }
  }
}

TEST_F(PartFileTest, AFileWithoutItsFirstBytesIsStillKnownAsADump) {
  EXPECT_EQ(damage(flipped(0)), path_ + ": the dump is corrupt: no header at byte 0" + kNext);
}

TEST_F(PartFileTest, ALyingSeekTableIsCorrupt) {
  const auto size = static_cast<std::uint32_t>(bytes_.size());
  // The last entry of 12 bytes is the footer's, before it the last data frame's; 9 bytes of trailer end the file.
  const std::size_t entry = size - 9 - 24;
  std::string bytes = bytes_;
  bytes[entry + 4] = static_cast<char>(bytes[entry + 4] ^ 1);
  EXPECT_TRUE(damage(bytes).starts_with(path_ + ": the dump is corrupt: its footer counts ")) << damage(bytes);
  bytes = bytes_;
  bytes[entry] = static_cast<char>(bytes[entry] ^ 1);
  EXPECT_TRUE(damage(bytes).starts_with(path_ + ": the dump is corrupt: ")) << damage(bytes);
  bytes = bytes_;
  bytes[entry + 8] = static_cast<char>(bytes[entry + 8] ^ 1);
  EXPECT_NE(damage(bytes).find("frame 10 of 10"), std::string::npos) << damage(bytes);
  EXPECT_NE(damage(bytes).find("its checksum is not the seek table's"), std::string::npos) << damage(bytes);
}

TEST_F(PartFileTest, AFrameOverTheBuffersSaysHowToGoOn) {
  DumpStore store(path_, stop_);
  ReadOptions options;
  options.batch_bytes = 1000;
  options.max_record_bytes = 2000;
  EXPECT_EQ(test::error_line([&] { test::read_lines(store, options); }, ErrorKind::failed),
            path_ + ": a frame of 4280 bytes is larger than the 2000 bytes that the buffers allow; raise --memory");
}

TEST_F(PartFileTest, SegmentsAreRunsOfFrames) {
  DumpStore store(path_, stop_);
  ReadOptions options;
  options.jobs = 2;
  const auto source = store.source(options);
  const auto plan = source->plan();
  ASSERT_EQ(plan.size(), 4u);
  EXPECT_EQ(plan[0].begin, 0u);
  for (std::size_t i = 1; i < plan.size(); ++i) EXPECT_EQ(plan[i].begin, plan[i - 1].end);
  EXPECT_EQ(plan.back().end, 10u);
  EXPECT_EQ(test::error_line([&] { source->open(plan[1], "0"); }, ErrorKind::failed),
            path_ + ": no cursor of this segment: 0");
  EXPECT_EQ(test::error_line([&] { source->open(plan[1], "x"); }, ErrorKind::failed),
            path_ + ": no cursor of this segment: x");
}

}  // namespace
}  // namespace bulk
