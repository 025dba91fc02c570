// Items out of rows: a source of a table's jsonb column as a source of record lines. Everything else, ranges, cursors,
// connections and the snapshot, is that of the rows (backends/postgres/source.h).
#pragma once

#include <memory>

#include "backends/backend.h"

namespace bulk {

// `rows` has the one column item_table.h calls the item; `table` is its name for people.
std::unique_ptr<Source> make_item_source(std::unique_ptr<Source> rows, std::string table);

}  // namespace bulk
