#include "backends/postgres/catalog.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <set>

#include "io/error.h"

namespace bulk {
namespace {

// Statements that name many relations are cut into pieces of so many.
constexpr std::size_t kNamesPerStatement = 200;
// For tables that nobody has counted yet.
constexpr double kGuessedRowBytes = 128;

template <typename Number>
Number number_of(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// '{1,2,3}'
std::string oid_array(const std::vector<PgTable>& tables) {
  std::string text = "{";
  for (const PgTable& table : tables) text += (text.size() > 1 ? "," : "") + std::to_string(table.oid);
  return text + "}";
}

// Members of extensions are made by CREATE EXTENSION.
std::string member_of_extension(const std::string& oid) {
  return "EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = " + oid +
         " AND e.deptype = 'e')";
}

// Whose rows are people's: of the schema alias n and the relation alias c. Schemas that begin with pg_ are the
// server's.
constexpr const char* kOurs =
    "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'bulk_load') AND c.relpersistence <> 't'";

// Kind by the type at the bottom of domains over domains.
constexpr const char* kColumns = R"(
WITH RECURSIVE domain AS (
  SELECT oid AS id, typbasetype AS base FROM pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT domain.id, t.typbasetype FROM domain JOIN pg_type t ON t.oid = domain.base WHERE t.typtype = 'd'),
plain AS (SELECT domain.id, domain.base FROM domain JOIN pg_type t ON t.oid = domain.base WHERE t.typtype <> 'd')
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod),
       CASE coalesce(plain.base, a.atttypid)::regtype
         WHEN 'int2'::regtype THEN 'n' WHEN 'int4'::regtype THEN 'n' WHEN 'int8'::regtype THEN 'n'
         WHEN 'float4'::regtype THEN 'n' WHEN 'float8'::regtype THEN 'n' WHEN 'numeric'::regtype THEN 'n'
         WHEN 'bool'::regtype THEN 'b' WHEN 'jsonb'::regtype THEN 'j' ELSE 't' END
FROM pg_attribute a LEFT JOIN plain ON plain.id = a.atttypid
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND )";

RowKind kind_of(char letter) {
  return letter == 'n'   ? RowKind::number
         : letter == 'b' ? RowKind::boolean
         : letter == 'j' ? RowKind::json
                         : RowKind::text;
}

// Columns and primary keys.
void add_columns(PgConnection& connection, std::vector<PgTable>& tables) {
  std::map<std::uint32_t, RowTable*> by_oid;
  for (PgTable& table : tables) {
    table.columns.schema = table.name.schema;
    table.columns.name = table.name.name;
    by_oid[table.oid] = &table.columns;
  }
  const std::vector<std::string> oids{oid_array(tables)};
  const bool generated = connection.server_version() >= 120'000;
  const PgResult columns = connection.run(
      std::string(kColumns) + (generated ? "a.attgenerated = ''" : "true") + " ORDER BY a.attrelid, a.attnum", oids,
      "read the tables' columns");
  for (std::size_t i = 0; i < columns.rows(); ++i) {
    by_oid.at(number_of<std::uint32_t>(columns.text(i, 0)))
        ->columns.push_back(
            {std::string(columns.text(i, 1)), std::string(columns.text(i, 2)), kind_of(columns.text(i, 3).front())});
  }
  // Behind the key's own columns an index may carry others.
  const bool included = connection.server_version() >= 110'000;
  const PgResult keys =
      connection.run(std::string("SELECT i.indrelid, a.attname FROM pg_index i "
                                 "CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, position) "
                                 "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
                                 "WHERE i.indisprimary AND i.indrelid = ANY ($1::oid[])") +
                         (included ? " AND k.position <= i.indnkeyatts" : "") + " ORDER BY i.indrelid, k.position",
                     oids, "read the tables' primary keys");
  for (std::size_t i = 0; i < keys.rows(); ++i) {
    by_oid.at(number_of<std::uint32_t>(keys.text(i, 0)))->primary_key.emplace_back(keys.text(i, 1));
  }
}

std::vector<PgTable> select_tables(PgConnection& connection, const std::string& where,
                                   std::span<const std::string> parameters) {
  const bool access_methods = connection.server_version() >= 120'000;
  const PgResult result = connection.run(
      std::string("SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, ") +
          (access_methods ? "coalesce((SELECT amname = 'heap' FROM pg_am WHERE pg_am.oid = c.relam), false), "
                          : "true, ") +
          "c.relpages::int8 * current_setting('block_size')::int8, c.reltuples, "
          "coalesce((SELECT t.relpages FROM pg_class t WHERE t.oid = c.reltoastrelid), 0)::int8 * "
          "current_setting('block_size')::int8, "
          "(SELECT coalesce(nullif(e.extcondition[array_position(e.extconfig, c.oid)], ''), 'WHERE true') "
          "FROM pg_extension e WHERE c.oid = ANY (e.extconfig) LIMIT 1) "
          "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE " +
          kOurs + " AND " + where + " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"",
      parameters, "read the catalogue");
  std::vector<PgTable> tables;
  for (std::size_t i = 0; i < result.rows(); ++i) {
    PgTable table;
    table.oid = number_of<std::uint32_t>(result.text(i, 0));
    table.name = {std::string(result.text(i, 1)), std::string(result.text(i, 2))};
    table.kind = result.text(i, 3).front();
    table.persistence = result.text(i, 4).front();
    table.heap = result.text(i, 5) == "t";
    table.bytes = number_of<std::uint64_t>(result.text(i, 6));
    table.estimated_rows = std::max(0.0, number_of<double>(result.text(i, 7)));  // never counted: -1
    table.toast_bytes = number_of<std::uint64_t>(result.text(i, 8));
    table.extension_condition = result.text(i, 9);
    tables.push_back(std::move(table));
  }
  if (!tables.empty()) add_columns(connection, tables);
  return tables;
}

}  // namespace

