// Files made to hurt, out of a few bytes: zstd frames that repeat one byte for gigabytes, and dump parts put together
// by hand, whose header, footer, frames and seek table may each say what is not so.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codecs/dump_part.h"
#include "codecs/little_endian.h"
#include "codecs/seek_table.h"
#include "codecs/zstd_frame.h"

namespace bulk::test {

// One zstd frame: `text`, then `count` times `byte`: 4 bytes for 128 KiB of it. `claimed` is the size that its header
// states.
inline std::string bomb(const std::string& text, char byte, std::uint64_t count, std::uint64_t claimed) {
  constexpr std::uint32_t kBlock = 128u << 10;
  enum : std::uint32_t { raw_block = 0, repeated_byte = 2, last_block = 1 };
  std::string frame;
  append_u32(frame, 0xFD2FB528);
  frame += '\xC0';  // a content size of 8 bytes, no checksum
  frame += '\x38';  // a window of 128 KiB
  append_u32(frame, static_cast<std::uint32_t>(claimed));
  append_u32(frame, static_cast<std::uint32_t>(claimed >> 32));
  const auto block = [&frame](std::uint32_t kind, std::uint64_t size) {
    const auto head = static_cast<std::uint32_t>(size << 3) | kind;
    for (unsigned shift = 0; shift < 24; shift += 8) frame += static_cast<char>(head >> shift);
  };
  block(raw_block, text.size());
  frame += text;
  for (; count > kBlock; count -= kBlock) {
    block(repeated_byte, kBlock);
    frame += byte;
  }
  block(repeated_byte | last_block, count);
  frame += byte;
  return frame;
}
inline std::string bomb(const std::string& text, char byte, std::uint64_t count) {
  return bomb(text, byte, count, text.size() + count);
}

struct Frame {
  std::string stored;
  std::uint32_t plain_bytes = 0;
};

struct Part {
  DumpHeader header;
  DumpFooter footer;
  std::vector<Frame> frames;
  std::vector<SeekEntry> entries;  // after bytes(): of header, frames and footer

  Part() {
    header.dialect = "dynamodb-json";
    header.source = "dynamodb://table";
    header.schema_json =
        R"({"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]})";
  }
  std::string body() {
    std::string bytes = encode_header(header);
    entries = {{static_cast<std::uint32_t>(bytes.size()), 0, xxh64_low32("")}};
    for (const Frame& frame : frames) {
      footer.raw_bytes += frame.plain_bytes;
      footer.frame_hashes.push_back(sha256(frame.stored));
      entries.push_back({static_cast<std::uint32_t>(frame.stored.size()), frame.plain_bytes, 0});
      bytes += frame.stored;
    }
    const std::string end = encode_footer(footer);
    entries.push_back({static_cast<std::uint32_t>(end.size()), 0, xxh64_low32("")});
    return bytes + end;
  }
  std::string bytes() {
    const std::string front = body();
    return front + encode_seek_table(entries);
  }
};

}  // namespace bulk::test
