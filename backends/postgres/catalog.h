// What a database says about its tables: pg_catalog asked and told as values. All names travel as they are; quoting is
// the SQL's business. Every function runs one or a few short statements on the connection given, in whatever
// transaction it is in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backends/postgres/connection.h"
#include "codecs/row_schema.h"

namespace bulk {

struct PgTable {
  std::uint32_t oid = 0;
  PgName name;
  char kind = 'r';         // pg_class.relkind: r table, p partitioned, f foreign, m materialized view, v view
  char persistence = 'p';  // p permanent, u unlogged
  bool heap = true;        // its access method
  // Of its main fork and of what is stored out of line: what the server noted last, as it is now after measure().
  std::uint64_t bytes = 0, toast_bytes = 0;
  double estimated_rows = 0;
  RowTable columns;  // with its name; without generated columns
  // Of an extension's configuration table: which rows are configuration, "WHERE ..."; else empty.
  std::string extension_condition;
};

struct PgIdentity {
  std::string system;  // the server's system identifier, or "host:port" where it does not tell
  std::uint32_t database_oid = 0;
  std::string database;  // its name
  std::string server;    // "15.18"
};

PgIdentity identify(PgConnection& connection);

// All tables that hold rows of their own (r, and with `all_kinds` also p, f, m, v), in order of schema and name,
// without the system's, temporary ones, extensions' members (but their configuration tables) and the schema bulk_load.
// Takes no lock on them.
std::vector<PgTable> list_tables(PgConnection& connection, bool all_kinds);
// The table of this name, whatever its kind and whoever's member it is; of several without a schema Error(usage) naming
// them; Error(not_found).
PgTable find_table(PgConnection& connection, const PgName& name, const std::string& what);
// Sets bytes, toast_bytes and estimated_rows from the sizes that files have now; waits for locks.
void measure(PgConnection& connection, std::vector<PgTable>& tables);

// Of the tables given (by oid): the sequences that belong to them (serial, identity); with no tables: all of the
// database.
std::vector<RowSequence> read_sequences(PgConnection& connection, const std::vector<std::uint32_t>& tables);
// Materialized views that hold rows, each behind those it reads from.
std::vector<std::pair<std::string, std::string>> populated_views(PgConnection& connection);
std::uint64_t count_large_objects(PgConnection& connection);

}  // namespace bulk
