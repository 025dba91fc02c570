// The ledger of backfills of rows: bulk.backfills, in the database that the rows are in (docs/postgresql.md, "Backfill
// of rows"). One row for each time that a job was begun on a table; the newest one counts, those before it are what was
// rolled back or of a table that was made anew. Whoever changes one holds the job's lock (row_backfill.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/postgres/connection.h"
#include "backends/postgres/row_sql.h"

namespace bulk {

inline constexpr const char* kBackfillSchema = "bulk";

struct RowEntry {
  std::uint64_t id = 0;
  std::string version;  // the job's name
  std::string script;   // the job file's text; not read back
  std::string checksum;
  std::string target;  // as format_pg_fragment() spells it
  std::uint32_t target_oid = 0;
  std::string applied_by, applied_at, completed_at;
  std::string status = "running";  // running, partial, completed, rolling_back, rolled_back
  // Of the last pass: rows changed, looked at, set aside.
  std::uint64_t rows = 0, looked_at = 0, rejected = 0;
  std::vector<std::string> notes;
  RowKey position;                   // the last key that was looked at; empty: none yet
  std::string narrowed;              // --where of the last run
  std::string undo;                  // name of the undo table in the schema bulk
  std::vector<std::string> touched;  // columns that it has before and after of
  bool by_program = false;
  std::string backup;
};

// Makes the schema and the table where they are missing. Error(failed) with what to grant where the role may not.
void make_row_ledger(PgConnection& connection, const std::string& what);
// The newest of a job on a table; nothing when there is none, or no ledger.
std::optional<RowEntry> find_row_entry(PgConnection& connection, const std::string& version, const std::string& target);
std::optional<RowEntry> read_row_entry(PgConnection& connection, std::uint64_t id);
// The newest of each job and table, newest first.
std::vector<RowEntry> all_row_entries(PgConnection& connection);

// One statement each. The insert gives the row's id; it sets applied_at.
std::string insert_row_entry(const RowEntry& entry);
// What changes in the course of a job; `ended`: completed_at is now.
std::string update_row_entry(const RowEntry& entry, bool ended = false);
std::string delete_row_entry(const RowEntry& entry);

}  // namespace bulk
