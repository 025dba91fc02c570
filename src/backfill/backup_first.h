// --backup-first: a dump of the whole table, whatever the run is narrowed to, taken and verified before anything
// changes.
#pragma once

#include <string>

#include "src/app_context.h"

namespace bulk {

// The path of the dump. The summary is as before. Throws as a backup does.
std::string back_up_first(AppContext& context, Store& store, const std::string& table);

}  // namespace bulk
