// bulk backup [SOURCE] [--stage S] [--to DEST]: reads a table into a dump.
#include <filesystem>

#include "io/error.h"
#include "src/commands/commands.h"
#include "src/load.h"
#include "src/resume.h"

namespace bulk {
namespace {

// Nobody has named the file: a new one, or the unfinished one that --resume means.
std::string dump_in(AppContext& context, Store& source, const std::string& folder) {
  const auto unfinished = source.rereadable() ? unfinished_dump(context, source, folder) : std::nullopt;
  if (unfinished && context.options.resume) return *unfinished;
  if (unfinished) context.progress.note("'" + *unfinished + ".partial' is unfinished: --resume goes on with it");
  const std::string path = context.new_dump_path(source.describe().identity.name, std::chrono::system_clock::now());
  return (std::filesystem::path(folder) / std::filesystem::path(path).filename()).string();
}

}  // namespace

void run_backup(AppContext& context) {
  const std::unique_ptr<Store> source = context.open(context.endpoint(context.argument(0), "SOURCE"));
  context.summary.source = source->url();
  std::string destination = context.options.to;
  if (destination == "-" && context.options.json) {
    throw Error(ErrorKind::usage, "--to - and --json both want standard output", "leave one of them out");
  }
  const bool folder = !destination.empty() && (destination.back() == '/' || std::filesystem::is_directory(destination));
  if (destination.empty() || folder) {
    destination = dump_in(context, *source, folder ? destination : context.backup_directory());
  }
  const std::unique_ptr<Store> target = context.open(destination);
  if (!target->is_dump()) {
    throw Error(ErrorKind::usage, "'" + destination + "' is a table, not a file",
                "bulk copy writes from table to table");
  }
  // A dump belongs to a stage only when that is where it was taken from: `latest` relies on it.
  const bool of_stage = context.stage && context.argument(0).empty();
  write_dump(context, *source, *target, of_stage ? context.stage->name : "");
}

}  // namespace bulk
