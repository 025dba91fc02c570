// Reading a whole part for the fuzz targets, as a file and as a stream, into plain lines. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "backends/dump/part_source.h"
#include "io/stop.h"
#include "tests/fuzz/target.h"

namespace bulk::fuzz {

inline ReadOptions small_reads() {
  ReadOptions options;
  options.batch_bytes = 1u << 20;
  options.max_record_bytes = 1u << 20;
  return options;
}

// All lines, when everything that a reader checks is sound and the totals are those of the footer.
inline std::optional<std::string> lines_of(Source& source) {
  std::string lines;
  std::uint64_t records = 0;
  for (const Segment& segment : source.plan()) {
    const auto reader = source.open(segment, {});
    Batch batch;
    while (reader->read(batch)) {
      lines += batch.bytes.view();
      records += batch.records.size();
      batch.reset();
    }
  }
  const std::optional<ExpectedTotals> expected = source.expected();
  HOLDS(expected);
  if (expected->records != records || expected->raw_bytes != lines.size()) return std::nullopt;
  return lines;
}

// Nothing: the bytes are no part, or not a sound one.
inline std::optional<std::string> read_part_file(std::string_view bytes) {
  std::optional<std::string> lines;
  // `failed` is a frame that is larger than the buffers.
  accepted({ErrorKind::corrupt, ErrorKind::usage, ErrorKind::failed}, [&] {
    File file = memory_file(bytes);
    if (!PartFile::recognise(file)) return;
    const auto part = std::make_shared<const PartFile>(std::move(file));
    lines = lines_of(*make_part_source(part, small_reads()));
  });
  return lines;
}

inline std::optional<std::string> read_part_stream(std::string_view bytes) {
  std::optional<std::string> lines;
  const Stop stop;
  accepted({ErrorKind::corrupt, ErrorKind::usage, ErrorKind::failed}, [&] {
    auto input = std::make_shared<ByteInput>(memory_file(bytes), stop);
    if (detect_kind(*input) != InputKind::part) return;
    const DumpHeader header = read_stream_header(*input);
    lines = lines_of(*make_part_stream_source(std::move(input), header.distinct_keys, small_reads()));
  });
  return lines;
}

}  // namespace bulk::fuzz
