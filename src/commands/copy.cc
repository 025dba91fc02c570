// bulk copy SOURCE TARGET: from table to table, with no file between.
#include "src/commands/commands.h"
#include "src/job.h"
#include "src/load.h"
#include "src/models.h"

namespace bulk {

void run_copy(AppContext& context) {
  std::unique_ptr<Store> from = context.open(context.endpoint(context.argument(0), "SOURCE"));
  await_first_bytes(context, *from);
  std::unique_ptr<Store> to = context.open(context.endpoint(context.argument(1), "TARGET"));
  if (!to->is_dump()) agree_on_model(from, to);
  load(context, *from, *to);
}

}  // namespace bulk
