// What a dump of the dialect `rows` says about its tables (docs/format.md, "Rows", header member `schema`): as values,
// as JSON and back. Pure. The text is hostile input like any other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulk {

inline constexpr const char* kRowsDialect = "rows";

// How a column's values stand in a line.
enum class RowKind {
  number,   // a JSON number as PostgreSQL spells it; NaN and infinities as strings
  boolean,  // true, false
  json,     // jsonb: nested as it is
  text,     // a string: everything else
};

struct RowColumn {
  std::string name;
  std::string type;  // as format_type() spells it: "numeric(10,2)", "timestamp with time zone", "public.colour"
  RowKind kind = RowKind::text;
  friend bool operator==(const RowColumn&, const RowColumn&) = default;
};

struct RowTable {
  std::string schema, name;
  std::vector<RowColumn> columns;        // in the table's order, without generated ones
  std::vector<std::string> primary_key;  // columns; may be empty
  friend bool operator==(const RowTable&, const RowTable&) = default;

  std::string full_name() const { return schema + "." + name; }  // for people; not quoted
};

struct RowSequence {
  std::string schema, name;
  std::string value;  // last_value, as PostgreSQL spells it
  bool called = false;
  std::string table;  // RowTable::full_name() of the table whose column it belongs to (serial, identity); empty: none
  friend bool operator==(const RowSequence&, const RowSequence&) = default;
};

struct RowSchema {
  std::string server;    // its version, "15.18"
  std::string database;  // its name
  std::vector<RowTable> tables;
  std::string pre_data, post_data;  // SQL; empty: not known
  std::vector<RowSequence> sequences;
  std::vector<std::pair<std::string, std::string>> materialized_views;  // schema, name; in order of refreshing
  std::vector<std::string> not_copied;                                  // one phrase each
  friend bool operator==(const RowSchema&, const RowSchema&) = default;
};

std::string encode_row_schema(const RowSchema& schema);  // compact JSON
// Throws Error(corrupt) "row schema: ..." with what is wrong. Unknown members are ignored.
RowSchema decode_row_schema(std::string_view json);

}  // namespace bulk
