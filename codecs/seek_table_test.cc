#include "codecs/seek_table.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cstring>
#include <random>

#include "codecs/little_endian.h"
#include "codecs/zstd_frame.h"
#include "io/error.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

bool decode(const std::string& file, SeekTable& table) {
  const ReadAt read_at = [&](std::uint64_t offset, char* into, std::size_t length) {
    ASSERT_LE(offset, file.size());
    ASSERT_LE(length, file.size() - offset);
    std::memcpy(into, file.data() + offset, length);
  };
  return decode_seek_table(file.size(), read_at, table);
}

std::string problem(const std::string& file) {
  SeekTable table;
  try {
    return decode(file, table) ? "sound" : "no table";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    return error.what();
  }
}

TEST(SeekTable, IsReadAsTheVectorsSay) {
  BULK_REQUIRE_SHARED("vectors/zstd_seekable/manifest.json");
  rapidjson::Document manifest;
  manifest.Parse(test::read_file(test::shared_file("vectors/zstd_seekable/manifest.json")));
  ASSERT_TRUE(manifest.IsArray());
  FrameCodec codec;
  for (const auto& vector : manifest.GetArray()) {
    const std::string name = vector["file"].GetString();
    SCOPED_TRACE(name);
    const std::string file = test::read_file(test::shared_file("vectors/zstd_seekable/" + name));
    if (vector["seek_table"].IsString()) {
      const std::string outcome = problem(file);
      if (name == "bad_reserved_bits.zst") {
        EXPECT_EQ(outcome, "seek table: reserved bits of its descriptor are set");
      } else if (name == "bad_csize_frame0.zst") {
        EXPECT_EQ(outcome, "seek table: frame 2 ends at byte 23990, behind the table's begin at 23989");
      } else {
        EXPECT_EQ(outcome, "no table");
      }
      continue;
    }
    SeekTable table;
    ASSERT_TRUE(decode(file, table));
    const auto& wanted = vector["seek_table"].GetArray();
    ASSERT_EQ(table.entries.size(), wanted.Size());
    std::uint64_t offset = 0;
    std::string plain;
    for (rapidjson::SizeType i = 0; i < wanted.Size(); ++i) {
      const SeekEntry& entry = table.entries[i];
      EXPECT_EQ(wanted[i]["coff"].GetUint64(), offset);
      EXPECT_EQ(wanted[i]["csize"].GetUint(), entry.stored_bytes);
      EXPECT_EQ(wanted[i]["dsize"].GetUint(), entry.plain_bytes);
      EXPECT_EQ(wanted[i]["xxh64_lo32"].IsString(), table.has_checksums);
      const std::string_view stored = std::string_view(file).substr(offset, entry.stored_bytes);
      offset += entry.stored_bytes;
      if (table.has_checksums) {
        EXPECT_EQ(std::stoul(wanted[i]["xxh64_lo32"].GetString(), nullptr, 16), entry.checksum);
      }
      if (read_u32(stored.data()) != 0xFD2FB528) continue;  // a skippable frame
      Buffer out;
      codec.decompress(stored, entry.plain_bytes, out);
      plain += out.view();
      const bool matches = !table.has_checksums || xxh64_low32(out.view()) == entry.checksum;
      EXPECT_EQ(matches, !(name == "bad_checksum_frame0.zst" && i == 0));
    }
    EXPECT_EQ(table.table_offset, offset);
    EXPECT_EQ(plain.size(), vector["plain_bytes"].GetUint64());
  }
}

std::string file_of(const std::vector<SeekEntry>& entries) {
  std::string file;
  for (const SeekEntry& entry : entries) file.append(entry.stored_bytes, 'f');
  return file + encode_seek_table(entries);
}

TEST(SeekTable, ReadsWhatItWrites) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<SeekEntry> entries(random() % 50);
    for (SeekEntry& entry : entries) {
      entry = {8 + static_cast<std::uint32_t>(random() % 100), static_cast<std::uint32_t>(random()),
               static_cast<std::uint32_t>(random())};
    }
    SeekTable table;
    ASSERT_TRUE(decode(file_of(entries), table));
    EXPECT_TRUE(table.has_checksums);
    ASSERT_EQ(table.entries.size(), entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      EXPECT_EQ(table.entries[i].stored_bytes, entries[i].stored_bytes);
      EXPECT_EQ(table.entries[i].plain_bytes, entries[i].plain_bytes);
      EXPECT_EQ(table.entries[i].checksum, entries[i].checksum);
    }
  }
}

TEST(SeekTable, ReadsMoreEntriesThanOnePieceHolds) {
  const std::vector<SeekEntry> entries(20'001, SeekEntry{9, 1, 2});
  SeekTable table;
  ASSERT_TRUE(decode(file_of(entries), table));
  EXPECT_EQ(table.entries.size(), 20'001u);
  EXPECT_EQ(table.table_offset, 180'009u);
}

TEST(SeekTable, RefusesEntriesThatDoNotAddUp) {
  const std::vector<SeekEntry> entries{{20, 100, 0}, {30, 100, 0}};
  ASSERT_EQ(problem(file_of(entries)), "sound");
  EXPECT_EQ(problem("x" + file_of(entries)), "seek table: its frames end at byte 50 but the table begins at 51");
  EXPECT_EQ(problem(file_of(entries).substr(1)), "seek table: frame 1 ends at byte 50, behind the table's begin at 49");
  std::string empty_frame = std::string(20, 'f') + encode_seek_table({{20, 1, 0}, {0, 0, 0}});
  EXPECT_EQ(problem(empty_frame), "seek table: entry 1 has 0 bytes, less than any frame");
}

TEST(SeekTable, LyingCountsAreRefusedBeforeMemoryIsTaken) {
  std::string file = file_of({{20, 100, 0}});
  const std::size_t count_at = file.size() - 9;
  const auto with_count = [&](std::uint32_t count) {
    std::string bytes;
    append_u32(bytes, count);
    std::string changed = file;
    changed.replace(count_at, 4, bytes);
    return problem(changed);
  };
  EXPECT_EQ(with_count(0xFFFFFFFF), "seek table: it claims 4294967295 frames, more than the format allows");
  EXPECT_EQ(with_count(1u << 27), "seek table: it claims 134217728 frames, more than the file of 49 bytes can hold");
  EXPECT_EQ(with_count(2), "seek table: its frame does not begin at byte 8 as its number of frames says");
  EXPECT_EQ(with_count(0), "seek table: its frame does not begin at byte 32 as its number of frames says");
}

TEST(SeekTable, FilesWithoutOneAreToldApart) {
  EXPECT_EQ(problem(""), "no table");
  EXPECT_EQ(problem("short"), "no table");
  EXPECT_EQ(problem(std::string(1000, 'x')), "no table");
  SeekTable table;
  EXPECT_TRUE(decode(encode_seek_table({}), table));
  EXPECT_EQ(table.table_offset, 0u);
}

TEST(SeekTable, DamagedTablesNeverCrash) {
  const std::string sound = file_of({{20, 100, 7}, {8, 0, 0}, {50, 99, 1}});
  std::mt19937 random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string file = sound;
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
      file[78 + random() % (file.size() - 78)] = static_cast<char>(random());
    }
    EXPECT_NE(problem(file), "");
  }
}

}  // namespace
}  // namespace bulk
