// For tests of loads: tables of a real server as the schema of a dump, batches of lines, and a session driven as the
// write stage drives one.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/postgres/sink.h"
#include "backends/postgres/target_table.h"
#include "tests/support/postgres_fixture.h"

namespace bulk::test {

class LoadTest : public PostgresTest {
 protected:
  using Outcome = WriteResult::Outcome;
  using Rejects = std::vector<std::pair<std::string, std::string>>;  // line, reason

  static RowKind kind_of(const std::string& type) {
    if (type == "jsonb") return RowKind::json;
    if (type == "boolean") return RowKind::boolean;
    for (const char* number : {"integer", "bigint", "smallint", "numeric", "real", "double precision"}) {
      if (type.starts_with(number)) return RowKind::number;
    }
    return RowKind::text;
  }

  void SetUp() override {
    PostgresTest::SetUp();
    if (!IsSkipped()) sql("SET search_path = public");
  }

  // As a dump of these tables would have it.
  RowSchema schema_of(const std::vector<PgName>& names) {
    RowSchema schema;
    for (const std::optional<TargetTable>& table : look_at_targets(*connect(), names)) {
      RowTable row{table->name.schema, table->name.name, {}, table->primary_key};
      for (const TargetColumn& column : table->columns) {
        if (!column.generated) row.columns.push_back({column.name, column.type, kind_of(column.type)});
      }
      schema.tables.push_back(row);
    }
    return schema;
  }

  WriteOptions options_of(const std::vector<PgName>& names) {
    WriteOptions options;
    options.jobs = 1;
    options.rows = std::make_shared<const RowSchema>(schema_of(names));
    options.load_id = "load-1";
    names_ = names;
    return options;
  }

  std::unique_ptr<Sink> sink(const WriteOptions& options, const std::string& at = "") {
    const std::string where = at.empty() ? url() : at;
    return make_postgres_sink(parse_postgres_url(where), where, names_, options, stop_);
  }

  // Encoded as the transform stage does it.
  static Batch batch_of(const Sink& sink, const std::vector<std::string>& lines, std::uint32_t table = 0,
                        const std::string& after = "1") {
    Batch batch;
    batch.table = table;
    batch.after = after;
    for (const std::string& line : lines) {
      Record record;
      record.offset = static_cast<std::uint32_t>(batch.bytes.size());
      record.length = static_cast<std::uint32_t>(line.size());
      batch.bytes.append(line);
      batch.bytes.push_back('\n');
      batch.records.push_back(record);
    }
    sink.encode(batch);
    return batch;
  }

  static std::vector<RecordRef> refs_of(const Batch& batch) {
    std::vector<RecordRef> refs;
    for (std::uint32_t i = 0; i < batch.records.size(); ++i) refs.push_back({&batch, i});
    return refs;
  }

  // Until each record is in, was left alone, or is alone and refused.
  static void write_all(SinkSession& session, std::span<const RecordRef> records, Rejects& rejects) {
    WriteResult result;
    do {
      result = session.write(records);
    } while (result.outcome == Outcome::unavailable);
    if (result.outcome == Outcome::done) return;
    if (records.size() == 1) {
      rejects.emplace_back(records.front().line(), result.reason);
      return;
    }
    write_all(session, records.first(records.size() / 2), rejects);
    write_all(session, records.subspan(records.size() / 2), rejects);
  }

  // Lines {"id":FROM,"name":"n FROM"} to TO, without TO.
  static std::vector<std::string> lines(int from, int to) {
    std::vector<std::string> lines;
    for (int i = from; i < to; ++i) {
      lines.push_back("{\"id\":" + std::to_string(i) + ",\"name\":\"n " + std::to_string(i) + "\"}");
    }
    return lines;
  }

  std::string error_of(const std::function<void()>& step, ErrorKind kind) {
    try {
      step();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.line();
      std::string line = error.line();
      for (std::size_t at = 0; (at = line.find(url(), at)) != std::string::npos;) line.replace(at, url().size(), "URL");
      return line;
    }
    ADD_FAILURE() << "no error";
    return {};
  }

 private:
  std::vector<PgName> names_;
};

}  // namespace bulk::test
