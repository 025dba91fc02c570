// What is known of a part that is not finished: the `sink` object of a journal's entries (docs/journal.md), as a value,
// as text and back, and the comparison of a partial file with it. An entry says what is durable of the file and which
// frames were added since the entry before; all of them together are enough to go on writing, without a look into the
// frames.
//
// Everything here is pure but verify_kept(), which reads. The text is hostile input: nothing in it is believed before
// it was compared with the rest, and what it takes in memory is bounded by its length.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "codecs/dump_part.h"
#include "codecs/seek_table.h"
#include "io/file.h"
#include "io/stop.h"

namespace bulk {

// The footer has to stay readable: its hashes are 32 bytes a frame.
inline constexpr std::size_t kMostFrames = (kMaxMetadataBytes - (8u << 20)) / sizeof(Sha256);

// A data frame of a part in the making.
struct ProgressFrame {
  SeekEntry entry;
  Sha256 sha256{};
  std::uint32_t segment = 0;
  std::uint64_t records = 0;
  Digest digest;  // of its records
};

struct PartProgress {
  std::uint64_t bytes = 0;         // length of the file up to the end of its last whole frame
  std::uint64_t header_bytes = 0;  // stored length of the header frame; 0: an earlier entry has it
  std::vector<ProgressFrame> frames;
};

std::string encode_progress(const PartProgress& progress);

// One entry. Throws Error(corrupt) with what is wrong.
PartProgress decode_progress(std::string_view json);

// All entries of a journal as one: header and all frames, whose lengths add up to `bytes`. Throws Error(corrupt) with
// the number of the entry (from 1) and what is wrong.
PartProgress join_progress(std::span<const std::string> entries);

// Reads what is to stay of a partial file, one frame at a time. Throws Error(corrupt) "PATH: frame 3 of 7 at byte 4711:
// ..." (counted from 1), or what `stop` was stopped with.
void verify_kept(const File& file, const PartProgress& kept, const Stop& stop);

}  // namespace bulk
