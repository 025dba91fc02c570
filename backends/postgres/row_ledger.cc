#include "backends/postgres/row_ledger.h"

#include <charconv>

#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kMake = R"(
CREATE TABLE IF NOT EXISTS bulk.backfills (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version text NOT NULL, script text NOT NULL, checksum text NOT NULL, target text NOT NULL, target_oid oid NOT NULL,
  applied_by text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz,
  status text NOT NULL
    CHECK (status IN ('running', 'partial', 'completed', 'rolling_back', 'rolled_back')),
  rows bigint NOT NULL, notes text[] NOT NULL,
  looked_at bigint NOT NULL, rejected bigint NOT NULL, position text[] NOT NULL, narrowed text NOT NULL,
  undo text NOT NULL, touched text[] NOT NULL, by_program boolean NOT NULL, backup text NOT NULL))";

constexpr const char* kAsk = "ask the ledger of backfills";

constexpr const char* kColumns =
    "id, version, checksum, target, target_oid, applied_by, "
    "to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
    "coalesce(to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), ''), "
    "status, rows, looked_at, rejected, narrowed, undo, by_program, backup, "
    "cardinality(notes), cardinality(position), cardinality(touched), notes || position || touched";

template <typename Number>
Number number_of(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The elements of PostgreSQL's text of a text[], none of which is NULL: {a,"b \"c\""}.
std::vector<std::string> elements_of(std::string_view text) {
  std::vector<std::string> all;
  std::size_t at = 1;
  while (at < text.size() && text[at] != '}') {
    std::string one;
    if (text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
        if (at < text.size()) one += text[at];
      }
      ++at;
    } else {
      while (at < text.size() && text[at] != ',' && text[at] != '}') one += text[at++];
    }
    all.push_back(std::move(one));
    if (at < text.size() && text[at] == ',') ++at;
  }
  return all;
}

std::string array_of(const std::vector<std::string>& texts) {
  std::string array;
  for (const std::string& text : texts) array += (array.empty() ? "" : ", ") + pg_literal(text);
  return "ARRAY[" + array + "]::text[]";
}

RowEntry entry_of(const PgResult& result, std::size_t row) {
  const auto text = [&](std::size_t column) { return std::string(result.text(row, column)); };
  const auto number = [&](std::size_t column) { return number_of<std::uint64_t>(result.text(row, column)); };
  RowEntry entry;
  entry.id = number(0);
  entry.version = text(1);
  entry.checksum = text(2);
  entry.target = text(3);
  entry.target_oid = static_cast<std::uint32_t>(number(4));
  entry.applied_by = text(5);
  entry.applied_at = text(6);
  entry.completed_at = text(7);
  entry.status = text(8);
  entry.rows = number(9);
  entry.looked_at = number(10);
  entry.rejected = number(11);
  entry.narrowed = text(12);
  entry.undo = text(13);
  entry.by_program = text(14) == "t";
  entry.backup = text(15);
  const std::vector<std::string> all = elements_of(result.text(row, 19));
  const auto notes = static_cast<std::ptrdiff_t>(number(16));
  const auto position = notes + static_cast<std::ptrdiff_t>(number(17));
  entry.notes.assign(all.begin(), all.begin() + notes);
  entry.position.assign(all.begin() + notes, all.begin() + position);
  entry.touched.assign(all.begin() + position, all.end());
  return entry;
}

bool exists(PgConnection& connection) {
  return connection.run("SELECT pg_catalog.to_regclass('bulk.backfills') IS NOT NULL", kAsk).text(0, 0) == "t";
}

std::optional<RowEntry> first_of(PgConnection& connection, const std::string& condition) {
  if (!exists(connection)) return std::nullopt;
  const PgResult found = connection.run(
      std::string("SELECT ") + kColumns + " FROM bulk.backfills WHERE " + condition + " ORDER BY id DESC LIMIT 1",
      kAsk);
  if (found.rows() == 0) return std::nullopt;
  return entry_of(found, 0);
}

}  // namespace

