// bulk backup [SOURCE] [--stage S] [--to DEST]: reads a table into a dump, or a database into a folder of them.
#include <filesystem>

#include "backends/dump/folder_store.h"
#include "backends/postgres/url.h"
#include "io/error.h"
#include "src/commands/commands.h"
#include "src/load.h"
#include "src/resume.h"

namespace bulk {
namespace {

// A whole database becomes a folder.
bool is_database(Store& source) {
  return source.rows() != nullptr && !parse_postgres_url(source.url()).table;
}

// Nobody has named the file: a new one, or the unfinished one that --resume means.
std::string dump_in(AppContext& context, Store& source, const std::string& folder) {
  const auto unfinished = source.rereadable() ? unfinished_dump(context, source, folder) : std::nullopt;
  if (unfinished && context.options.resume) return *unfinished;
  if (unfinished) context.progress.note("'" + *unfinished + ".partial' is unfinished: --resume goes on with it");
  const std::string path = context.new_dump_path(source.describe().identity.name, std::chrono::system_clock::now(),
                                                 is_database(source) ? "" : ".jsonl.zst");
  return (std::filesystem::path(folder) / std::filesystem::path(path).filename()).string();
}

std::unique_ptr<Store> open_target(AppContext& context, Store& source, const std::string& destination) {
  if (!is_database(source)) return context.open(destination);
  for (const char* extension : {".zst", ".gz", ".jsonl", ".json", "-"}) {
    if (!destination.ends_with(extension)) continue;
    throw Error(ErrorKind::usage, "a database becomes a folder, and '" + destination + "' is a file's name",
                "name a folder, or one table with #SCHEMA.TABLE");
  }
  if (destination.find("://") != std::string::npos) return context.open(destination);
  return std::make_unique<FolderStore>(destination, context.stop);
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
  const std::unique_ptr<Store> target = open_target(context, *source, destination);
  if (!target->is_dump()) {
    throw Error(ErrorKind::usage, "'" + destination + "' is a table, not a file",
                "bulk copy writes from table to table");
  }
  // A dump belongs to a stage only when that is where it was taken from: `latest` relies on it.
  const bool of_stage = context.stage && context.argument(0).empty();
  write_dump(context, *source, *target, of_stage ? context.stage->name : "");
}

}  // namespace bulk
