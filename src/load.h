// Writing a source into a target, as restore and copy do it: checks first, then the load, then the proof, then what may
// only be switched on afterwards (load.cc for items, load_rows.cc for rows). And writing a dump, as backup does it and
// copy to a file (write_dump.cc).
#pragma once

#include <string>

#include "backends/backend.h"
#include "src/app_context.h"

namespace bulk {

// `from` is a dump or a table, `to` a table or a dump. Fills the summary; throws Error(rejected) when it finished but
// records were set aside.
void load(AppContext& context, Store& from, Store& to);

// Reads `from` into the new dump `to`. `stage`: that it is the table of; empty: of none. `selected` false: all of it,
// whatever --where and --transform say.
void write_dump(AppContext& context, Store& from, Store& to, const std::string& stage, bool selected = true);

// Error(usage) when --where is to choose among records of `from`, which may hold a key twice: of two records of one key
// the last counts, also when it is one that is left out.
void refuse_where(const AppContext& context, const Store& from);
// Error(rejected) when records were set aside: the last word of a run that is otherwise done and proven.
void report_rejects(const AppContext& context);

}  // namespace bulk
