// The zstd seekable format 0.1.0: the table of frames that ends a file. Pure functions over bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bulk {

struct SeekEntry {
  std::uint32_t stored_bytes = 0;
  std::uint32_t plain_bytes = 0;
  std::uint32_t checksum = 0;  // meaningful when the table has checksums
};

struct SeekTable {
  std::vector<SeekEntry> entries;
  bool has_checksums = false;
  std::uint64_t table_offset = 0;  // where the table's own frame begins = sum of stored_bytes
};

// The table as its skippable frame.
std::string encode_seek_table(const std::vector<SeekEntry>& entries);

// Reads the table of a file of `file_bytes`; `read_at(offset, into, length)` delivers its bytes.
// Returns false when the file does not end in the seekable magic number (it may still be any zstd file).
// Throws Error(corrupt) when it does and the table is not sound: sizes are checked against the file before memory is
// taken.
using ReadAt = std::function<void(std::uint64_t offset, char* into, std::size_t length)>;
bool decode_seek_table(std::uint64_t file_bytes, const ReadAt& read_at, SeekTable& table);

}  // namespace bulk
