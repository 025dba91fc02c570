// bulk restore [DUMP | latest] [--to TARGET] [--stage S]: writes a dump into a table; without DUMP it lists what there
// is.
#include "backends/dynamodb/url.h"
#include "backends/postgres/url.h"
#include "io/error.h"
#include "src/commands/commands.h"
#include "src/job.h"
#include "src/load.h"
#include "src/models.h"

namespace bulk {

namespace {

// Flags that say what to do with a dump: with one of them, a missing DUMP is a mistake and no question.
bool means_to_write(const Options& options) {
  return !options.to.empty() || options.create || options.force || options.only_missing || !options.key.empty() ||
         !options.confirm.empty() || !options.rejects_file.empty() || options.dry_run || options.yes;
}

// Where the dump came from, with what the command line says about the way there.
std::string origin_of(Store& dump, const Options& options) {
  std::string origin = dump.describe().origin;
  if (!origin.starts_with(kDynamoDbScheme) && !origin.starts_with("sqlite:") && !is_postgres_url(origin)) {
    throw Error(ErrorKind::usage, "'" + dump.url() + "' does not say which table it comes from",
                "name the target with --to TARGET or --stage STAGE");
  }
  if (!origin.starts_with(kDynamoDbScheme)) return origin;
  DynamoDbUrl url = parse_dynamodb_url(origin);
  if (!options.region.empty()) url.region = options.region;
  if (!options.endpoint_url.empty()) url.endpoint = options.endpoint_url;
  if (!options.profile.empty()) url.profile = options.profile;
  return format_dynamodb_url(url);
}

std::string target_of(AppContext& context, Store& dump) {
  std::string target = context.options.to;
  if (target.empty() && context.options.stage.empty()) target = origin_of(dump, context.options);
  // Of rows, --table chooses among the dump's tables.
  const bool chooses = !context.options.tables.empty() && dump.describe().dialect == kRowsDialect;
  if (chooses) return target.empty() ? context.stage.value().source : context.dump_argument(target);
  if (context.options.tables.size() > 1) {
    throw Error(ErrorKind::usage, "several --table are for a dump of rows, and '" + dump.url() + "' holds items",
                "give one");
  }
  return context.endpoint(target, "TARGET");
}

}  // namespace

void run_restore(AppContext& context) {
  if (context.options.arguments.empty()) {
    if (means_to_write(context.options)) {
      throw Error(ErrorKind::usage, "restore what? there is no DUMP", "bulk restore alone lists what there is");
    }
    run_list(context);
    return;
  }
  std::unique_ptr<Store> dump = context.open(context.dump_argument(context.argument(0)));
  if (!dump->is_dump()) {
    throw Error(ErrorKind::usage, "'" + dump->url() + "' is a table, not a dump",
                "bulk copy writes from table to table");
  }
  await_first_bytes(context, *dump);
  std::unique_ptr<Store> to = context.open(target_of(context, *dump));
  if (!to->is_dump()) agree_on_model(dump, to);
  load(context, *dump, *to);
}

}  // namespace bulk
