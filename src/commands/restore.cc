// bulk restore [DUMP | latest] [--to TARGET] [--stage S]: writes a dump into a table; without DUMP it lists what there
// is.
#include "io/error.h"
#include "src/commands/commands.h"
#include "src/load.h"

namespace bulk {

void run_restore(AppContext& context) {
  if (context.argument(0).empty()) {
    run_list(context);
    return;
  }
  const std::unique_ptr<Store> dump = context.open(context.dump_argument(context.argument(0)));
  if (!dump->is_dump()) {
    throw Error(ErrorKind::usage, "'" + dump->url() + "' is a table, not a dump",
                "bulk copy writes from table to table");
  }
  std::string target = context.options.to;
  if (target.empty() && context.options.stage.empty()) {
    target = dump->describe().origin;
    if (target.empty()) {
      throw Error(ErrorKind::usage, "'" + dump->url() + "' does not say which table it comes from",
                  "name the target with --to TARGET or --stage STAGE");
    }
  }
  const std::unique_ptr<Store> to = context.open(context.endpoint(target, "TARGET"));
  load(context, *dump, *to);
}

}  // namespace bulk
