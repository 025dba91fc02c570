// Runs what a schema has for the end of a load (RowSchema::post_data): indexes and keys on several connections, the
// rest in its place. A thread for each connection but the first; the threads end before the function returns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/postgres/connection.h"
#include "backends/postgres/load_target.h"

namespace bulk {

// "CREATE INDEX ..." as one line that is not too long.
std::string statement_in_brief(std::string_view statement);

// Error of the first statement that fails, naming it; nothing new is begun after that, what is under way is awaited.
// What an earlier run has made is not made again. `owners` false: without owners and privileges. Returns what was there
// already without being known to be the same, one phrase each.
std::vector<std::string> run_post_data(const PgLoadTarget& target, PgConnection& connection, const std::string& script,
                                       bool owners, unsigned jobs);

// Independent statements, all to be run, on up to `jobs` connections; errors as above. `connection` is one of them.
void run_at_once(const PgLoadTarget& target, PgConnection& connection, const std::vector<std::string>& statements,
                 unsigned jobs);

}  // namespace bulk
