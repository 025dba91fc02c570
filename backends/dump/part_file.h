// A part of a dump on disk, read at any place: opened with everything checked that can be checked without reading the
// frames (docs/format.md, "What a reader checks", 1 and 2), frames one by one with all their checks (3). This is also
// what `bulk inspect` shows. Immutable once open: read_frame() may be called from many threads, each with its own codec
// and buffers.
#pragma once

#include <string>
#include <vector>

#include "codecs/dump_part.h"
#include "codecs/seek_table.h"
#include "codecs/zstd_frame.h"
#include "io/error.h"
#include "io/file.h"

namespace bulk {

struct PartFrame {
  std::uint64_t offset = 0;
  std::uint32_t stored_bytes = 0;
  std::uint32_t plain_bytes = 0;
  std::uint32_t checksum = 0;
  Sha256 sha256{};
};

// Scratch memory of one thread that reads frames.
struct FrameScratch {
  FrameCodec codec;
  Buffer stored;
};

class PartFile {
 public:
  // True when a file begins as a part does, or ends as one does and has lost its beginning.
  static bool recognise(const File& file);

  // Throws Error(corrupt) that says where.
  explicit PartFile(File file);

  const std::string& path() const noexcept { return file_.path(); }
  std::uint64_t stored_bytes() const noexcept { return file_bytes_; }
  const DumpHeader& header() const noexcept { return header_; }
  const DumpFooter& footer() const noexcept { return footer_; }
  const std::vector<PartFrame>& frames() const noexcept { return frames_; }

  // The lines of frame `index` (from 0) into `plain` (replaced).
  // Throws Error(corrupt) "PATH, frame 3 of 7 at byte 4711: ..." (counted from 1).
  void read_frame(std::size_t index, FrameScratch& scratch, Buffer& plain) const;
  // Which of all parts it is: the SHA-256, as hex digits, of the file's length (u64), the header's and the footer's
  // payload. Binds every frame by the footer's hashes. Reads header and footer again.
  std::string fingerprint() const;
  // For the table of `bulk inspect`: is the frame stored as it was written?
  bool sha256_matches(std::size_t index, Buffer& scratch) const;

 private:
  void read_metadata();
  std::string header_payload() const;
  std::string footer_payload() const;
  std::string where(std::size_t index) const;

  File file_;
  std::uint64_t file_bytes_ = 0;
  SeekEntry header_entry_, footer_entry_;
  std::uint64_t footer_offset_ = 0;
  DumpHeader header_;
  DumpFooter footer_;
  std::vector<PartFrame> frames_;
};

// An Error(corrupt) about a part, with what can still be done.
Error corrupt_part(const std::string& path, const std::string& what);

}  // namespace bulk
