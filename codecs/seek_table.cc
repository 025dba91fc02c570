#include "codecs/seek_table.h"

#include <algorithm>
#include <array>

#include "codecs/little_endian.h"
#include "io/error.h"

namespace bulk {

namespace {

constexpr std::uint32_t kTableMagic = 0x184D2A5E;
constexpr std::uint32_t kSeekableMagic = 0x8F92EAB1;
constexpr std::uint64_t kFrameHeaderBytes = 8;  // magic and size of a skippable frame
constexpr std::uint64_t kTailBytes = 9;         // number of frames, descriptor, magic
constexpr unsigned char kChecksumFlag = 0x80;
constexpr unsigned char kReservedBits = 0x7C;
constexpr std::uint64_t kMaxFrames = 1u << 27;  // of the reference writer
constexpr std::uint64_t kMinFrameBytes = 8;     // an empty skippable frame; no frame is shorter

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(ErrorKind::corrupt, "seek table: " + what);
}

}  // namespace

std::string encode_seek_table(const std::vector<SeekEntry>& entries) {
  if (entries.size() > kMaxFrames) {
    throw Error(ErrorKind::failed,
                "seek table: " + std::to_string(entries.size()) + " frames are too many for one file",
                "split the dump into several parts");
  }
  std::string out;
  out.reserve(kFrameHeaderBytes + entries.size() * 12 + kTailBytes);
  append_u32(out, kTableMagic);
  append_u32(out, static_cast<std::uint32_t>(entries.size() * 12 + kTailBytes));
  for (const SeekEntry& entry : entries) {
    append_u32(out, entry.stored_bytes);
    append_u32(out, entry.plain_bytes);
    append_u32(out, entry.checksum);
  }
  append_u32(out, static_cast<std::uint32_t>(entries.size()));
  out += static_cast<char>(kChecksumFlag);
  append_u32(out, kSeekableMagic);
  return out;
}

bool decode_seek_table(std::uint64_t file_bytes, const ReadAt& read_at, SeekTable& table) {
  table = {};
  if (file_bytes < kFrameHeaderBytes + kTailBytes) return false;
  std::array<char, kTailBytes> tail;
  read_at(file_bytes - kTailBytes, tail.data(), tail.size());
  if (read_u32(&tail[5]) != kSeekableMagic) return false;

  const auto descriptor = static_cast<unsigned char>(tail[4]);
  if ((descriptor & kReservedBits) != 0) corrupt("reserved bits of its descriptor are set");
  table.has_checksums = (descriptor & kChecksumFlag) != 0;
  const std::uint64_t frames = read_u32(tail.data());
  const std::size_t entry_bytes = table.has_checksums ? 12 : 8;
  if (frames > kMaxFrames) corrupt("it claims " + std::to_string(frames) + " frames, more than the format allows");
  const std::uint64_t payload_bytes = frames * entry_bytes + kTailBytes;
  if (payload_bytes + kFrameHeaderBytes > file_bytes) {
    corrupt("it claims " + std::to_string(frames) + " frames, more than the file of " + std::to_string(file_bytes) +
            " bytes can hold");
  }
  table.table_offset = file_bytes - payload_bytes - kFrameHeaderBytes;

  std::array<char, kFrameHeaderBytes> head;
  read_at(table.table_offset, head.data(), head.size());
  if (read_u32(head.data()) != kTableMagic || read_u32(&head[4]) != payload_bytes) {
    corrupt("its frame does not begin at byte " + std::to_string(table.table_offset) + " as its number of frames says");
  }

  // Read in pieces, and every frame takes 8 bytes of the file: a table that lies about its length fails at the first
  // entry that does not fit, before it has cost memory.
  std::vector<char> piece(std::min<std::uint64_t>(frames, 8192) * entry_bytes);
  std::uint64_t end = 0;  // of the frames seen so far
  for (std::uint64_t first = 0; first < frames;) {
    const std::uint64_t count = std::min<std::uint64_t>(frames - first, 8192);
    read_at(table.table_offset + kFrameHeaderBytes + first * entry_bytes, piece.data(), count * entry_bytes);
    for (std::uint64_t i = 0; i < count; ++i) {
      const char* at = piece.data() + i * entry_bytes;
      SeekEntry entry{read_u32(at), read_u32(at + 4), table.has_checksums ? read_u32(at + 8) : 0};
      if (entry.stored_bytes < kMinFrameBytes) {
        corrupt("entry " + std::to_string(first + i) + " has " + std::to_string(entry.stored_bytes) +
                " bytes, less than any frame");
      }
      end += entry.stored_bytes;
      if (end > table.table_offset) {
        corrupt("frame " + std::to_string(first + i) + " ends at byte " + std::to_string(end) +
                ", behind the table's begin at " + std::to_string(table.table_offset));
      }
      table.entries.push_back(entry);
    }
    first += count;
  }
  if (end != table.table_offset) {
    corrupt("its frames end at byte " + std::to_string(end) + " but the table begins at " +
            std::to_string(table.table_offset));
  }
  return true;
}

}  // namespace bulk
