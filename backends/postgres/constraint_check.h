// Constraints that nobody looked at while rows were loaded, because triggers did not fire: foreign keys, and unique and
// exclusion constraints that may be deferred, whose second look is a trigger too. Checked as a whole, by the server.
#pragma once

#include <string>
#include <vector>

#include "backends/postgres/target_table.h"

namespace bulk {

// Error(corrupt) naming the first constraint that does not hold and its table. Constraints that are not validated are
// left alone: their table may hold rows that break them.
void check_constraints(PgConnection& connection, const std::string& what, const std::vector<TargetTable>& tables);

}  // namespace bulk
