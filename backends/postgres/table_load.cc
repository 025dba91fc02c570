#include "backends/postgres/table_load.h"

#include <algorithm>

#include "io/error.h"

namespace bulk {
namespace {

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// Why rows of the same key cannot be replaced or left out.
[[noreturn]] void refuse(const TargetTable& target, LoadMode mode, const std::string& why) {
  throw Error(ErrorKind::usage, target.name.full() + ": " + why,
              std::string("load it without ") + (mode == LoadMode::replace ? "--force" : "--only-missing") +
                  ", into a table without rows");
}

void check_key(const TargetTable& target, const RowTable& rows, LoadMode mode) {
  if (target.primary_key.empty()) refuse(target, mode, "it has no primary key by which its rows could be told");
  for (const std::string& name : target.primary_key) {
    const bool given = std::any_of(rows.columns.begin(), rows.columns.end(),
                                   [&](const RowColumn& column) { return column.name == name; });
    if (!given) refuse(target, mode, "column '" + name + "' of its primary key is not in the rows");
  }
}

}  // namespace

TableLoad plan_table_load(const TargetTable& target, const RowTable& rows, LoadMode mode, std::size_t number) {
  TableLoad load;
  load.name = target.name.full();
  const std::string table = pg_identifier(target.name);
  std::vector<std::string> columns;
  for (const RowColumn& column : rows.columns) columns.push_back(pg_identifier(column.name));
  if (mode == LoadMode::append) {
    // A row without columns is an empty line; there is no way to write a list of none.
    load.copy = "COPY " + table + (columns.empty() ? "" : " (" + joined(columns, ", ") + ")") + " FROM STDIN";
    return load;
  }

  check_key(target, rows, mode);
  const std::string staged = "bulk_rows_" + std::to_string(number);
  std::vector<std::string> named, fields, changes, key, returned, same_key;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string field = "c" + std::to_string(i);
    named.push_back(columns[i] + " AS " + field);
    fields.push_back(field);
    const auto in_key = std::find(target.primary_key.begin(), target.primary_key.end(), rows.columns[i].name);
    if (in_key != target.primary_key.end()) {
      // As text: the very value that was inserted, whatever the type's own idea of equality.
      returned.push_back(columns[i] + "::text AS " + field);
      same_key.push_back("added." + field + " = given." + field + "::text");
      continue;
    }
    changes.push_back(columns[i] + " = EXCLUDED." + columns[i]);
    const TargetColumn* const there = target.column(rows.columns[i].name);
    if (mode == LoadMode::replace && there != nullptr && there->always_identity) {
      refuse(target, mode,
             "column '" + there->name + "' is GENERATED ALWAYS AS IDENTITY and cannot be changed in a row");
    }
  }
  for (const std::string& name : target.primary_key) key.push_back(pg_identifier(name));

  load.prepare = "CREATE TEMPORARY TABLE " + staged + " ON COMMIT DELETE ROWS AS SELECT 0 AS position, " +
                 joined(named, ", ") + " FROM " + table + " WITH NO DATA";
  load.copy = "COPY pg_temp." + staged + " FROM STDIN";
  const std::string insert = "INSERT INTO " + table + " (" + joined(columns, ", ") +
                             ") OVERRIDING SYSTEM VALUE SELECT " + joined(fields, ", ") + " FROM pg_temp." + staged +
                             " ORDER BY position ON CONFLICT (" + joined(key, ", ") + ") DO ";
  load.writes_each = !changes.empty();
  if (mode == LoadMode::replace) {
    load.move = insert + (changes.empty() ? "NOTHING" : "UPDATE SET " + joined(changes, ", "));
    return load;
  }
  load.move = "WITH added AS (" + insert + "NOTHING RETURNING " + joined(returned, ", ") +
              ") SELECT (SELECT count(*) FROM added), pg_catalog.array_to_string(ARRAY(SELECT position FROM pg_temp." +
              staged + " AS given WHERE NOT EXISTS (SELECT FROM added WHERE " + joined(same_key, " AND ") +
              ") ORDER BY position), ',')";
  return load;
}

}  // namespace bulk
