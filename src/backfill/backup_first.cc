#include "src/backfill/backup_first.h"

#include <chrono>

#include "io/error.h"
#include "src/compare.h"
#include "src/job.h"
#include "src/load.h"
#include "src/resume.h"

namespace bulk {

std::string back_up_first(AppContext& context, Store& store, const std::string& table) {
  const std::string path = context.new_dump_path(table, std::chrono::system_clock::now());
  const std::unique_ptr<Store> dump = context.open(path);
  context.progress.note("backing up to '" + path + "'");
  const Summary before = context.summary;
  context.summary.command = "backup";
  try {
    write_dump(context, store, *dump, context.stage ? context.stage->name : "", false);
    if (context.resume) context.resume->end();
  } catch (const Error& error) {
    context.summary = before;
    context.resume.reset();  // what goes on is the backfill, and it has not begun
    throw error.in("the backup before the backfill");
  }
  context.summary = before;
  context.resume.reset();

  const TableFacts facts = dump->describe();
  context.progress.phase("verifying the backup", facts.records);
  Fingerprint fingerprint;
  const std::unique_ptr<Sink> sink = make_fingerprint_sink(fingerprint);
  const bool is_rows = facts.dialect == kRowsDialect;
  Transfer transfer{.from = *dump, .key = facts.schema && !is_rows ? &facts.schema->key : nullptr};
  transfer.is_rows = is_rows;
  run_transfer(context, transfer, [&sink](const Source&) -> Sink& { return *sink; });
  return path;
}

}  // namespace bulk