void make_row_ledger(PgConnection& connection, const std::string& what) {
  const std::string doing = "make the schema bulk for the ledger of backfills";
  // Somebody else may be making it at this moment: then it is there afterwards.
  for (int attempt = 0; !exists(connection); ++attempt) {
    PgResult ignored;
    // Whoever may not make schemas in a database may not even say IF NOT EXISTS.
    const bool schema =
        connection.run("SELECT pg_catalog.to_regnamespace('bulk') IS NOT NULL", doing).text(0, 0) == "t";
    const std::optional<PgFailure> failure =
        connection.try_run(schema ? kMake : std::string("CREATE SCHEMA bulk;") + kMake, ignored);
    if (!failure || (attempt == 0 && (failure->by_content() || failure->sqlstate.starts_with("42P")))) continue;
    if (failure->sqlstate == "42501") {
      throw Error(ErrorKind::failed, what + ": cannot " + doing + ": " + failure->message,
                  "have somebody who may run: CREATE SCHEMA bulk AUTHORIZATION " +
                      std::string(connection.run("SELECT quote_ident(current_user)", doing).text(0, 0)));
    }
    throw pg_error(*failure, what, doing);
  }
}

std::optional<RowEntry> find_row_entry(PgConnection& connection, const std::string& version,
                                       const std::string& target) {
  return first_of(connection, "version = " + pg_literal(version) + " AND target = " + pg_literal(target));
}

std::optional<RowEntry> read_row_entry(PgConnection& connection, std::uint64_t id) {
  return first_of(connection, "id = " + std::to_string(id));
}

std::vector<RowEntry> all_row_entries(PgConnection& connection) {
  std::vector<RowEntry> entries;
  if (!exists(connection)) return entries;
  const PgResult found = connection.run(
      std::string("SELECT ") + kColumns +
          " FROM bulk.backfills WHERE id IN (SELECT max(id) FROM bulk.backfills GROUP BY version, target) "
          "ORDER BY id DESC",
      kAsk);
  for (std::size_t row = 0; row < found.rows(); ++row) entries.push_back(entry_of(found, row));
  return entries;
}

std::string insert_row_entry(const RowEntry& entry) {
  std::string values;
  for (const std::string& text : {entry.version, entry.script, entry.checksum, entry.target}) {
    values += pg_literal(text) + ", ";
  }
  values += std::to_string(entry.target_oid) + ", " + pg_literal(entry.applied_by) + ", " + pg_literal(entry.status) +
            ", 0, " + array_of(entry.notes) + ", 0, 0, '{}', " + pg_literal(entry.narrowed) + ", " +
            pg_literal(entry.undo) + ", " + array_of(entry.touched) + ", " + (entry.by_program ? "true" : "false") +
            ", " + pg_literal(entry.backup);
  return "INSERT INTO bulk.backfills (version, script, checksum, target, target_oid, applied_by, status, rows, notes, "
         "looked_at, rejected, position, narrowed, undo, touched, by_program, backup) VALUES (" +
         values + ") RETURNING id";
}

std::string update_row_entry(const RowEntry& entry, bool ended) {
  return "UPDATE bulk.backfills SET status = " + pg_literal(entry.status) + ", rows = " + std::to_string(entry.rows) +
         ", looked_at = " + std::to_string(entry.looked_at) + ", rejected = " + std::to_string(entry.rejected) +
         ", position = " + array_of(entry.position) + ", notes = " + array_of(entry.notes) +
         ", narrowed = " + pg_literal(entry.narrowed) + ", backup = " + pg_literal(entry.backup) +
         (ended ? ", completed_at = now()" : "") + " WHERE id = " + std::to_string(entry.id);
}

std::string delete_row_entry(const RowEntry& entry) {
  return "DELETE FROM bulk.backfills WHERE id = " + std::to_string(entry.id);
}

}  // namespace bulk
