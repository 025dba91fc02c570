// Where items lie in an SQLite file, so that anybody with an SQL shell can look at them:
//
//   CREATE TABLE "shop" (                      -- named as the item table
//     id            INTEGER PRIMARY KEY,       -- rowid: readers share a table by ranges of it
//     partition_key TEXT NOT NULL,             -- S: the string; N: its canonical spelling; B: base64
//     sort_key      TEXT NOT NULL,             -- the same; absent where the table has no sort key
//     item          TEXT NOT NULL,             -- the item in DynamoDB JSON
//     UNIQUE (partition_key, sort_key))
//   CREATE TABLE "_bulk_tables" (name TEXT PRIMARY KEY, schema TEXT NOT NULL, id TEXT NOT NULL, created TEXT NOT NULL)
//
//   SELECT json_extract(item, '$.name.S') FROM "shop" WHERE partition_key = 'a';
//
// The canonical spelling makes numbers that are equal by value one key. A rowid table and a UNIQUE index rather than
// WITHOUT ROWID: items are up to 400 KB, and SQLite's B-trees of keys slow down when rows are larger than a twentieth
// of a page. `schema` is docs/format.md's, kept verbatim, so that a table that came from DynamoDB goes back with its
// indexes; `id` is a random UUID: a table dropped and made again is another table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/sqlite/connection.h"

namespace bulk {

struct SqliteTable {
  std::string name;
  TableSchema schema;
  std::string id, created;
};

std::vector<std::string> list_tables(Connection& connection);
std::optional<SqliteTable> find_table(Connection& connection, const std::string& name);
// Error(refused) when the table exists, Error(usage) for the few names that SQLite keeps to itself.
void create_table(Connection& connection, const std::string& name, const TableSchema& schema);
void drop_table(Connection& connection, const std::string& name);

}  // namespace bulk
