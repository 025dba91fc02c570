// bulk backfill rollback and status of tables of rows.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "backends/postgres/row_rollback.h"
#include "io/error.h"
#include "io/file.h"
#include "src/backfill/ledger.h"
#include "src/backfill/rows.h"
#include "src/backfill/status_text.h"
#include "src/progress_line.h"
#include "src/rejects.h"
#include "src/stall_watch.h"
#include "src/text.h"

namespace bulk {
namespace {

constexpr std::uint64_t kMostRejects = 100;

RowEntry known_entry(RowSession& session, const BackfillTarget& target, const std::string& url) {
  std::optional<RowEntry> entry =
      find_row_entry(session.connection(), target.job.name, format_pg_fragment(session.target().name));
  if (entry) return std::move(*entry);
  throw Error(ErrorKind::not_found, fmt::format("the job {} was not run on this {}", target.job.name, url),
              "the table bulk.backfills there lists the jobs that were");
}

void write_entry(RowSession& session, const RowEntry& entry, bool ended = false) {
  session.connection().run(update_row_entry(entry, ended), "write the ledger");
}

// Rows that others have changed, with what they are now; an empty report is none.
void write_report(RowRollback& rollback, const std::string& path) {
  std::error_code none;
  std::filesystem::remove(path, none);
  std::optional<File> file;
  rollback.list_changed([&](std::string_view line) {
    if (!file) file.emplace(File::create_new(path));
    file->write(line);
  });
  if (file) file->sync();
}

// Rows that could not be changed back.
std::uint64_t change_back(AppContext& context, RowRollback& rollback) {
  const Options& options = context.options;
  ProgressCounters& counters = context.progress.counters();
  ActivityBoard board(1);
  ActivityBoard::Seat seat(&board);
  StallLimits limits = stall_limits(options, context.summary.source, context.summary.target);
  limits.one_segment = true;
  const StallWatch watch(std::move(limits), board, counters, context.stats, context.stop);
  Rejects rejects(context.summary.source, options.rejects_file, options.max_rejects.value_or(kMostRejects));
  for (;;) {
    seat.doing(Doing::writing);
    const RowRollback::Batch batch = rollback.next();
    if (batch.end) break;
    if (batch.refused) {
      if (options.rejects_file.empty()) {
        throw Error(ErrorKind::failed,
                    fmt::format("{}: the row {} cannot be changed back: {}", context.summary.target, *batch.refused,
                                batch.reason),
                    "--rejects FILE sets such rows aside");
      }
      rejects.add({batch.reason, *batch.refused, 0, 0});
    }
    counters.records_read += batch.looked;
    counters.records_written += batch.looked;
    counters.updated += batch.restored;
    context.stop.check();
  }
  rejects.sync();
  return rejects.count();
}

BackfillEntry shown(const RowEntry& row, const std::string& url) {
  BackfillEntry entry;
  entry.job = row.version;
  entry.checksum = row.checksum;
  entry.target = url;
  entry.applied_by = row.applied_by;
  entry.started = row.applied_at;
  entry.completed = row.completed_at;
  for (const BackfillStatus status : {BackfillStatus::running, BackfillStatus::partial, BackfillStatus::completed,
                                      BackfillStatus::rolling_back, BackfillStatus::rolled_back}) {
    if (status_name(status) == row.status) entry.status = status;
  }
  entry.read = row.looked_at;
  entry.updated = row.rows;
  entry.rejected = row.rejected;
  entry.unchanged = row.looked_at - row.rows - row.rejected;
  entry.notes = row.notes;
  entry.undo = std::string(kBackfillSchema) + "." + row.undo;
  entry.backup = row.backup;
  return entry;
}

}  // namespace

void roll_back_rows(AppContext& context, BackfillTarget& target) {
  const Options& options = context.options;
  if (!options.dry_run) context.require_confirmation(*target.store, "change its records back");
  RowsJob rows = open_rows_session(context, target);
  RowSession& session = *rows.session;
  Summary& summary = context.summary;
  session.hold_lock(target.job.name);
  RowEntry entry = known_entry(session, target, summary.target);
  summary.backfill->undo = std::string(kBackfillSchema) + "." + entry.undo;
  if (entry.status == "rolled_back") {
    summary.backfill->status = entry.status;
    summary.backfill->already = true;
    summary.verified = Verified::acknowledged;
    return;
  }
  if (entry.target_oid != session.target().oid) {
    throw Error(ErrorKind::refused,
                fmt::format("the table was made anew since the job {} was run on it", target.job.name),
                "take what is needed from " + summary.backfill->undo + " by hand");
  }
  RowRollback rollback(session, entry);
  const std::uint64_t left = rollback.left();
  if (options.dry_run) {
    summary.read = left;
    summary.backfill->would_change = left;
    context.progress.note(
        fmt::format("would take back what still is as {} in {} say", counted(left, "row"), summary.backfill->undo));
    return;
  }
  make_backfill_folder(context);
  entry.status = "rolling_back";
  write_entry(session, entry);
  context.progress.phase(kRollbackPhase, left);
  std::uint64_t refused = 0;
  try {
    refused = change_back(context, rollback);
  } catch (const Error& error) {
    throw error.with_next_action("the same command goes on where it stopped");
  }
  const RowRollback::Outcome outcome = rollback.outcome();
  summary.written = outcome.restored;
  summary.filtered = outcome.as_before + outcome.changed_since;
  summary.rejected = refused;
  summary.read = summary.written + summary.filtered + summary.rejected;
  summary.verified = Verified::acknowledged;
  summary.backfill->as_before = outcome.as_before;
  summary.backfill->changed_since = outcome.changed_since;
  write_report(rollback, target.files.changed);
  if (outcome.changed_since > 0) summary.backfill->report = target.files.changed;
  if (refused > 0) {
    throw Error(ErrorKind::rejected, counted(refused, "record") + " could not be changed back",
                "see '" + options.rejects_file + "'; the same command tries again");
  }
  entry.status = "rolled_back";
  entry.notes.push_back(fmt::format("{}: rolled back: {} restored, {} as before already, {} changed since by others",
                                    utc_iso8601(std::chrono::system_clock::now()), outcome.restored, outcome.as_before,
                                    outcome.changed_since));
  write_entry(session, entry, true);
  summary.backfill->status = entry.status;
}

void show_rows(AppContext& context, BackfillTarget& target) {
  RowsJob rows = open_rows_session(context, target);
  const RowEntry entry = known_entry(*rows.session, target, context.summary.target);
  show_entry(context, shown(entry, context.summary.target),
             is_row_job_locked(rows.session->connection(), entry.version, entry.target));
}

bool show_all_rows(AppContext& context) {
  if (!context.stage || !is_postgres_url(context.stage->source)) return false;
  PgUrl url = parse_postgres_url(context.open(context.stage->source)->url());
  url.table.reset();
  const std::string database = format_postgres_url(url);
  PgConnection connection(url, database, context.stop);
  const std::vector<RowEntry> entries = all_row_entries(connection);
  for (const RowEntry& entry : entries) {
    show_entry(context, shown(entry, database + "#" + entry.target),
               is_row_job_locked(connection, entry.version, entry.target));
  }
  if (entries.empty()) context.progress.note("no backfill was run on " + database);
  return true;
}

}  // namespace bulk
