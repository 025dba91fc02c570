#include "backends/postgres/target_table.h"

#include <charconv>
#include <unordered_map>

#include "io/error.h"

namespace bulk {
namespace {

template <typename Number>
Number number(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string tables_sql(const std::vector<PgName>& names) {
  std::string values;
  for (std::size_t i = 0; i < names.size(); ++i) {
    values += (i == 0 ? "(" : ",(") + std::to_string(i) + "," + pg_literal(names[i].schema) + "," +
              pg_literal(names[i].name) + ")";
  }
  return "SELECT wanted.place, c.oid, n.nspname, c.relname, c.relkind FROM (VALUES " + values +
         ") AS wanted (place, schema, name)"
         " JOIN pg_catalog.pg_class c ON c.relname::text = wanted.name"
         " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
         " AND (n.nspname::text = wanted.schema OR wanted.schema = ''"
         " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'bulk_load')"
         " AND n.nspname NOT LIKE 'pg\\_temp\\_%')"
         " WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY 1, 3";
}

using Places = std::unordered_map<std::uint32_t, std::vector<TargetTable*>>;

void read_columns(PgConnection& connection, const std::string& oids, const Places& places) {
  constexpr int kFirstWithGenerated = 120000;
  const std::string generated = connection.server_version() >= kFirstWithGenerated ? "attgenerated" : "''";
  const PgResult columns =
      connection.run("SELECT attrelid, attname, pg_catalog.format_type(atttypid, atttypmod), " + generated +
                         " <> '', attidentity = 'a' FROM pg_catalog.pg_attribute WHERE attrelid IN (" + oids +
                         ") AND attnum > 0 AND NOT attisdropped ORDER BY attrelid, attnum",
                     "look at the columns of the tables");
  for (std::size_t i = 0; i < columns.rows(); ++i) {
    const TargetColumn column{std::string(columns.text(i, 1)), std::string(columns.text(i, 2)),
                              columns.text(i, 3) == "t", columns.text(i, 4) == "t"};
    for (TargetTable* table : places.at(number<std::uint32_t>(columns.text(i, 0)))) table->columns.push_back(column);
  }
}

void read_primary_keys(PgConnection& connection, const std::string& oids, const Places& places) {
  const PgResult keys = connection.run(
      "SELECT con.conrelid, a.attname FROM pg_catalog.pg_constraint con"
      " CROSS JOIN LATERAL pg_catalog.unnest(con.conkey) WITH ORDINALITY AS key (number, place)"
      " JOIN pg_catalog.pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = key.number"
      " WHERE con.contype = 'p' AND con.conrelid IN (" +
          oids + ") ORDER BY con.conrelid, key.place",
      "look at the keys of the tables");
  for (std::size_t i = 0; i < keys.rows(); ++i) {
    for (TargetTable* table : places.at(number<std::uint32_t>(keys.text(i, 0)))) {
      table->primary_key.emplace_back(keys.text(i, 1));
    }
  }
}

}  // namespace

const TargetColumn* TargetTable::column(const std::string& wanted) const {
  for (const TargetColumn& column : columns) {
    if (column.name == wanted) return &column;
  }
  return nullptr;
}

std::string TargetTable::rows_of() const {
  return (kind == 'p' ? "" : "ONLY ") + pg_identifier(name);
}

std::vector<std::optional<TargetTable>> look_at_targets(PgConnection& connection, const std::vector<PgName>& names) {
  std::vector<std::optional<TargetTable>> tables(names.size());
  if (names.empty()) return tables;
  const PgResult found = connection.run(tables_sql(names), "look at the tables");
  for (std::size_t i = 0; i < found.rows(); ++i) {
    std::optional<TargetTable>& table = tables.at(number<std::size_t>(found.text(i, 0)));
    const PgName name{std::string(found.text(i, 2)), std::string(found.text(i, 3))};
    if (table) {
      throw Error(ErrorKind::usage,
                  "several tables are called " + name.name + ": " + table->name.full() + " and " + name.full(),
                  "name the schema too");
    }
    table = TargetTable{number<std::uint32_t>(found.text(i, 1)), name, found.text(i, 4).at(0), {}, {}};
  }
  Places places;
  std::string oids;
  for (std::optional<TargetTable>& table : tables) {
    if (!table) continue;
    places[table->oid].push_back(&*table);
    oids += (oids.empty() ? "" : ",") + std::to_string(table->oid);
  }
  if (places.empty()) return tables;
  read_columns(connection, oids, places);
  read_primary_keys(connection, oids, places);
  return tables;
}

bool holds_rows(PgConnection& connection, const TargetTable& table) {
  const PgResult row = connection.run("SELECT 1 FROM " + table.rows_of() + " LIMIT 1",
                                      "look whether " + table.name.full() + " holds rows", PgConnection::kUnlimited);
  return row.rows() > 0;
}

std::string oid_list(const std::vector<TargetTable>& tables) {
  std::string oids;
  for (const TargetTable& table : tables) oids += (oids.empty() ? "" : ",") + std::to_string(table.oid);
  return oids.empty() ? "0" : oids;
}

bool can_switch_triggers_off(PgConnection& connection, const std::string& what) {
  PgResult ignored;
  const auto failure =
      connection.try_run("SET session_replication_role = replica; SET session_replication_role = DEFAULT", ignored);
  if (failure && failure->sqlstate != "42501") throw pg_error(*failure, what, "ask what the role may do");
  return !failure;
}

}  // namespace bulk
