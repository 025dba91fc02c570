#include "src/backfill/undo_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <set>
#include <thread>

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

const std::vector<Block> kBlocks{{0, 0, 2, "one\ntwo\n"},
                                 {4294967295, 18446744073709551615u, 1, "three\n"},
                                 {1, 7, 3, std::string(100'000, 'x') + "\n"}};

class UndoLogFile : public testing::Test {
 protected:
  test::TempDir dir_;
  const std::string path_ = dir_.file("j.undo.jsonl.zst");
};

TEST_F(UndoLogFile, GivesBackWhatWasAppended) {
  const auto log = UndoLog::create(path_, kHeader);
  EXPECT_EQ(log->path(), path_);
  const UndoLogReader empty(path_);
  EXPECT_EQ(empty.header(), kHeader);
  EXPECT_FALSE(empty.torn());
  append(*log, {});
  append(*log, {kBlocks[0]});
  append(*log, {kBlocks[1], kBlocks[2]});
  const Content content = read_all(path_);
  EXPECT_EQ(content.blocks, kBlocks);
  EXPECT_FALSE(content.torn);
  EXPECT_EQ(content.ends.back(), std::filesystem::file_size(path_));
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0600u);
}

// `zstdcat LOG` shows the lines and nothing else.
TEST_F(UndoLogFile, IsAFileOfZstdFrames) {
  append(*UndoLog::create(path_, kHeader), kBlocks);
  const std::string bytes = test::read_file(path_);
  ZstdStream stream;
  Buffer lines;
  for (std::string_view rest = bytes; !rest.empty();) stream.push(rest, lines, 1u << 20);
  EXPECT_TRUE(stream.at_frame_end());
  EXPECT_EQ(lines.view(), kBlocks[0].lines + kBlocks[1].lines + kBlocks[2].lines);
}

TEST_F(UndoLogFile, IsNeverMadeOverAnother) {
  UndoLog::create(path_, kHeader);
  try {
    UndoLog::create(path_, kHeader);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.line(), "'" + path_ + "' exists");
  }
}

TEST_F(UndoLogFile, EndsBeforeATornBlockAndGoesOnThere) {
  {
    const auto log = UndoLog::create(path_, kHeader);
    append(*log, {kBlocks[0]});
    append(*log, {kBlocks[1], kBlocks[0]});
  }
  const std::string whole = test::read_file(path_);
  const std::uint64_t sound = read_all(path_).ends.front();
  const Block next{2, 3, 1, "four\n"};
  for (std::size_t length = sound; length < whole.size(); ++length) {
    write_file(path_, std::string_view(whole).substr(0, length));
    const Content torn = read_all(path_);
    ASSERT_EQ(torn.blocks, std::vector<Block>{kBlocks[0]}) << "cut to " << length;
    EXPECT_EQ(torn.torn, length > sound);
    EXPECT_FALSE(torn.damaged) << "cut to " << length;
    if (length % 4 != 0 && length > sound + 1 && length + 1 < whole.size()) continue;  // each waits for the disk
    append(*UndoLog::go_on(path_, torn.ends.back()), {next});
    const Content gone_on = read_all(path_);
    EXPECT_EQ(gone_on.blocks, (std::vector<Block>{kBlocks[0], next})) << "cut to " << length;
    EXPECT_FALSE(gone_on.torn);
  }
}

TEST_F(UndoLogFile, TakesBlocksFromSeveralThreads) {
  constexpr unsigned kThreads = 8, kBlocksEach = 25;
  {
    const auto log = UndoLog::create(path_, kHeader);
    std::vector<std::jthread> threads;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&log, thread] {
        for (unsigned batch = 0; batch < kBlocksEach; ++batch) {
          const std::string line = std::to_string(thread) + "/" + std::to_string(batch) + "\n";
          append(*log, {{thread, batch, 1, line}, {thread, batch, 2, line + line}});
        }
      });
    }
  }
  const Content content = read_all(path_);
  EXPECT_FALSE(content.torn);
  ASSERT_EQ(content.blocks.size(), 2u * kThreads * kBlocksEach);
  std::vector<std::uint64_t> next(kThreads, 0);
  for (std::size_t i = 0; i < content.blocks.size(); i += 2) {
    const Block& first = content.blocks[i];
    const std::string line = std::to_string(first.segment) + "/" + std::to_string(first.batch) + "\n";
    EXPECT_EQ(first, (Block{first.segment, next.at(first.segment)++, 1, line}));
    EXPECT_EQ(content.blocks[i + 1], (Block{first.segment, first.batch, 2, line + line})) << "what comes together "
                                                                                             "stays together";
  }
}

// A full disk for as long as it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : former_signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &former_);
    const rlimit limit{bytes, former_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &former_);
    std::signal(SIGXFSZ, former_signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;

 private:
  rlimit former_{};
  void (*former_signal_)(int);
};

TEST_F(UndoLogFile, TakesNothingMoreBehindABlockThatWasCutOff) {
  const auto log = UndoLog::create(path_, kHeader);
  append(*log, {kBlocks[0]});
  {
    const FileSizeLimit full(std::filesystem::file_size(path_) + 20);
    EXPECT_THROW(append(*log, {kBlocks[1]}), Error);
  }
  try {
    append(*log, {kBlocks[1]});
    FAIL() << "it would never be read";
  } catch (const Error& error) {
    EXPECT_EQ(error.line(), "nothing more can be added to '" + path_ + "': it ends within a block");
  }
  const Content content = read_all(path_);
  EXPECT_EQ(content.blocks, std::vector<Block>{kBlocks[0]});
  EXPECT_TRUE(content.torn);
}

TEST_F(UndoLogFile, SaysWhenItIsGone) {
  const auto log = UndoLog::create(path_, kHeader);
  EXPECT_FALSE(log->appended());
  append(*log, {kBlocks[0]});
  EXPECT_TRUE(log->appended());
  EXPECT_EQ(log->size_bytes(), std::filesystem::file_size(path_));
  log->check_name();
  std::filesystem::remove(path_);
  UndoLog::create(path_, kHeader);
  const auto error = [](const auto& run) {
    try {
      run();
    } catch (const Error& error) {
      return error.line();
    }
    return std::string("no error");
  };
  const std::string gone = "the undo log '" + path_ +
                           "' is gone: what this job has changed so far cannot be taken back; put it back if you can; "
                           "restore a backup otherwise";
  EXPECT_EQ(error([&] { log->check_name(); }), gone);
  EXPECT_EQ(error([&] { append(*log, {kBlocks[1]}); }), gone);
}

}  // namespace
}  // namespace bulk
