#include "backends/postgres/constraint_check.h"

#include "io/error.h"

namespace bulk {
namespace {

// Table and constraint, then whether it is MATCH FULL, then the two tables as FROM takes them, then for each column
// pair: the column that refers, its equality with the other one, and the other column. The referring side is compared
// with the key's collation, as the server's own check does. A table that is referred to in partitions has the
// constraint once more for each of them, which says nothing by itself.
std::string foreign_keys_sql(const std::string& oids) {
  return "WITH RECURSIVE parents (oid) AS (SELECT pg_catalog.unnest(ARRAY[" + oids +
         "]::oid[]) UNION SELECT inhparent FROM pg_catalog.pg_inherits JOIN parents ON inhrelid = parents.oid)"
         " SELECT con.conrelid::regclass, con.conname, con.confmatchtype = 'f',"
         " CASE WHEN child.relkind = 'p' THEN '' ELSE 'ONLY ' END || con.conrelid::regclass,"
         " CASE WHEN parent.relkind = 'p' THEN '' ELSE 'ONLY ' END || con.confrelid::regclass,"
         " pg_catalog.format('child.%I', ca.attname),"
         " pg_catalog.format('parent.%I OPERATOR(%I.%s) child.%I', pa.attname, opn.nspname, op.oprname, ca.attname)"
         " || CASE WHEN pa.attcollation <> 0 AND pa.attcollation <> ca.attcollation"
         " THEN pg_catalog.format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END,"
         " pg_catalog.format('parent.%I', pa.attname)"
         " FROM pg_catalog.pg_constraint con"
         " JOIN pg_catalog.pg_class child ON child.oid = con.conrelid"
         " JOIN pg_catalog.pg_class parent ON parent.oid = con.confrelid"
         " CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(con.conkey), pg_catalog.unnest(con.confkey),"
         " pg_catalog.unnest(con.conpfeqop)) WITH ORDINALITY AS pair (child, parent, operator, place)"
         " JOIN pg_catalog.pg_attribute ca ON ca.attrelid = con.conrelid AND ca.attnum = pair.child"
         " JOIN pg_catalog.pg_attribute pa ON pa.attrelid = con.confrelid AND pa.attnum = pair.parent"
         " JOIN pg_catalog.pg_operator op ON op.oid = pair.operator"
         " JOIN pg_catalog.pg_namespace opn ON opn.oid = op.oprnamespace"
         " LEFT JOIN pg_catalog.pg_collation co ON co.oid = pa.attcollation"
         " LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace"
         " WHERE con.contype = 'f' AND con.convalidated AND (con.conrelid IN (" +
         oids +
         ") OR con.confrelid IN (SELECT oid FROM parents)) AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint whole"
         " WHERE whole.oid = con.conparentid AND whole.conrelid = con.conrelid)"
         " ORDER BY 1, 2, pair.place";
}

struct ForeignKey {
  std::string table, name;
  bool full = false;
  std::string child, parent;
  std::vector<std::string> referring, equal, referred;
};

std::vector<ForeignKey> read_foreign_keys(PgConnection& connection, const std::string& oids) {
  constexpr int kFirstWithConparentid = 110000;
  std::string sql = foreign_keys_sql(oids);
  if (connection.server_version() < kFirstWithConparentid) {
    const std::size_t condition = sql.find(" AND NOT EXISTS");
    sql.erase(condition, sql.find(" ORDER BY") - condition);
  }
  const PgResult pairs = connection.run(sql, "look at the foreign keys");
  std::vector<ForeignKey> keys;
  for (std::size_t i = 0; i < pairs.rows(); ++i) {
    const auto text = [&](std::size_t column) { return std::string(pairs.text(i, column)); };
    if (keys.empty() || keys.back().table != text(0) || keys.back().name != text(1)) {
      keys.push_back({text(0), text(1), text(2) == "t", text(3), text(4), {}, {}, {}});
    }
    keys.back().referring.push_back(text(5));
    keys.back().equal.push_back(text(6));
    keys.back().referred.push_back(text(7));
  }
  return keys;
}

// A row that refers to something that is not there. MATCH SIMPLE: one that holds a NULL refers to nothing; MATCH FULL:
// only one that holds nothing else.
std::string orphan_sql(const ForeignKey& key) {
  std::string equal, refers;
  for (std::size_t i = 0; i < key.equal.size(); ++i) {
    equal += (i == 0 ? "" : " AND ") + key.equal[i];
    refers += (i == 0 ? "" : key.full ? " OR " : " AND ") + key.referring[i] + " IS NOT NULL";
  }
  return "SELECT 1 FROM " + key.child + " AS child LEFT JOIN " + key.parent + " AS parent ON " + equal + " WHERE " +
         key.referred.front() + " IS NULL AND (" + refers + ") LIMIT 1";
}

// Index and table of what may be deferred; of a table that is in partitions, theirs.
std::string deferrable_sql(const std::string& oids) {
  return "WITH RECURSIVE loaded (oid) AS (SELECT pg_catalog.unnest(ARRAY[" + oids +
         "]::oid[]) UNION SELECT inhrelid FROM pg_catalog.pg_inherits JOIN loaded ON inhparent = loaded.oid"
         " JOIN pg_catalog.pg_class parent ON parent.oid = inhparent AND parent.relkind = 'p')"
         " SELECT con.conindid::regclass, con.conname, con.conrelid::regclass FROM pg_catalog.pg_constraint con"
         " JOIN pg_catalog.pg_class c ON c.oid = con.conrelid AND c.relkind = 'r'"
         " WHERE con.contype IN ('p', 'u', 'x') AND con.condeferrable AND con.conrelid IN (SELECT oid FROM loaded)"
         " ORDER BY 3, 2";
}

[[noreturn]] void broken(const std::string& what, const std::string& constraint, const std::string& table,
                         const std::string& why) {
  throw Error(ErrorKind::corrupt,
              what + ": the rows that were loaded break constraint " + constraint + " of " + table + ": " + why,
              "the source breaks it too, or is not all of what it refers to: load the other tables as well");
}

}  // namespace

void check_constraints(PgConnection& connection, const std::string& what, const std::vector<TargetTable>& tables) {
  const std::string oids = oid_list(tables);
  for (const ForeignKey& key : read_foreign_keys(connection, oids)) {
    const PgResult orphan =
        connection.run(orphan_sql(key), "check constraint " + key.name + " of " + key.table, PgConnection::kUnlimited);
    if (orphan.rows() > 0) broken(what, key.name, key.table, "a row refers to one that is not there");
  }
  const PgResult deferrable = connection.run(deferrable_sql(oids), "look at the constraints");
  for (std::size_t i = 0; i < deferrable.rows(); ++i) {
    const std::string name(deferrable.text(i, 1));
    const std::string table(deferrable.text(i, 2));
    PgResult ignored;
    const auto failure =
        connection.try_run("REINDEX INDEX " + std::string(deferrable.text(i, 0)), ignored, PgConnection::kUnlimited);
    if (!failure) continue;
    if (failure->sqlstate.starts_with("23")) broken(what, name, table, failure->message);
    throw pg_error(*failure, what, "check constraint " + name + " of " + table);
  }
}

}  // namespace bulk
