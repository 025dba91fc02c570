#include "backends/postgres/item_store.h"

#include "backends/postgres/item_sink.h"
#include "backends/postgres/item_source.h"
#include "backends/postgres/item_table.h"
#include "backends/schema.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kDuplicateTable = "42P07";
constexpr const char* kDependentObjects = "2BP01";

}  // namespace

PostgresItemStore::PostgresItemStore(const PgUrl& url, StoreContext& context)
    : url_(url), context_(context), rows_(url, context) {}

RowTable PostgresItemStore::table(KeySchema& key) {
  RowTable table = decode_row_schema(rows_.describe().schema.value().json).tables.at(0);
  try {
    key = item_key_of(table);
  } catch (const Error& error) {
    throw error.in(url());
  }
  return table;
}

TableFacts PostgresItemStore::describe() {
  TableFacts facts = rows_.describe();
  KeySchema key;
  table(key);
  facts.schema = schema_from_key(key);
  facts.dialect = "dynamodb-json";
  facts.origin.clear();
  return facts;
}

void PostgresItemStore::create(const TableSchema& schema) {
  PgName name = url_.table.value();
  if (name.schema.empty()) name.schema = "public";
  std::string sql;
  try {
    sql = create_item_table_sql(name, schema.key);
  } catch (const Error& error) {
    throw error.in(url());
  }
  PgConnection connection(url_, url(), context_.stop);
  PgResult ignored;
  const auto failure = connection.try_run(sql, ignored);
  if (!failure) return;
  if (failure->sqlstate == kDuplicateTable) throw Error(ErrorKind::refused, url() + ": the table exists");
  throw pg_error(*failure, url(), "make the table");
}

std::vector<std::string> PostgresItemStore::finish_create(const TableSchema& schema) {
  KeySchema key;
  const RowTable made = table(key);
  // Estimates of its size, ours too, are made of statistics.
  PgConnection(url_, url(), context_.stop)
      .run("ANALYZE " + pg_identifier(PgName{made.schema, made.name}), "make statistics", PgConnection::kUnlimited);
  std::vector<std::string> phrases;
  for (const std::string& name : differing_settings(schema, schema_from_key(key))) {
    phrases.push_back(name + ": a table of PostgreSQL has no such thing");
  }
  return phrases;
}

void PostgresItemStore::drop() {
  KeySchema key;
  const RowTable there = table(key);
  PgConnection connection(url_, url(), context_.stop);
  PgResult ignored;
  const auto failure = connection.try_run("DROP TABLE " + pg_identifier(PgName{there.schema, there.name}), ignored);
  if (!failure) return;
  if (failure->sqlstate == kDependentObjects) {
    throw Error(ErrorKind::refused, url() + ": " + failure->message, "drop what depends on the table first");
  }
  throw pg_error(*failure, url(), "drop the table");
}

std::unique_ptr<Source> PostgresItemStore::source(const ReadOptions& options) {
  KeySchema key;
  RowTable there = table(key);
  there.columns = {kItemColumn};
  ReadOptions of_rows = options;
  auto schema = std::make_shared<RowSchema>();
  schema->tables.push_back(there);
  of_rows.rows = std::move(schema);
  return make_item_source(rows_.source(of_rows), pg_identifier(PgName{there.schema, there.name}));
}

std::unique_ptr<Sink> PostgresItemStore::sink(const WriteOptions& options) {
  KeySchema key;
  const RowTable there = table(key);
  return make_item_sink(url_, url(), {there.schema, there.name}, key, options, context_.stop);
}

}  // namespace bulk
