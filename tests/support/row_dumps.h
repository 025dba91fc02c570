// Dumps of rows for tests: tables, their lines, and folders written through the real sink.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/dump/folder_sink.h"
#include "codecs/digest.h"
#include "tests/support/dump_files.h"

namespace bulk::test {

// Tables t0, t1, ... of the schema public, with an id that is their key and a text.
inline RowSchema row_schema(std::size_t tables) {
  RowSchema schema;
  schema.server = "15.18";
  schema.database = "shop";
  for (std::size_t i = 0; i < tables; ++i) {
    RowTable table;
    table.schema = "public";
    table.name = "t" + std::to_string(i);
    table.columns = {{"id", "bigint", RowKind::number}, {"name", "text", RowKind::text}};
    table.primary_key = {"id"};
    schema.tables.push_back(std::move(table));
  }
  return schema;
}

inline WriteOptions folder_options(const RowSchema& schema) {
  WriteOptions options;
  options.header.tool = "bulk 0.1.0";
  options.header.dialect = kRowsDialect;
  options.header.started = "2025-01-25T12:00:00Z";
  options.header.source = "postgresql://db.example/shop";
  options.header.stage = "pr-5";
  options.header.table = {schema.database, "7/16384", "", ""};
  options.header.schema_json = encode_row_schema(schema);
  options.consistent_source = true;
  options.rows = std::make_shared<const RowSchema>(schema);
  return options;
}

inline std::string row_line(std::size_t table, std::size_t number) {
  return R"({"id":)" + std::to_string(number) + R"(,"name":"row )" + std::to_string(number) + " of " +
         std::to_string(table) + "\"}";
}

inline std::vector<std::string> row_lines(std::size_t table, std::size_t begin, std::size_t end) {
  std::vector<std::string> lines;
  for (std::size_t i = begin; i < end; ++i) lines.push_back(row_line(table, i));
  return lines;
}

// One batch, the rows [begin, end) of a table.
inline void write_rows(Sink& sink, SinkSession& session, std::uint32_t table, std::size_t begin, std::size_t end) {
  Batch batch;
  batch.table = table;
  batch.segment = table;
  for (const std::string& line : row_lines(table, begin, end)) {
    Record record;
    record.offset = static_cast<std::uint32_t>(batch.bytes.size());
    record.length = static_cast<std::uint32_t>(line.size());
    record.digest = hash128(line);
    batch.bytes.append(line + "\n");
    batch.records.push_back(record);
  }
  std::vector<RecordRef> records;
  for (std::uint32_t i = 0; i < batch.records.size(); ++i) records.push_back({&batch, i});
  sink.encode(batch);
  session.write(records);
}

// A folder in which table i has 10 * i rows, in frames of ten.
inline void write_folder(const std::string& path, const RowSchema& schema, const Stop& stop) {
  const auto sink = make_folder_sink(path, folder_options(schema), stop);
  const auto session = sink->open();
  for (std::uint32_t table = 0; table < schema.tables.size(); ++table) {
    for (std::size_t i = 0; i < table; ++i) write_rows(*sink, *session, table, 10 * i, 10 * i + 10);
  }
  sink->finish();
}

}  // namespace bulk::test
