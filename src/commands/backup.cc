// bulk backup [SOURCE] [--stage S] [--to DEST]: reads a table into a dump.
#include <filesystem>

#include "io/error.h"
#include "src/commands/commands.h"
#include "src/load.h"

namespace bulk {

void run_backup(AppContext& context) {
  const std::unique_ptr<Store> source = context.open(context.endpoint(context.argument(0), "SOURCE"));
  context.summary.source = source->url();
  std::string destination = context.options.to;
  if (destination == "-" && context.options.json) {
    throw Error(ErrorKind::usage, "--to - and --json both want standard output", "leave one of them out");
  }
  const bool folder = !destination.empty() && (destination.back() == '/' || std::filesystem::is_directory(destination));
  if (destination.empty() || folder) {
    const std::string path = context.new_dump_path(source->describe().identity.name, std::chrono::system_clock::now());
    destination =
        folder ? (std::filesystem::path(destination) / std::filesystem::path(path).filename()).string() : path;
  }
  const std::unique_ptr<Store> target = context.open(destination);
  if (!target->is_dump()) {
    throw Error(ErrorKind::usage, "'" + destination + "' is a table, not a file",
                "bulk copy writes from table to table");
  }
  write_dump(context, *source, *target);
}

}  // namespace bulk
