// Undo logs that are not as they were written.
#include "src/backfill/undo_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <fstream>

#include "codecs/little_endian.h"
#include "io/error.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

const UndoHeader kHeader{"bulk 1",
                         "add-location",
                         "00ff",
                         "dynamodb://t?region=\"x\"",
                         "arn 7",
                         R"([{"name":"pk"}])",
                         "2025-01-25T12:00:00Z"};

struct Block {
  std::uint32_t segment;
  std::uint64_t batch;
  std::uint64_t records;
  std::string lines;
  friend bool operator==(const Block&, const Block&) = default;
};

std::ostream& operator<<(std::ostream& out, const Block& block) {
  return out << block.segment << "/" << block.batch << ": " << block.lines;
}

void append(UndoLog& log, const std::vector<Block>& blocks) {
  FrameCodec codec;
  std::vector<Buffer> frames(blocks.size());
  std::vector<UndoBlock> stored;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    codec.compress(blocks[i].lines, frames[i]);
    stored.push_back({blocks[i].segment, blocks[i].batch, blocks[i].records, blocks[i].lines.size(), frames[i].view()});
  }
  log.append(stored);
}

struct Content {
  std::vector<Block> blocks;
  std::vector<std::uint64_t> ends;
  bool torn = false;
  bool damaged = false;
};

