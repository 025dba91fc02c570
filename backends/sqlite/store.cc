#include "backends/sqlite/store.h"

#include <filesystem>

namespace bulk {
namespace {

constexpr int kBusyMs = 5'000;

}  // namespace

namespace {

// As it stands where the system refuses to look (a name too long, a folder that may not be searched): opening says why.
std::string canonical(const std::string& path) {
  std::error_code problem;
  const auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(path, problem), problem);
  return problem ? path : full.string();
}

}  // namespace

SqliteStore::SqliteStore(const std::string& path, std::string table)
    : path_(canonical(path)), table_(std::move(table)) {}

std::string SqliteStore::url() const {
  return "sqlite:" + path_ + (table_.empty() ? "" : "#" + table_);
}

bool SqliteStore::find(Connection& connection, SqliteTable& table) {
  if (table_.empty()) {
    const std::vector<std::string> names = list_tables(connection);
    if (names.empty()) return false;
    if (names.size() > 1) {
      std::string all;
      for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
      throw Error(ErrorKind::usage, url() + " holds several tables: " + all, "name one: sqlite:PATH#table");
    }
    table_ = names.front();
  }
  std::optional<SqliteTable> found = find_table(connection, table_);
  if (!found) return false;
  table = *std::move(found);
  return true;
}

SqliteTable SqliteStore::require(Connection& connection) {
  SqliteTable table;
  if (!find(connection, table)) throw Error(ErrorKind::not_found, url() + ": no such table");
  return table;
}

bool SqliteStore::exists() {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) return false;
  Connection connection(path_, kBusyMs);
  SqliteTable table;
  return find(connection, table);
}

TableFacts SqliteStore::describe() {
  Connection connection(path_, kBusyMs);
  const SqliteTable table = require(connection);
  TableFacts facts;
  facts.identity = {.name = table.name, .id = table.id, .created = table.created, .arn = {}};
  facts.schema = table.schema;
  // Counting would read the whole index; row numbers are dense unless much was deleted.
  Statement statement(connection, "SELECT coalesce(max(id) - min(id) + 1, 0) FROM " + sql_quoted(table.name));
  statement.step();
  facts.records = static_cast<std::uint64_t>(std::max<std::int64_t>(0, statement.number(0)));
  facts.bytes = std::filesystem::file_size(path_);
  return facts;
}

bool SqliteStore::is_empty() {
  Connection connection(path_, kBusyMs);
  Statement statement(connection, "SELECT 1 FROM " + sql_quoted(require(connection).name) + " LIMIT 1");
  return !statement.step();
}

void SqliteStore::create(const TableSchema& schema) {
  if (table_.empty()) throw Error(ErrorKind::usage, url() + ": no table is named", "name one: sqlite:PATH#table");
  Connection::create_file(path_);
  Connection connection(path_, kBusyMs);
  connection.execute("PRAGMA synchronous = EXTRA; PRAGMA journal_mode = WAL");
  create_table(connection, table_, schema);
}

std::vector<std::string> SqliteStore::finish_create(const TableSchema&) {
  return {};
}

void SqliteStore::drop() {
  Connection connection(path_, kBusyMs);
  connection.execute("PRAGMA synchronous = EXTRA");
  drop_table(connection, require(connection).name);
}

std::unique_ptr<Source> SqliteStore::source(const ReadOptions& options) {
  Connection connection(path_, kBusyMs);
  return make_sqlite_source(path_, require(connection), options);
}

std::unique_ptr<Sink> SqliteStore::sink(const WriteOptions& options) {
  Connection connection(path_, kBusyMs);
  return make_sqlite_sink(path_, require(connection), options);
}

std::unique_ptr<Sink> SqliteStore::updater(const WriteOptions&) {
  Connection connection(path_, kBusyMs);
  return make_sqlite_updater(path_, require(connection));
}

}  // namespace bulk
