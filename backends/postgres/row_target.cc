#include "backends/postgres/row_target.h"

#include <algorithm>

#include "codecs/json_check.h"
#include "io/error.h"

namespace bulk {
namespace {

// The type at the bottom of domains over domains, without modifiers: -1 says "none were given", which keeps bpchar from
// becoming character(1).
constexpr const char* kColumns = R"(
WITH RECURSIVE base AS (
  SELECT a.attnum, a.atttypid AS type FROM pg_attribute a
  WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT base.attnum, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.type WHERE t.typtype = 'd')
SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(base.type, -1), )";

constexpr const char* kFrom = R"(
FROM pg_attribute a JOIN base ON base.attnum = a.attnum JOIN pg_type t ON t.oid = base.type
WHERE a.attrelid = $1::oid AND t.typtype <> 'd' ORDER BY a.attnum)";

void refuse_kind(const PgTable& table, const std::string& what) {
  const char* kind = table.kind == 'v'   ? "a view"
                     : table.kind == 'm' ? "a materialized view"
                     : table.kind == 'f' ? "a foreign table"
                                         : nullptr;
  if (kind == nullptr) return;
  throw Error(ErrorKind::usage, what + ": " + table.name.full() + " is " + kind + ", and rows of tables are changed",
              "name the table that holds the rows");
}

// "bulk_", with as many '_' before it as it takes.
std::string free_prefix(const RowTarget& target) {
  std::string prefix = "bulk_";
  const auto taken = [&] {
    return target.name.name.starts_with(prefix) ||
           std::any_of(target.columns.begin(), target.columns.end(),
                       [&](const RowTargetColumn& column) { return column.name.starts_with(prefix); });
  };
  while (taken()) prefix.insert(prefix.begin(), '_');
  return prefix;
}

}  // namespace

std::optional<std::size_t> RowTarget::find(std::string_view column) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return i;
  }
  return std::nullopt;
}

RowTarget read_row_target(PgConnection& connection, const PgName& name, const std::string& what) {
  const PgTable table = find_table(connection, name, what);
  refuse_kind(table, what);
  RowTarget target;
  target.name = table.name;
  target.oid = table.oid;
  target.partitioned = table.kind == 'p';
  if (table.estimated_rows >= 1) target.estimated_rows = static_cast<std::uint64_t>(table.estimated_rows);
  const bool generated = connection.server_version() >= 120'000;
  const std::vector<std::string> oid{std::to_string(table.oid)};
  const PgResult columns = connection.run(
      std::string(kColumns) + (generated ? "a.attgenerated <> ''" : "false") + ", a.attidentity = 'a'" + kFrom, oid,
      "read the table's columns");
  for (std::size_t i = 0; i < columns.rows(); ++i) {
    RowTargetColumn column;
    column.name = columns.text(i, 0);
    column.type = columns.text(i, 1);
    column.plain = columns.text(i, 2);
    const bool is_generated = columns.text(i, 3) == "t";
    column.computed = is_generated || columns.text(i, 4) == "t";
    const auto& line = table.columns.columns;
    const auto found =
        std::find_if(line.begin(), line.end(), [&](const RowColumn& one) { return one.name == column.name; });
    if (found != line.end()) column.kind = found->kind;
    if (!is_generated) target.line.push_back(i);
    target.columns.push_back(std::move(column));
  }
  for (const std::string& key : table.columns.primary_key) {
    const std::size_t index = target.find(key).value();
    target.columns[index].key = true;
    target.key.push_back(index);
  }
  if (target.key.empty()) {
    throw Error(ErrorKind::usage,
                what + ": " + table.name.full() + " has no primary key, by which its rows could be visited in order",
                "give it one: ALTER TABLE ... ADD PRIMARY KEY");
  }
  target.prefix = free_prefix(target);
  return target;
}

std::string row_value_json(const RowTargetColumn& column, std::string_view text) {
  switch (column.kind) {
    case RowKind::number:
      // NaN and the infinities are strings.
      if (text.ends_with('N') || text.ends_with('y')) return json_quoted(text);
      return std::string(text);
    case RowKind::boolean:
      return text == "t" ? "true" : "false";
    case RowKind::json:
      return std::string(text);
    case RowKind::text:
      break;
  }
  return json_quoted(text);
}

}  // namespace bulk
