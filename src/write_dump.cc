// Reads a table or a database into a new dump: goes on with an unfinished one where asked to, says in the header what
// the dump is of, and claims no more than the source holds (docs/format.md). One pipeline run, whatever the number of
// tables.
#include <chrono>
#include <filesystem>

#include "backends/dump/folder_store.h"
#include "backends/dump/part_file.h"
#include "backends/schema.h"
#include "io/error.h"
#include "src/backfill/selection.h"
#include "src/job.h"
#include "src/load.h"
#include "src/resume.h"
#include "src/text.h"

namespace bulk {
namespace {

// What a complete dump says of itself.
struct Published {
  std::string started;
  Count records;
  std::uint64_t raw_bytes = 0, stored_bytes = 0;
  bool consistent = false;
};

Published read_published(Store& dump) {
  if (auto* const folder = dynamic_cast<FolderStore*>(&dump)) {
    const DumpManifest& manifest = folder->manifest();
    Published published{
        manifest.header.started, {manifest.records, manifest.digest}, manifest.raw_bytes, 0, manifest.consistent};
    for (const ManifestPart& part : manifest.parts) published.stored_bytes += part.stored_bytes;
    return published;
  }
  const PartFile part(File::open_for_reading(dump.url()));
  const DumpFooter& footer = part.footer();
  return {
      part.header().started, {footer.records, footer.digest}, footer.raw_bytes, part.stored_bytes(), footer.consistent};
}

// The dump is whole already: the run that made it was killed between giving it its name and saying so.
bool was_published(AppContext& context, const JournalContent& before, Store& to) {
  if (!to.exists()) return false;
  const Published dump = read_published(to);
  if (dump.started != before.header.started) return false;
  const Tally total = before.total();
  // What was rejected stands in the journal alone; of a source without checkpoints it says nothing.
  if (!before.progress.empty() && !(total.written == dump.records)) return false;
  Summary& summary = context.summary;
  summary.written = dump.records.records;
  summary.rejected = total.rejected.records;
  summary.read = summary.resumed = summary.written + summary.rejected;
  summary.raw_bytes = dump.raw_bytes;
  summary.stored_bytes = dump.stored_bytes;
  summary.digest = dump.records.digest;
  summary.consistent = dump.consistent;
  summary.verified = Verified::content;
  context.progress.note(to.url() + " was complete already");
  return true;
}

// The tables of a source of rows; null of items.
std::shared_ptr<const RowSchema> tables_of(const TableFacts& facts, const Store& to, const Selection& selection) {
  if (facts.dialect != kRowsDialect) return nullptr;
  if (selection.any()) {
    throw Error(ErrorKind::usage, "--where and --transform are for items, and this source holds rows",
                "leave them out");
  }
  auto rows = std::make_shared<const RowSchema>(decode_row_schema(facts.schema.value().json));
  const bool folder = dynamic_cast<const FolderStore*>(&to) != nullptr;
  if (!folder && rows->tables.size() != 1) {
    throw Error(ErrorKind::usage,
                "a database of " + counted(rows->tables.size(), "table") + " does not fit into '" + to.url() + "'",
                "name a folder, or one table of it with #SCHEMA.TABLE");
  }
  return rows;
}

// The snapshot that an unfinished backup of a database was reading went with its run.
void refuse_other_snapshot(const AppContext& context, Store& from) {
  if (from.rows() == nullptr || context.options.not_consistent) return;
  throw Error(ErrorKind::refused,
              "what is left of " + from.url() + " would be of another point in time than what is in the dump",
              "start afresh, without --resume, or accept that with --not-consistent");
}

}  // namespace

void write_dump(AppContext& context, Store& from, Store& to, const std::string& stage, bool selected) {
  Summary& summary = context.summary;
  summary.source = from.url();
  summary.target = to.url();
  context.refuse_plain_dump(from);
  Selection selection(context, selected);
  if (from.rows() != nullptr && !context.options.dry_run) from.rows()->freeze(true);
  const TableFacts facts = from.describe();
  const std::shared_ptr<const RowSchema> rows = tables_of(facts, to, selection);
  summary.table = facts.identity.name;
  summary.rows = rows != nullptr;
  if (context.options.dry_run) {
    context.progress.note("would write " +
                          (facts.records && *facts.records > 0 ? "about " + counted(*facts.records, "record")
                                                               : std::string("all records")) +
                          " of " + from.url() + " to " + to.url());
    return;
  }

  const std::shared_ptr<Resume> resume = open_resume(context, from, to);
  bool resumed = resume && resume->goes_on("");
  if (resumed && was_published(context, resume->past(), to)) {
    report_rejects(context);
    return;
  }
  resumed = resumed && !resume->past().sink.empty();
  if (resumed) refuse_other_snapshot(context, from);

  WriteOptions write;
  write.jobs = effective_jobs(context.options);
  write.level = context.options.level;
  write.verify = context.options.verify;
  write.header.tool = "bulk " BULK_VERSION;
  write.header.dialect = facts.dialect;
  write.header.started = utc_iso8601(std::chrono::system_clock::now());
  if (resumed) {
    resume->go_on();
    write.checkpoints = resume->past().sink;
    summary.resumed = resume->past().total().read.records;
  } else if (resume) {
    if (resume->is_left_lying()) context.progress.note("'" + to.url() + ".partial' is begun afresh, without --resume");
    resume->begin(write.header.started, "", false, false, false);
  }
  write.header.source = facts.origin.empty() ? from.url() : facts.origin;
  write.header.stage = stage;
  write.header.table = facts.identity;
  write.header.selection_json = selection.json(facts.selection);
  write.rows = rows;
  if (rows) {
    write.header.schema_json = facts.schema->json;
    summary.not_copied = rows->not_copied;
  } else if (facts.schema) {
    write.header.schema_json = with_json(*facts.schema).json;
    summary.not_copied = settings_not_copied(*facts.schema);
  }

  context.progress.phase(summary.command, facts.records);
  std::unique_ptr<Sink> sink;
  const KeySchema* key = facts.schema && !rows ? &facts.schema->key : nullptr;
  Transfer transfer{.from = from, .key = key, .consistent = context.options.consistent_read};
  transfer.with_rejects = true;
  transfer.step = selection.step(key);
  transfer.resumed = resumed;
  transfer.is_rows = rows != nullptr;
  if (resume) transfer.checkpoint = &resume->checkpoint();
  transfer.reads = read_rate_limits(context.options, facts, false);
  const Totals totals = run_transfer(context, transfer, [&](const Source& source) -> Sink& {
    write.consistent_source = summary.consistent = source.consistent() && !resumed;
    write.header.distinct_keys = source.distinct_keys();
    if (!source.distinct_keys()) refuse_where(context, from);
    sink = to.sink(write);
    return *sink;
  });
  summary.take(totals);
  summary.stored_bytes = sink->stored_bytes();
  summary.verified = sink->compares_content() ? Verified::content : Verified::acknowledged;
  report_rejects(context);
}

}  // namespace bulk
