// Writing rows into a database, as restore and copy do it: docs/postgresql.md, "Load". The counterpart of load() for
// the dialect `rows`.
#pragma once

#include "backends/backend.h"
#include "src/app_context.h"

namespace bulk {

// `from` is a dump or a database (or one table of either), `to` a store of rows. Fills the summary; throws as load()
// does.
void load_rows(AppContext& context, Store& from, Store& to);

}  // namespace bulk