PgIdentity identify(PgConnection& connection) {
  const std::string doing = "ask which server this is";
  const PgResult known = connection.run(
      "SELECT d.oid, d.datname, current_setting('server_version'), "
      "has_function_privilege('pg_catalog.pg_control_system()', 'execute') "
      "FROM pg_database d WHERE d.datname = current_database()",
      doing);
  PgIdentity identity;
  identity.database_oid = number_of<std::uint32_t>(known.text(0, 0));
  identity.database = known.text(0, 1);
  // "15.18 (Debian 15.18-0+deb12u1)"
  const std::string_view version = known.text(0, 2);
  identity.server = version.substr(0, version.find(' '));
  identity.system =
      known.text(0, 3) == "t"
          ? connection.run("SELECT system_identifier FROM pg_catalog.pg_control_system()", doing).text(0, 0)
          : std::string_view(connection.address());
  return identity;
}

std::vector<PgTable> list_tables(PgConnection& connection, bool all_kinds) {
  return select_tables(connection,
                       std::string(all_kinds ? "c.relkind IN ('r', 'p', 'f', 'm', 'v')" : "c.relkind = 'r'") +
                           " AND (NOT " + member_of_extension("c.oid") +
                           " OR EXISTS (SELECT FROM pg_extension x WHERE c.oid = ANY (x.extconfig)))",
                       {});
}

PgTable find_table(PgConnection& connection, const PgName& name, const std::string& what) {
  std::vector<std::string> parameters{name.name};
  std::string where = "c.relkind IN ('r', 'p', 'f', 'm', 'v') AND c.relname = $1";
  if (!name.schema.empty()) {
    parameters.push_back(name.schema);
    where += " AND n.nspname = $2";
  }
  std::vector<PgTable> found = select_tables(connection, where, parameters);
  if (found.empty()) {
    throw Error(ErrorKind::not_found, what + ": there is no table " + name.full(),
                "names are taken as they are spelled, upper and lower case too");
  }
  if (found.size() > 1) {
    std::string all;
    for (const PgTable& table : found) all += (all.empty() ? "" : ", ") + format_pg_fragment(table.name);
    throw Error(ErrorKind::usage, what + ": there are several tables of this name: " + all, "name one with its schema");
  }
  return std::move(found.front());
}

