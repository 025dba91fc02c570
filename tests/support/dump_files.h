// Dumps for tests: record lines, parts written through the real sink, and sources read to their end.
#pragma once

#include <algorithm>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "backends/dump/output.h"
#include "backends/dump/sink.h"
#include "backends/dump/store.h"
#include "backends/schema.h"
#include "codecs/item.h"
#include "codecs/lines.h"

namespace bulk::test {

inline std::string record_line(std::size_t number) {
  const std::string text = std::to_string(number);
  return R"({"Item":{"pk":{"S":"k)" + text + R"("},"x":{"N":")" + text + "\"}}}";
}

inline std::vector<std::string> record_lines(std::size_t count) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; ++i) lines.push_back(record_line(i));
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

inline void append_line(Batch& batch, const std::string& line) {
  Record record;
  record.offset = static_cast<std::uint32_t>(batch.bytes.size());
  record.length = static_cast<std::uint32_t>(line.size());
  ItemScanner scanner;
  ItemFacts facts;
  if (scanner.scan(item_of_line(line), facts)) record.digest = facts.digest;
  batch.bytes.append(line + "\n");
  batch.records.push_back(record);
}

// Writes `lines` in batches of `per_batch` and finishes.
inline void write_lines(Sink& sink, const std::vector<std::string>& lines, std::size_t per_batch) {
  const auto session = sink.open();
  for (std::size_t begin = 0; begin < lines.size(); begin += per_batch) {
    Batch batch;
    std::vector<RecordRef> records;
    for (std::size_t i = begin; i < std::min(lines.size(), begin + per_batch); ++i) append_line(batch, lines[i]);
    for (std::uint32_t i = 0; i < batch.records.size(); ++i) records.push_back({&batch, i});
    sink.encode(batch);
    session->write(records);
  }
  sink.finish();
}

inline WriteOptions part_options() {
  WriteOptions options;
  options.header.source = "memory:t";
  options.header.started = "2025-01-25T12:00:00Z";
  options.header.table.name = "t";
  options.header.schema_json = schema_from_key({{"pk", 'S'}, std::nullopt}).json;
  return options;
}

inline void write_part(const std::string& path, std::size_t records, std::size_t per_batch) {
  write_lines(*make_part_sink(make_file_output(path), part_options()), record_lines(records), per_batch);
}

// All lines of a source, segment by segment.
inline std::vector<std::string> read_lines(Source& source) {
  std::vector<std::string> lines;
  for (const Segment& segment : source.plan()) {
    const auto reader = source.open(segment, {});
    Batch batch;
    while (reader->read(batch)) {
      for (const Record& record : batch.records) lines.emplace_back(batch.line(record));
      batch.reset();
    }
  }
  return lines;
}

inline std::vector<std::string> read_lines(Store& store, const ReadOptions& options = {}) {
  return read_lines(*store.source(options));
}

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// The line of the Error that `run` throws, or "no error".
inline std::string error_line(const std::function<void()>& run, ErrorKind kind) {
  try {
    run();
  } catch (const Error& error) {
    if (error.kind() != kind) return "wrong kind of error: " + error.line();
    return error.line();
  }
  return "no error";
}

}  // namespace bulk::test
