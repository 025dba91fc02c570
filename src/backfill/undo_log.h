// The undo log of a backfill (docs/backfill.md, "The undo log"): what touched attributes were, durably, before anything
// is written. A header, then blocks of change lines, each block a small skippable frame that says what it is and a zstd
// frame that any zstd reads.
//
// Blocks that are appended together are a group: its header has the length and a checksum of all of it, it is written
// and made durable before the next one is. So a group that is not whole is the last one, and nothing of it had been
// sent; when another group stands behind it, it is damaged.
//
// UndoLog appends; append() may be called by several threads.
// UndoLogReader reads a log from its beginning, one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "codecs/zstd_frame.h"
#include "io/file.h"

namespace bulk {

struct UndoHeader {
  std::string tool, job, checksum, target, target_id, key, started;
  friend bool operator==(const UndoHeader&, const UndoHeader&) = default;
};

// The change lines of one batch, or those that conflicts in it led to.
struct UndoBlock {
  std::uint32_t segment = 0;
  std::uint64_t batch = 0;  // number of the batch within its segment, over all runs of the work
  std::uint64_t records = 0;
  std::uint64_t plain_bytes = 0;
  std::string_view stored;  // the zstd frame
};

class UndoLog {
 public:
  // A new log. Error(refused) when there is one already.
  static std::unique_ptr<UndoLog> create(const std::string& path, const UndoHeader& header);
  // To go on with a log of which `sound_bytes` are sound (UndoLogReader::position() at its end); the rest is cut off.
  static std::unique_ptr<UndoLog> go_on(const std::string& path, std::uint64_t sound_bytes);
  explicit UndoLog(File file) : file_(std::move(file)) {}  // positioned at its end

  // Returns when the blocks are durable. Once it has thrown, it throws for every thread.
  void append(std::span<const UndoBlock> blocks);
  const std::string& path() const noexcept { return file_.path(); }
  // Whether this object has appended anything.
  bool appended();
  std::uint64_t size_bytes() const { return file_.size(); }
  // Error(failed) when the file has been removed or replaced: then there is no way back.
  void check_name() const;

 private:
  File file_;
  std::mutex mutex_;  // guards what follows, and the end of the file until it is durable
  std::uint64_t written_ = 0;
  bool broken_ = false;  // a group could not be written as a whole
};

class UndoLogReader {
 public:
  // Error(not_found) when there is none, Error(corrupt) when it does not begin as one.
  explicit UndoLogReader(const std::string& path);

  const UndoHeader& header() const noexcept { return header_; }
  std::uint64_t size_bytes() const noexcept { return size_; }

  // The next block, with its lines in `lines`. Nothing at the end of what is sound: see torn().
  std::optional<UndoBlock> next(Buffer& lines);
  // The end of the last block that next() has returned.
  std::uint64_t position() const noexcept { return position_; }
  // Whether there is something behind the last block that next() has returned, when there is no next one: a torn end,
  // of which nothing had been sent ...
  bool torn() const noexcept { return position_ != size_; }
  // ... or, because another group stands behind it, damage to what had been durable once.
  bool damaged() const;

 private:
  bool read_group();

  File file_;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
  UndoHeader header_;
  Buffer group_;  // blocks of the group being read
  std::size_t group_at_ = 0;
  FrameCodec codec_;
};

}  // namespace bulk
