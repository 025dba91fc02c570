// Small dumps for tests of what only looks at metadata: docs/format.md put together by hand, with one frame or none.
#pragma once

#include <fstream>
#include <string>

#include "codecs/dump_part.h"
#include "codecs/seek_table.h"
#include "codecs/zstd_frame.h"

namespace bulk::test {

// A dump whose only frame holds `lines` (each ended by a newline; empty: no frame), `records` of them.
inline void write_small_dump(const std::string& path, const DumpHeader& header, const std::string& lines,
                             std::uint64_t records) {
  DumpFooter footer;
  footer.ended = header.started;
  footer.records = records;
  footer.raw_bytes = lines.size();
  footer.segments[0] = {records, footer.digest};
  std::vector<SeekEntry> entries;
  std::string file = encode_header(header);
  const std::uint32_t of_nothing = xxh64_low32("");
  entries.push_back({static_cast<std::uint32_t>(file.size()), 0, of_nothing});
  if (!lines.empty()) {
    FrameCodec codec;
    Buffer frame;
    codec.compress(lines, frame);
    footer.frame_hashes.push_back(sha256(frame.view()));
    entries.push_back(
        {static_cast<std::uint32_t>(frame.size()), static_cast<std::uint32_t>(lines.size()), xxh64_low32(lines)});
    file += frame.view();
  }
  const std::string end = encode_footer(footer);
  entries.push_back({static_cast<std::uint32_t>(end.size()), 0, of_nothing});
  file += end + encode_seek_table(entries);
  std::ofstream(path, std::ios::binary) << file;
}

inline DumpHeader small_header(const std::string& stage, const std::string& table, const std::string& started) {
  DumpHeader header;
  header.tool = "bulk 0.1.0";
  header.dialect = "dynamodb-json";
  header.started = started;
  header.source = "dynamodb://" + table;
  header.stage = stage;
  header.table.name = table;
  return header;
}

inline void write_empty_dump(const std::string& path, const std::string& stage, const std::string& table,
                             const std::string& started) {
  write_small_dump(path, small_header(stage, table, started), "", 0);
}

}  // namespace bulk::test
