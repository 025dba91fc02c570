// The SQL by which a chunk of rows gets into one table. Rows that are only added are copied into it. Where there may be
// rows of the same primary key they are copied into a temporary table of the connection first, each with its position
// in the chunk in front, and from there inserted with ON CONFLICT on the primary key. Pure.
#pragma once

#include <string>

#include "backends/postgres/target_table.h"
#include "codecs/row_schema.h"

namespace bulk {

enum class LoadMode {
  append,        // into a table that had no rows
  replace,       // a row takes the place of the one with its key
  only_missing,  // a row whose key is there is left out
};

struct TableLoad {
  std::string name;     // for people
  std::string copy;     // COPY ... FROM STDIN
  std::string prepare;  // makes the temporary table, once per connection; empty: rows are copied into the table itself
  // From the temporary table into the table. only_missing: gives one row, of the number of rows inserted and of the
  // positions that were left out, with commas between them.
  std::string move;
  // Each of the rows moved counts as one that was written; false where a row that is there is all that it could be.
  bool writes_each = true;
};

// `number` tells the table from others of the load. Error(usage) where rows cannot be told by their key.
TableLoad plan_table_load(const TargetTable& target, const RowTable& rows, LoadMode mode, std::size_t number);

}  // namespace bulk