Content read_all(const std::string& path) {
  UndoLogReader reader(path);
  Content content;
  Buffer lines;
  while (const std::optional<UndoBlock> block = reader.next(lines)) {
    content.blocks.push_back({block->segment, block->batch, block->records, std::string(lines.view())});
    content.ends.push_back(reader.position());
    EXPECT_EQ(block->plain_bytes, lines.size());
  }
  content.torn = reader.torn();
  content.damaged = reader.damaged();
  return content;
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string error_of(const std::string& path, ErrorKind kind) {
  try {
    const UndoLogReader reader(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.line();
  }
  return "no error";
}

const std::vector<Block> kBlocks{{0, 0, 2, "one\ntwo\n"},
                                 {4294967295, 18446744073709551615u, 1, "three\n"},
                                 {1, 7, 3, std::string(100'000, 'x') + "\n"}};

class UndoLogDamage : public testing::Test {
 protected:
  test::TempDir dir_;
  const std::string path_ = dir_.file("j.undo.jsonl.zst");
};

TEST_F(UndoLogDamage, ReadsNothingBehindDamageAndTellsItFromATornEnd) {
  {
    const auto log = UndoLog::create(path_, kHeader);
    for (const std::size_t block : {0, 1, 0}) append(*log, {kBlocks[block]});
  }
  const std::string whole = test::read_file(path_);
  const Content sound = read_all(path_);
  for (std::size_t at = sound.ends[0]; at < sound.ends[1]; ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    write_file(path_, bytes);
    const Content content = read_all(path_);
    if (content.blocks == sound.blocks) continue;  // the number of blocks in a group is for people
    EXPECT_EQ(content.blocks, std::vector<Block>{kBlocks[0]}) << "byte " << at;
    EXPECT_TRUE(content.torn && content.damaged) << "byte " << at;
  }
}

// What looks like the beginning of a group may itself be cut off.
TEST_F(UndoLogDamage, TakesAGroupThatOnlyBeginsForNoProofOfDamage) {
  UndoLog::create(path_, kHeader);
  const std::string header = test::read_file(path_);
  std::string magic;
  append_u32(magic, 0x184D2A58);
  for (std::size_t length = 0; length < 30; ++length) {
    write_file(path_, header + std::string(length, 'x') + magic);
    EXPECT_FALSE(read_all(path_).damaged) << length;
    write_file(path_, header + std::string(length, 'x') + magic + "1234{\"blocks\"");
    EXPECT_FALSE(read_all(path_).damaged) << length;
    write_file(path_, header + std::string(length, 'x') + magic + "1234{\"blocks\":");
    EXPECT_EQ(read_all(path_).damaged, length > 0) << length;
  }
}

// The search goes over the rest in pieces of a mebibyte.
TEST_F(UndoLogDamage, FindsAGroupBehindLongDamage) {
  const auto log = UndoLog::create(path_, kHeader);
  const std::uint64_t begin = log->size_bytes();
  append(*log, {kBlocks[0]});
  const std::string whole = test::read_file(path_);
  for (const std::size_t length : {(1u << 20) - 20, (1u << 20) - 10, (1u << 20) - 1, 1u << 20, (1u << 20) + 1}) {
    write_file(path_, whole.substr(0, begin) + std::string(length, '\0') + whole.substr(begin));
    EXPECT_TRUE(read_all(path_).damaged) << length;
  }
}

std::string frame(std::uint32_t magic, std::string_view payload) {
  std::string bytes;
  append_u32(bytes, magic);
  append_u32(bytes, static_cast<std::uint32_t>(payload.size()));
  return bytes.append(payload);
}

constexpr std::uint32_t kLogMagic = 0x184D2A56, kBlockMagic = 0x184D2A57, kGroupMagic = 0x184D2A58;

std::string group(std::string_view body) {
  return frame(kGroupMagic, fmt::format(R"({{"blocks":1,"bytes":{},"check":"{:016x}"}})", body.size(),
                                        XXH64(body.data(), body.size(), 0))) +
         std::string(body);
}

TEST_F(UndoLogDamage, SaysWhatIsWrongWithItsBeginning) {
  const std::string no_log = "'" + path_ + "' is no undo log: ";
  EXPECT_EQ(error_of(path_, ErrorKind::not_found), "no file '" + path_ + "'");
  write_file(path_, "");
  EXPECT_EQ(error_of(path_, ErrorKind::corrupt), no_log + "it is too short");
  write_file(path_, frame(kBlockMagic, R"({"bulk":"undo","format":1})"));
  EXPECT_EQ(error_of(path_, ErrorKind::corrupt), no_log + "it does not begin as one");
  std::string huge;
  append_u32(huge, kLogMagic);
  append_u32(huge, 0xffffffff);
  write_file(path_, huge + "{}");
  EXPECT_EQ(error_of(path_, ErrorKind::corrupt), no_log + "it does not begin as one");
  for (const char* header : {"", "[]", R"({"bulk":"dump","format":1})", R"({"bulk":"undo"})",
                             R"({"bulk":"undo","format":"1"})", R"({"bulk":"undo","format":1,})"}) {
    write_file(path_, frame(kLogMagic, header));
    EXPECT_EQ(error_of(path_, ErrorKind::corrupt), no_log + "its header is damaged") << header;
  }
  write_file(path_, frame(kLogMagic, R"({"bulk":"undo","format":2})"));
  EXPECT_EQ(error_of(path_, ErrorKind::usage),
            "'" + path_ + "' has format 2, this program reads format 1; use a newer version of bulk");
}

TEST_F(UndoLogDamage, DoesNotBelieveHostileSizes) {
  UndoLog::create(path_, kHeader);
  const std::string header = test::read_file(path_);
  FrameCodec codec;
  Buffer zstd;
  codec.compress("x\n", zstd);
  const std::string stored(zstd.view());
  const auto block = [&](const std::string& facts) { return group(frame(kBlockMagic, "{" + facts + "}") + stored); };
  const std::string good = fmt::format(R"("segment":0,"batch":0,"records":1,"bytes":2,"stored":{})", stored.size());
  write_file(path_, header + block(good));
  ASSERT_EQ(read_all(path_).blocks.size(), 1u);
  const std::string rest = fmt::format(R"(,"stored":{})", stored.size());
  for (const std::string& facts : {
           std::string(R"("segment":0,"batch":0,"records":1,"bytes":2,"stored":18446744073709551615)"),
           std::string(R"("segment":0,"batch":0,"records":1,"bytes":2,"stored":0)"),
           R"("segment":0,"batch":0,"records":1,"bytes":1000000000)" + rest,
           R"("segment":0,"batch":0,"records":1,"bytes":18446744073709551615)" + rest,
           R"("segment":0,"batch":0,"records":1,"bytes":1)" + rest,
           R"("segment":4294967296,"batch":0,"records":1,"bytes":2)" + rest,
           R"("segment":-1,"batch":0,"records":1,"bytes":2)" + rest,
           R"("segment":0,"batch":0,"bytes":2)" + rest,
       }) {
    write_file(path_, header + block(facts));
    const Content content = read_all(path_);
    EXPECT_TRUE(content.blocks.empty()) << facts;
    EXPECT_TRUE(content.torn) << facts;
  }
  for (const std::string& facts : {
           std::string(R"({"blocks":1,"bytes":18446744073709551615,"check":"0000000000000000"})"),
           std::string(R"({"blocks":1,"bytes":1073741825,"check":"0000000000000000"})"),
           std::string(R"({"blocks":1,"bytes":0,"check":"ef46db3751d8e999"})"),
           std::string(R"({"blocks":1,"check":"ef46db3751d8e999"})"),
           std::string(R"({"blocks":1,"bytes":"0","check":"ef46db3751d8e999"})"),
           "{\"blocks\":1,\"bytes\":0,\"check\":\"ef46db3751d8e999\"" + std::string(5'000, ' ') + "}",
       }) {
    write_file(path_, header + frame(kGroupMagic, facts));
    EXPECT_TRUE(read_all(path_).torn) << facts;
  }
  for (const std::uint32_t magic : {kBlockMagic, kGroupMagic}) {
    std::string huge = header;
    append_u32(huge, magic);
    append_u32(huge, 0xffffffff);
    write_file(path_, huge);
    EXPECT_TRUE(read_all(path_).torn);
  }
}

}  // namespace
}  // namespace bulk
