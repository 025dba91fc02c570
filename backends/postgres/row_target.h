// The table that a backfill of rows changes, as its statements need it: columns with their types, the primary key, and
// the names that nothing of it bears. Plain values; read on a connection whose search_path is still empty, so that
// every type's name says its schema.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/postgres/catalog.h"

namespace bulk {

struct RowTargetColumn {
  std::string name;
  std::string type;   // with its modifiers, "numeric(10,2)"
  std::string plain;  // without them, and a domain's own type, "numeric": what a value is cast to that is then assigned
  RowKind kind = RowKind::text;
  bool key = false;
  bool computed = false;  // generated, or an identity that is always generated: cannot be set
};

struct RowTarget {
  PgName name;
  std::uint32_t oid = 0;
  bool partitioned = false;
  std::vector<RowTargetColumn> columns;  // all, in the table's order
  std::vector<std::size_t> key;          // positions in columns, in the key's order
  std::vector<std::size_t> line;         // positions of those that a dump's line has
  std::optional<std::uint64_t> estimated_rows;
  std::string prefix;  // of names of ours that stand beside the table's own

  std::optional<std::size_t> find(std::string_view column) const;
  bool settable(std::size_t column) const { return !columns[column].key && !columns[column].computed; }
  // For FROM and UPDATE. The table has no other name there: a job may call it by its own.
  std::string relation() const { return (partitioned ? "" : "ONLY ") + pg_identifier(name); }
  // "orders"."price"
  std::string column(std::size_t index) const {
    return pg_identifier(name.name) + "." + pg_identifier(columns[index].name);
  }
};

// `what` is the endpoint, for error texts. Error(not_found), Error(usage) for what is no table or has no primary key.
RowTarget read_row_target(PgConnection& connection, const PgName& name, const std::string& what);

// A value in a dump's line, from PostgreSQL's text of it.
std::string row_value_json(const RowTargetColumn& column, std::string_view text);

}  // namespace bulk
