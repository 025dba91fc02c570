// bulk backfill rollback and status.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "io/error.h"
#include "src/backfill/rollback.h"
#include "src/backfill/rows.h"
#include "src/backfill/run.h"
#include "src/backfill/status_text.h"
#include "src/backfill/target.h"
#include "src/job.h"
#include "src/journal.h"
#include "src/progress_line.h"
#include "src/text.h"

namespace bulk {
namespace {

constexpr unsigned kWriters = 16;

std::string now_text() {
  return utc_iso8601(std::chrono::system_clock::now());
}

// The undo log alone is enough to take a job back: where the ledger has nothing to say, the log does.
BackfillEntry entry_to_roll_back(const BackfillTarget& target) {
  std::optional<BackfillEntry> entry = read_entry(target.files.ledger);
  if (entry && entry->target_id == target.target_id) return std::move(*entry);
  std::error_code none;
  if (!entry && std::filesystem::exists(target.files.undo, none)) {
    const UndoHeader header = UndoLogReader(target.files.undo).header();
    if (header.job == target.job.name && header.target_id == target.target_id) {
      BackfillEntry found;
      found.job = header.job;
      found.checksum = header.checksum;
      found.target = header.target;
      found.target_id = header.target_id;
      found.started = header.started;
      found.undo = target.files.undo;
      found.applied_by = applied_by();
      found.notes.push_back(now_text() + ": the ledger had no entry; this one was made from the undo log");
      return found;
    }
  }
  throw Error(ErrorKind::not_found,
              fmt::format("the job {} was not run on this {}", target.job.name, target.store->url()),
              "bulk backfill status lists the jobs that were run from here");
}

// What an unfinished or finished entry looks like right now: counts come from the journal while a job is under way.
void add_progress(const BackfillFiles& files, BackfillEntry& entry, bool& busy) {
  busy = false;
  if (entry.status != BackfillStatus::running) return;
  constexpr std::uint64_t kMostBytes = 256u << 20;  // some days of checkpoints
  const std::optional<JournalContent> journal = look_at_journal(files.journal, busy, kMostBytes);
  if (!journal) return;
  const Tally tally = journal->total();
  entry.read = tally.read.records;
  entry.updated = tally.written.records;
  entry.unchanged = tally.filtered.records;
  entry.rejected = tally.rejected.records;
}

void show(AppContext& context, BackfillEntry entry, const BackfillFiles& files) {
  bool busy = false;
  add_progress(files, entry, busy);
  show_entry(context, entry, busy);
}

}  // namespace

void roll_back_backfill(AppContext& context) {
  // What to take back is in the log: the job file only says which job, and may have changed since.
  BackfillTarget target = open_backfill(context, JobUse::name_alone);
  if (target.is_rows()) return roll_back_rows(context, target);
  const Options& options = context.options;
  if (!options.dry_run) context.require_confirmation(*target.store, "change its records back");
  make_backfill_folder(context);
  // The same lock as a run has: they do not meet.
  Journal journal(target.files.journal,
                  fmt::format("the backfill {} of {} is being done", target.job.name, target.store->url()));
  if (journal.past()) journal.keep();
  BackfillEntry entry = entry_to_roll_back(target);
  Summary& summary = context.summary;
  summary.backfill->undo = target.files.undo;
  if (entry.status == BackfillStatus::rolled_back) {
    summary.backfill->status = status_name(entry.status);
    summary.backfill->already = true;
    summary.verified = Verified::acknowledged;
    return;
  }

  context.progress.phase("reading the undo log", std::nullopt);
  const UndoIndex index =
      read_repeated(target.files.undo, target.key(), temporary_directory(context.stores.environment), entry.undo_bytes,
                    options.memory_bytes, context.stop);
  if (index.header.target_id != target.target_id || index.header.job != target.job.name) {
    throw Error(ErrorKind::corrupt, fmt::format("'{}' is the undo log of another job or table", target.files.undo),
                "look for the right one");
  }
  if (options.dry_run) {
    summary.read = index.changes;
    summary.backfill->would_change = index.changes;
    context.progress.note(
        fmt::format("would take back what still is as {} in the log say", counted(index.changes, "line")));
    return;
  }
  entry.status = BackfillStatus::rolling_back;
  write_entry(target.files.ledger, entry);

  std::error_code none;
  std::filesystem::remove(target.files.changed, none);  // of a rollback that was cut short: all of it is met again
  ReverseStep step(index);
  RollbackResolver resolver(target.files.changed);
  WriteOptions write;
  write.jobs = effective_jobs(options);
  const std::unique_ptr<Sink> sink = target.store->updater(write);
  Transfer transfer{.from = *target.store, .key = &target.key()};
  transfer.writes = write_rate_limits(options, target.facts, false);
  transfer.writers = kWriters;
  transfer.with_rejects = true;
  transfer.step = &step;
  transfer.conflicts = &resolver;
  transfer.open_source = [&] { return make_undo_source(target.files.undo, index.sound_bytes); };
  context.progress.phase(kRollbackPhase, index.changes);
  Totals totals;
  try {
    totals = run_transfer(context, transfer, [&sink](const Source&) -> Sink& { return *sink; });
  } catch (const Error& error) {
    throw error.with_next_action("the same command goes on where it stopped");
  }
  resolver.sync();
  summary.take(totals);
  summary.digest.reset();
  summary.verified = Verified::acknowledged;
  summary.backfill->as_before = resolver.as_before();
  summary.backfill->changed_since = resolver.changed_since();
  if (resolver.changed_since() > 0) summary.backfill->report = resolver.report();
  if (summary.rejected > 0) {
    throw Error(ErrorKind::rejected, counted(summary.rejected, "record") + " could not be changed back",
                "see '" + options.rejects_file + "'; the same command tries again");
  }
  entry.status = BackfillStatus::rolled_back;
  entry.completed = now_text();
  entry.notes.push_back(fmt::format("{}: rolled back: {} restored, {} as before already, {} changed since by others",
                                    entry.completed, summary.written, resolver.as_before(), resolver.changed_since()));
  write_entry(target.files.ledger, entry);
  summary.backfill->status = status_name(entry.status);
  journal.remove();
}

void show_backfills(AppContext& context) {
  const std::string state = state_directory(context.config, context.stores.environment);
  if (!context.argument(0).empty()) {
    BackfillTarget target = open_backfill(context);
    if (target.is_rows()) return show_rows(context, target);
    std::optional<BackfillEntry> entry = read_entry(target.files.ledger);
    if (!entry || entry->target_id != target.target_id) {
      throw Error(ErrorKind::not_found,
                  fmt::format("the job {} was not run on this {}", target.job.name, target.store->url()),
                  "bulk backfill status alone lists the jobs that were run from here");
    }
    show(context, std::move(*entry), target.files);
    return;
  }
  if (show_all_rows(context)) return;
  std::vector<std::string> damaged;
  std::vector<BackfillEntry> entries;
  if (!state.empty()) entries = all_entries(state, damaged);
  for (const std::string& path : damaged) context.warn("'" + path + "' is no ledger entry that can be read");
  for (BackfillEntry& entry : entries) {
    const std::string stem = entry.undo.substr(0, entry.undo.rfind(".undo.jsonl.zst"));
    show(context, std::move(entry), {stem + ".json", stem + ".journal", "", ""});
  }
  if (entries.empty()) context.progress.note("no backfill was run from here");
}

}  // namespace bulk
