#include "backends/postgres/store.h"

#include <algorithm>
#include <map>
#include <set>

#include "backends/postgres/item_store.h"
#include "backends/postgres/load_target.h"
#include "backends/postgres/schema_dump.h"
#include "backends/postgres/sink.h"
#include "backends/postgres/source.h"
#include "io/error.h"

namespace bulk {
namespace {

using Choose = std::function<std::vector<PgTable>(PgConnection&)>;

// What a backup of a whole database locks and looks at. Views are made of other tables' rows.
std::vector<PgTable> tables_of_database(PgConnection& connection) {
  std::vector<PgTable> tables = list_tables(connection, true);
  std::erase_if(tables, [](const PgTable& table) { return table.kind == 'v' || table.kind == 'm'; });
  return tables;
}

// Has it rows that a backup of the database holds? Partitioned tables have none of their own, those of foreign tables
// are another server's, those of extensions' tables come with the extension.
bool is_read(const PgTable& table) {
  return table.kind == 'r' && table.extension_condition.empty();
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

void refuse_unlogged_on_standby(const PgSnapshot& snapshot, const std::string& what) {
  if (!snapshot.standby()) return;
  std::vector<std::string> names;
  for (const PgTable& table : snapshot.tables()) {
    if (table.persistence == 'u') names.push_back(table.name.full());
  }
  if (names.empty()) return;
  throw Error(ErrorKind::refused, what + ": a standby does not have the rows of unlogged tables: " + listed(names),
              "read from the primary, or name other tables with '#'");
}

void refuse_large_objects(PgConnection& connection, const std::string& what) {
  const std::uint64_t count = count_large_objects(connection);
  if (count == 0) return;
  throw Error(ErrorKind::refused,
              what + ": it holds large objects (" + std::to_string(count) + "), and a dump has no place for them",
              "name the tables to be backed up with '#', one by one, and save large objects with pg_dump");
}

std::vector<std::string> not_copied(PgConnection& connection, const std::vector<PgTable>& tables) {
  std::vector<std::string> phrases;
  for (const PgTable& table : tables) {
    if (table.kind == 'f')
      phrases.push_back("rows of foreign table " + table.name.full() + ": they are another server's");
    if (table.extension_condition.empty()) continue;
    const PgResult rows =
        connection.run("SELECT FROM ONLY " + pg_identifier(table.name) + " " + table.extension_condition + " LIMIT 1",
                       "look at " + table.name.full(), PgConnection::kUnlimited);
    if (rows.rows() > 0) phrases.push_back("configuration rows of an extension in " + table.name.full());
  }
  return phrases;
}

RowSchema schema_of(const PgIdentity& identity, const std::vector<PgTable>& tables) {
  RowSchema schema;
  schema.server = identity.server;
  schema.database = identity.database;
  for (const PgTable& table : tables) schema.tables.push_back(table.columns);
  return schema;
}

const char* kind_text(char kind) {
  return kind == 'p'   ? "a partitioned table"
         : kind == 'f' ? "a foreign table"
         : kind == 'm' ? "a materialized view"
                       : "a view";
}

[[noreturn]] void refuse_items(const std::string& what) {
  throw Error(ErrorKind::usage,
              what + ": tables of rows are made from the SQL of a dump of rows, not from a key schema");
}

}  // namespace

PostgresStore::PostgresStore(PgUrl url, StoreContext& context) : url_(std::move(url)), context_(context) {}

PgConnection& PostgresStore::connection() const {
  // Between two questions hours may pass.
  PgResult ignored;
  if (!connection_ || connection_->try_run("", ignored)) connection_.emplace(url_, url(), context_.stop);
  return *connection_;
}

const PgIdentity& PostgresStore::identity() const {
  if (!identity_) identity_ = identify(connection());
  return *identity_;
}

std::string PostgresStore::database_id() const {
  return "postgresql " + identity().system + "/" + std::to_string(identity().database_oid);
}

std::string PostgresStore::identity_text() const {
  const std::string text = database_id();
  if (!url_.table) return text;
  PgName name = *url_.table;
  if (name.schema.empty() && identity_) {
    try {
      name = find_table(connection(), name, url()).name;
    } catch (const Error&) {
      context_.stop.check();
    }
  }
  return text + " #" + format_pg_fragment(name);
}

std::string PostgresStore::incarnation() {
  if (!url_.table) return database_id();
  try {
    return database_id() + "/" + std::to_string(find_table(connection(), *url_.table, url()).oid);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return database_id();  // of a table that is still to be made
  }
}

bool PostgresStore::exists() {
  try {
    PgConnection& server = connection();
    if (url_.table) find_table(server, *url_.table, url());
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return false;
  }
}

std::vector<PgTable> PostgresStore::read_tables(const std::vector<PgTable>& all) const {
  std::vector<PgTable> tables = all;
  if (!url_.table) std::erase_if(tables, [](const PgTable& table) { return !is_read(table); });
  return tables;
}

TableFacts PostgresStore::describe() {
  std::vector<PgTable> tables;
  if (snapshot_) {
    tables = read_tables(snapshot_->tables());
  } else if (url_.table) {
    tables.push_back(find_table(connection(), *url_.table, url()));
  } else {
    tables = read_tables(list_tables(connection(), false));
  }
  TableFacts facts;
  facts.dialect = "rows";
  facts.origin = url();
  facts.identity.id = database_id();
  facts.identity.name = identity().database;
  if (url_.table) {
    facts.identity.id += "/" + std::to_string(tables.front().oid);
    facts.identity.name = tables.front().name.full();
  }
  double records = 0;
  std::uint64_t bytes = 0;
  for (const PgTable& table : tables) {
    records += table.estimated_rows;
    bytes += table.bytes + table.toast_bytes;
  }
  facts.records = static_cast<std::uint64_t>(records);
  facts.bytes = bytes;
  facts.schema.emplace().json = encode_row_schema(frozen_ ? *frozen_ : schema_of(identity(), tables));
  return facts;
}

bool PostgresStore::is_empty() {
  PgConnection& server = connection();
  const std::vector<PgTable> tables =
      url_.table ? std::vector{find_table(server, *url_.table, url())} : read_tables(list_tables(server, false));
  return std::all_of(tables.begin(), tables.end(), [&](const PgTable& table) {
    return server
               .run(std::string("SELECT FROM ") + (table.kind == 'r' ? "ONLY " : "") + pg_identifier(table.name) +
                        " LIMIT 1",
                    "look whether " + table.name.full() + " holds rows", PgConnection::kUnlimited)
               .rows() == 0;
  });
}

void PostgresStore::create(const TableSchema&) {
  refuse_items(url());
}

std::vector<std::string> PostgresStore::finish_create(const TableSchema&) {
  refuse_items(url());
}

void PostgresStore::drop() {
  throw Error(ErrorKind::usage, url() + ": bulk does not drop tables of PostgreSQL", "use DROP TABLE");
}

std::shared_ptr<PgSnapshot> PostgresStore::take_snapshot(const RowSchema* rows) const {
  const std::string what = url();
  Choose choose;
  if (url_.table) {
    choose = [&](PgConnection& server) { return std::vector{find_table(server, *url_.table, what)}; };
  } else if (rows == nullptr) {
    choose = tables_of_database;
  } else {
    const std::vector<PgName> names = target_tables(*rows, url_);
    choose = [wanted = std::set<PgName>(names.begin(), names.end())](PgConnection& server) {
      std::vector<PgTable> tables = list_tables(server, true);
      std::erase_if(tables, [&](const PgTable& table) { return !wanted.contains(table.name); });
      return tables;
    };
  }
  auto snapshot = std::make_shared<PgSnapshot>(url_, what, context_.stop, choose);
  refuse_unlogged_on_standby(*snapshot, what);
  return snapshot;
}

void PostgresStore::freeze(bool sql) {
  if (frozen_ && (frozen_with_sql_ || !sql)) return;
  // Before anybody has to wait for our locks.
  std::optional<PgDumpProgram> program;
  if (sql) program = choose_pg_dump(find_pg_dump(context_.environment), connection().server_version());
  std::shared_ptr<PgSnapshot> snapshot = take_snapshot(nullptr);
  PgConnection& holder = snapshot->holder();
  if (!url_.table) refuse_large_objects(holder, url());
  RowSchema schema = schema_of(identity(), read_tables(snapshot->tables()));
  if (!url_.table) schema.not_copied = not_copied(holder, snapshot->tables());
  if (sql && url_.table && snapshot->tables().front().kind != 'r') {
    const PgTable& table = snapshot->tables().front();
    schema.not_copied.push_back("how " + table.name.full() + " is made: it is " + kind_text(table.kind));
  } else if (sql) {
    std::vector<std::uint32_t> oids;
    std::vector<PgName> names;
    if (url_.table) {
      oids.push_back(snapshot->tables().front().oid);
      names.push_back(snapshot->tables().front().name);
    } else {
      schema.materialized_views = populated_views(holder);
    }
    schema.sequences = read_sequences(holder, oids);
    PgSchemaSql script = dump_schema(*program, url_, snapshot->id(), names, context_.stop);
    schema.pre_data = std::move(script.pre_data);
    schema.post_data = std::move(script.post_data);
  }
  snapshot_ = std::move(snapshot);
  frozen_ = std::move(schema);
  frozen_with_sql_ = sql;
}

std::unique_ptr<Source> PostgresStore::source(const ReadOptions& options) {
  const RowSchema* const rows = options.rows.get();
  // Where nobody has asked for one moment for all, each source is of a moment of its own: a load is read back so.
  const std::shared_ptr<PgSnapshot> snapshot = snapshot_ ? snapshot_ : take_snapshot(rows);
  if (rows == nullptr) return make_postgres_source(snapshot, read_tables(snapshot->tables()), options);
  std::map<PgName, const PgTable*> by_name;
  for (const PgTable& table : snapshot->tables()) by_name[table.name] = &table;
  std::vector<PgTable> tables;
  const std::vector<PgName> names = target_tables(*rows, url_);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = url_.table ? by_name.begin() : by_name.find(names[i]);
    if (found == by_name.end()) throw Error(ErrorKind::not_found, url() + ": there is no table " + names[i].full());
    tables.push_back(*found->second);
    tables.back().columns.columns = rows->tables[i].columns;
  }
  return make_postgres_source(snapshot, std::move(tables), options);
}

std::unique_ptr<Sink> PostgresStore::sink(const WriteOptions& options) {
  if (!options.rows) throw Error(ErrorKind::usage, url() + " takes rows of tables, and the source holds items");
  return make_postgres_sink(url_, url(), target_tables(*options.rows, url_), options, context_.stop);
}

RowStore::Match PostgresStore::match(const RowSchema& wanted) {
  return match_tables(connection(), wanted, target_tables(wanted, url_));
}

void PostgresStore::create_rows(const RowSchema& schema, bool owners) {
  const std::vector<PgName> targets = target_tables(schema, url_);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const PgName own{schema.tables[i].schema, schema.tables[i].name};
    if (targets[i].name == own.name && (targets[i].schema.empty() || targets[i].schema == own.schema)) continue;
    throw Error(ErrorKind::usage,
                url() + ": the dump says how " + own.full() + " is made, and not how " + targets[i].full() + " is",
                "make the table first, or leave '#' out of the target");
  }
  create_tables(connection(), schema, owners);
}

std::vector<std::string> PostgresStore::finish_rows(const RowSchema& schema, bool created, bool owners, unsigned jobs) {
  const std::string what = url();
  return finish_tables({url_, what, context_.stop}, schema, target_tables(schema, url_), created, owners, jobs);
}

std::unique_ptr<Store> PostgresStore::items() {
  if (!url_.table) return nullptr;
  return std::make_unique<PostgresItemStore>(url_, context_);
}

}  // namespace bulk
