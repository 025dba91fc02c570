#include "backends/sqlite/catalog.h"

#include <strings.h>

#include <random>

#include "backends/schema.h"
#include "io/clock.h"

namespace bulk {
namespace {

constexpr const char* kCatalog = "_bulk_tables";

bool has_catalog(Connection& connection) {
  Statement statement(connection, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1");
  statement.bind(1, kCatalog);
  return statement.step();
}

// A random (version 4) UUID.
std::string random_uuid() {
  std::random_device random;
  std::string text;
  for (int i = 0; i < 32; ++i) {
    unsigned digit = random() % 16;
    if (i == 12) digit = 4;
    if (i == 16) digit = 8 + digit % 4;
    if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
    text += "0123456789abcdef"[digit];
  }
  return text;
}

void check_name(const std::string& name) {
  if (name.empty()) throw Error(ErrorKind::usage, "sqlite: no table is named", "the form is sqlite:PATH#table");
  if (strncasecmp(name.c_str(), "sqlite_", 7) == 0 || strcasecmp(name.c_str(), kCatalog) == 0) {
    throw Error(ErrorKind::usage, "sqlite: the table name '" + name + "' is reserved", "choose another name");
  }
}

}  // namespace

std::vector<std::string> list_tables(Connection& connection) {
  std::vector<std::string> names;
  if (!has_catalog(connection)) return names;
  Statement statement(connection, "SELECT name FROM \"_bulk_tables\" ORDER BY name");
  while (statement.step()) names.emplace_back(statement.text(0));
  return names;
}

std::optional<SqliteTable> find_table(Connection& connection, const std::string& name) {
  if (!has_catalog(connection)) return std::nullopt;
  Statement statement(connection, "SELECT schema, id, created FROM \"_bulk_tables\" WHERE name = ?1");
  statement.bind(1, name);
  if (!statement.step()) return std::nullopt;
  SqliteTable table;
  table.name = name;
  try {
    table.schema = schema_from_json(statement.text(0));
  } catch (const Error& error) {
    throw error.in(connection.path() + "#" + name);
  }
  table.id = statement.text(1);
  table.created = statement.text(2);
  return table;
}

void create_table(Connection& connection, const std::string& name, const TableSchema& schema) {
  check_name(name);
  Transaction transaction(connection);
  {
    Statement taken(connection, "SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE");
    taken.bind(1, name);
    if (taken.step()) {
      throw Error(ErrorKind::refused, "sqlite:" + connection.path() + "#" + name + ": the table exists",
                  "choose another name (SQLite's names do not differ by case alone)");
    }
  }
  connection.execute(
      "CREATE TABLE IF NOT EXISTS \"_bulk_tables\" (name TEXT PRIMARY KEY, schema TEXT NOT NULL, id TEXT NOT NULL,"
      " created TEXT NOT NULL)");
  // Row numbers are never used again: a read that goes on at a number it has reached would otherwise meet a record that
  // was deleted before it and put back behind it.
  const bool sorted = schema.key.sort.has_value();
  connection.execute("CREATE TABLE " + sql_quoted(name) +
                     " (id INTEGER PRIMARY KEY AUTOINCREMENT, partition_key TEXT NOT NULL," +
                     (sorted ? " sort_key TEXT NOT NULL," : "") + " item TEXT NOT NULL, UNIQUE (partition_key" +
                     (sorted ? ", sort_key" : "") + "))");
  Statement entry(connection, "INSERT INTO \"_bulk_tables\" (name, schema, id, created) VALUES (?1, ?2, ?3, ?4)");
  const std::string json = with_json(schema).json;
  const std::string id = random_uuid();
  const std::string created = utc_iso8601(std::chrono::system_clock::now());
  entry.bind(1, name);
  entry.bind(2, json);
  entry.bind(3, id);
  entry.bind(4, created);
  entry.step();
  entry.reset();
  transaction.commit();
}

void drop_table(Connection& connection, const std::string& name) {
  Transaction transaction(connection);
  connection.execute("DROP TABLE " + sql_quoted(name));
  Statement entry(connection, "DELETE FROM \"_bulk_tables\" WHERE name = ?1");
  entry.bind(1, name);
  entry.step();
  entry.reset();
  transaction.commit();
}

}  // namespace bulk
