// The commands. Each does its work, fills context.summary and returns when it is done and proven; whatever else happens
// is an Error, which main reports and turns into the exit status. `rejected` and differences too: fill the summary,
// then throw.
#pragma once

#include "src/app_context.h"

namespace bulk {

void run_backup(AppContext& context);
void run_restore(AppContext& context);
void run_copy(AppContext& context);
void run_verify(AppContext& context);
void run_diff(AppContext& context);
void run_list(AppContext& context);
void run_history(AppContext& context);
void run_inspect(AppContext& context);
void run_cat(AppContext& context);
void run_drop(AppContext& context);
void create_backfill(AppContext& context);

}  // namespace bulk
