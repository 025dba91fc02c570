// What `bulk backfill status` says of a job. Used by the command's thread.
#pragma once

#include "src/app_context.h"
#include "src/backfill/ledger.h"

namespace bulk {

// On standard output, as lines for people or as one of JSON. `busy`: a run of it is on.
void show_entry(AppContext& context, const BackfillEntry& entry, bool busy);

}  // namespace bulk