void measure(PgConnection& connection, std::vector<PgTable>& tables) {
  const std::vector<std::string> oids{oid_array(tables)};
  const PgResult result = connection.run(
      "SELECT c.oid, coalesce(pg_relation_size(c.oid), 0), "
      "coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) "
      "FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND c.relkind IN ('r', 'm')",
      oids, "read the tables' sizes");
  std::map<std::uint32_t, std::size_t> row_of;
  for (std::size_t i = 0; i < result.rows(); ++i) row_of[number_of<std::uint32_t>(result.text(i, 0))] = i;
  for (PgTable& table : tables) {
    const auto found = row_of.find(table.oid);
    if (found == row_of.end()) continue;
    const auto bytes = number_of<std::uint64_t>(result.text(found->second, 1));
    const bool counted = table.bytes > 0 && table.estimated_rows > 0;
    table.estimated_rows = static_cast<double>(bytes) *
                           (counted ? table.estimated_rows / static_cast<double>(table.bytes) : 1 / kGuessedRowBytes);
    table.bytes = bytes;
    table.toast_bytes = number_of<std::uint64_t>(result.text(found->second, 2));
  }
}

std::vector<RowSequence> read_sequences(PgConnection& connection, const std::vector<std::uint32_t>& tables) {
  // The table that a sequence is owned by (serial) or inside of (identity).
  const std::string owner =
      "FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace s ON s.oid = t.relnamespace "
      "WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass "
      "AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')";
  std::string where = "NOT " + member_of_extension("c.oid");
  if (!tables.empty()) {
    where = "EXISTS (SELECT " + owner + " AND t.oid IN (";
    for (const std::uint32_t oid : tables) where += (where.ends_with('(') ? "" : ", ") + std::to_string(oid);
    where += "))";
  }
  const std::string doing = "read the sequences";
  const PgResult names =
      connection.run("SELECT n.nspname, c.relname, (SELECT s.nspname || '.' || t.relname " + owner +
                         " LIMIT 1) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                         "WHERE c.relkind = 'S' AND " +
                         kOurs + " AND " + where + " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"",
                     doing);
  std::vector<RowSequence> sequences;
  for (std::size_t begin = 0; begin < names.rows(); begin += kNamesPerStatement) {
    const std::size_t end = std::min(names.rows(), begin + kNamesPerStatement);
    std::string sql;
    for (std::size_t i = begin; i < end; ++i) {
      const PgName name{std::string(names.text(i, 0)), std::string(names.text(i, 1))};
      sql += (sql.empty() ? "SELECT " : " UNION ALL SELECT ") + std::to_string(i) + ", last_value, is_called FROM " +
             pg_identifier(name);
    }
    const PgResult values = connection.run(sql + " ORDER BY 1", doing);
    for (std::size_t i = begin; i < end; ++i) {
      sequences.push_back({std::string(names.text(i, 0)), std::string(names.text(i, 1)),
                           std::string(values.text(i - begin, 1)), values.text(i - begin, 2) == "t",
                           std::string(names.text(i, 2))});
    }
  }
  return sequences;
}

std::vector<std::pair<std::string, std::string>> populated_views(PgConnection& connection) {
  const std::string doing = "read the materialized views";
  const PgResult views = connection.run(
      std::string("SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                  "WHERE c.relkind = 'm' AND c.relispopulated AND ") +
          kOurs + " AND NOT " + member_of_extension("c.oid") +
          " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"",
      doing);
  if (views.rows() == 0) return {};
  // What views and materialized views read from, as far as it is views again.
  const PgResult reads = connection.run(
      "SELECT DISTINCT r.ev_class, d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass "
      "AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class "
      "JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('m', 'v')",
      doing);
  std::multimap<std::string_view, std::string_view> below;
  for (std::size_t i = 0; i < reads.rows(); ++i) below.emplace(reads.text(i, 0), reads.text(i, 1));
  std::map<std::string_view, std::size_t> row_of;
  for (std::size_t i = 0; i < views.rows(); ++i) row_of[views.text(i, 0)] = i;

  std::vector<std::pair<std::string, std::string>> order;
  std::set<std::string_view> seen;
  const std::function<void(std::string_view)> visit = [&](std::string_view oid) {
    if (!seen.insert(oid).second) return;
    const auto [first, last] = below.equal_range(oid);
    for (auto edge = first; edge != last; ++edge) visit(edge->second);
    const auto row = row_of.find(oid);
    if (row != row_of.end()) order.emplace_back(views.text(row->second, 1), views.text(row->second, 2));
  };
  for (std::size_t i = 0; i < views.rows(); ++i) visit(views.text(i, 0));
  return order;
}

std::uint64_t count_large_objects(PgConnection& connection) {
  return number_of<std::uint64_t>(
      connection.run("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata", "count large objects").text(0, 0));
}

}  // namespace bulk
