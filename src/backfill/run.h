// The commands of `bulk backfill`, but for create: what each does and proves (docs/backfill.md). Each fills
// context.summary and throws Error for everything that is not "done and proven". Used by the command's thread.
#pragma once

#include "src/app_context.h"

namespace bulk {

// Changes every record that the job means; goes on where an earlier run has stopped. With --dry-run it only looks.
void run_backfill(AppContext& context);
// Proves that nothing is left to do: Error(corrupt) when something is.
void verify_backfill(AppContext& context);
// Writes back what the undo log says.
void roll_back_backfill(AppContext& context);
// How far the job is, or all jobs.
void show_backfills(AppContext& context);

// In look.cc.
void preview_backfill(AppContext& context);

}  // namespace bulk
