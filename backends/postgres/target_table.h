// What a load has to know of the tables that it writes into, as they stand in their database: asked for all tables in a
// few statements, whatever their number. Names travel as they are; quoting is the SQL's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/postgres/connection.h"

namespace bulk {

struct TargetColumn {
  std::string name;
  std::string type;              // as format_type() spells it
  bool generated = false;        // computed by the table: takes no values
  bool always_identity = false;  // GENERATED ALWAYS AS IDENTITY
};

struct TargetTable {
  std::uint32_t oid = 0;
  PgName name;      // with its schema
  char kind = 'r';  // pg_class.relkind
  std::vector<TargetColumn> columns;
  std::vector<std::string> primary_key;  // columns, in its order; may be empty

  bool takes_rows() const noexcept { return kind == 'r' || kind == 'p'; }
  const TargetColumn* column(const std::string& name) const;
  // `ONLY "schema"."name"`: without its children; of a partitioned table, which has no rows of its own, with them.
  std::string rows_of() const;
};

// In the order of the names; nothing where there is no such table. A name without a schema stands for the only table of
// that name; Error(usage) when there are several.
std::vector<std::optional<TargetTable>> look_at_targets(PgConnection& connection, const std::vector<PgName>& names);

bool holds_rows(PgConnection& connection, const TargetTable& table);

// "1,2,3" of the tables that are there; "0", which is nobody's, for none.
std::string oid_list(const std::vector<TargetTable>& tables);

// Whether the role may have triggers and foreign keys not fire (session_replication_role). Sets nothing.
bool can_switch_triggers_off(PgConnection& connection, const std::string& what);

}  // namespace bulk
