// bulk backfill run of a table of rows: from the ledger's word on the job to the last batch.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "backends/postgres/row_backfill.h"
#include "codecs/digest.h"
#include "io/error.h"
#include "src/backfill/backup_first.h"
#include "src/backfill/deadline.h"
#include "src/backfill/rows.h"
#include "src/progress_line.h"
#include "src/rejects.h"
#include "src/stall_watch.h"
#include "src/text.h"

namespace bulk {
namespace {

constexpr std::uint64_t kMostRejects = 100;

std::string now_text() {
  return utc_iso8601(std::chrono::system_clock::now());
}

// A name of its own for each time that a job is begun; PostgreSQL takes 63 bytes.
std::string undo_name(const RowEntry& entry) {
  constexpr std::size_t kMostJobBytes = 63 - 5 - 9;
  const std::string salt = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  const Digest hash = hash128(entry.version + "\n" + entry.target + "\n" + salt);
  return fmt::format("undo_{}_{:08x}", entry.version.substr(0, kMostJobBytes), static_cast<std::uint32_t>(hash.low));
}

class RowsRun {
 public:
  RowsRun(AppContext& context, BackfillTarget& target)
      : context_(context), target_(target), rows_(open_rows(context, target)) {}

  void operator()() {
    RowSession& session = *rows_.session;
    const std::string name = format_pg_fragment(session.target().name);
    session.hold_lock(target_.job.name);
    std::optional<RowEntry> before = find_row_entry(session.connection(), target_.job.name, name);
    if (before && before->target_oid != session.target().oid) {
      context_.progress.note("the table was made anew since the job was last run on it: starting afresh");
      before.reset();
    }
    if (before && before->status == "rolling_back") {
      throw Error(ErrorKind::refused, fmt::format("the job {} is being rolled back", target_.job.name),
                  "bulk backfill rollback finishes that; then it can be run again");
    }
    if (before && before->status == "rolled_back") before.reset();
    if (before) check_same_file(*before);
    if (before && before->status == "completed") {
      report(*before, true);
      return;
    }
    std::error_code none;
    const bool has_backup = before && !before->backup.empty() && std::filesystem::exists(before->backup, none);
    check_protection(context_, *target_.store, has_backup);
    context_.refuse_plain_log(*target_.store);

    new_job_ = !before;
    RowEntry entry = before ? std::move(*before) : new_entry(name);
    if (context_.options.backup_first && !has_backup) {
      // By a store of its own, whose snapshot and locks go with it.
      const std::unique_ptr<Store> store = context_.open(target_.store->url());
      entry.backup = back_up_first(context_, *store, session.target().name.full());
    }
    context_.summary.backfill->backup = entry.backup;
    // Refused, where the file is there, before the job has begun.
    Rejects rejects(context_.summary.source, context_.options.rejects_file,
                    context_.options.max_rejects.value_or(kMostRejects), !new_job_);
    RowBackfill backfill(session, *rows_.sql, rows_.asked());
    start(backfill, std::move(entry));
    change_rows(backfill, rejects);
  }

 private:
  RowEntry new_entry(const std::string& name) const {
    RowEntry entry;
    entry.version = target_.job.name;
    entry.script = target_.job.text;
    entry.checksum = target_.job.checksum;
    entry.target = name;
    entry.target_oid = rows_.session->target().oid;
    entry.applied_by = applied_by();
    entry.narrowed = context_.options.where;
    entry.undo = undo_name(entry);
    return entry;
  }

  void check_same_file(const RowEntry& entry) const {
    if (entry.checksum == target_.job.checksum) return;
    throw Error(ErrorKind::refused,
                fmt::format("'{}' has changed since the job {} was {} on {}", target_.job.path, target_.job.name,
                            entry.status == "completed" ? "completed" : "begun", context_.summary.target),
                "give the changed job another name, or put the file back as it was");
  }

  void start(RowBackfill& backfill, RowEntry entry) {
    if (new_job_) {
      backfill.begin(std::move(entry));
      return;
    }
    // Rows that were set aside, or left out by another --where, are met again from the beginning.
    const bool another_pass =
        entry.narrowed != context_.options.where ||
        (entry.status == "partial" && (entry.rejected > 0 || !entry.narrowed.empty()) && entry.position.empty());
    if (another_pass) {
      entry.position.clear();
      entry.rows = entry.looked_at = entry.rejected = 0;
    }
    entry.status = "running";
    entry.narrowed = context_.options.where;
    resumed_ = entry.looked_at;
    if (resumed_ > 0) {
      context_.progress.note(fmt::format("going on behind {} of an earlier run", counted(resumed_, "record")));
    }
    backfill.go_on(std::move(entry));
  }

  void change_rows(RowBackfill& backfill, Rejects& rejects) {
    const Options& options = context_.options;
    Summary& summary = context_.summary;
    summary.backfill->undo = std::string(kBackfillSchema) + "." + backfill.entry().undo;
    context_.progress.phase(kBackfillPhase, rows_.session->target().estimated_rows);
    std::optional<Deadline> deadline;
    if (!options.until.empty()) {
      deadline.emplace(next_time_of_day(options.until, std::chrono::system_clock::now()), options.until, context_.stop);
    }
    bool limited = false;
    try {
      limited = pass_over(backfill, rejects);
      if (rows_.program) rows_.program->finish();
    } catch (const Error& error) {
      if (deadline && deadline->reached()) note_deadline();
      const bool cut_off = error.kind() == ErrorKind::remote || error.kind() == ErrorKind::locked;
      if (new_job_ && backfill.entry().rows == 0 && !cut_off && !context_.stop.stopped()) {
        forget(backfill);
        throw;
      }
      const bool useless = error.kind() == ErrorKind::usage || error.kind() == ErrorKind::refused;
      if (useless) throw;
      throw error.with_next_action("the same command goes on where it stopped");
    }
    finish(backfill, limited);
  }

  // Of a job that has changed nothing; the error that it ended with says more than one of this.
  static void forget(RowBackfill& backfill) {
    try {
      backfill.forget();
    } catch (const Error&) {
    }
  }

  // True: as many rows as --limit allows were changed.
  bool pass_over(RowBackfill& backfill, Rejects& rejects) {
    ProgressCounters& counters = context_.progress.counters();
    ActivityBoard board(1);
    ActivityBoard::Seat seat(&board);
    StallLimits limits = stall_limits(context_.options, context_.summary.source, context_.summary.target);
    limits.one_segment = true;
    const StallWatch watch(std::move(limits), board, counters, context_.stats, context_.stop);
    counters.records_read += backfill.entry().looked_at;
    counters.records_written += backfill.entry().looked_at;
    counters.updated += backfill.entry().rows;
    const std::uint64_t limit = context_.options.limit;
    for (std::uint64_t done = 0;;) {
      seat.doing(Doing::writing);
      const RowBackfill::Batch batch = backfill.next(limit > 0 ? limit - done : 0);
      if (batch.end) return false;
      std::uint64_t looked = batch.looked;
      if (batch.rejected) {
        reject(*batch.rejected, rejects);
        backfill.pass();
        looked = 1;
      }
      done += batch.changed;
      counters.records_read += looked;
      counters.records_written += looked;
      counters.updated += batch.changed;
      counters.left_out += looked - batch.changed;
      if (limit > 0 && done >= limit) return true;
      context_.stop.check();
    }
  }

  // Durable before the ledger says that the row was passed.
  void reject(const RowBackfill::Rejected& rejected, Rejects& rejects) {
    if (rejects.path().empty()) {
      throw Error(
          ErrorKind::failed,
          fmt::format("{}: the row {} cannot be changed: {}", context_.summary.target, rejected.key, rejected.reason),
          "correct the job or the row; --rejects FILE sets such rows aside");
    }
    rejects.add({rejected.reason, rejected.line, 0, 0});
    rejects.sync();
  }

  // The connection went with the stop: one of its own.
  void note_deadline() {
    try {
      Stop stop;
      RequestStats stats;
      const std::string url = context_.summary.target;
      RowSession session(parse_postgres_url(url), url, context_.stores.retry, stats, stop);
      std::optional<RowEntry> entry =
          find_row_entry(session.connection(), target_.job.name, format_pg_fragment(session.target().name));
      if (!entry || entry->status != "running") return;
      entry->notes.push_back(fmt::format("{}: stopped at {}, as --until wants", now_text(), context_.options.until));
      session.connection().run(update_row_entry(*entry), "write the ledger");
    } catch (const Error&) {
      // The note is for people; the position is right without it.
    }
  }

  void finish(RowBackfill& backfill, bool limited) {
    const bool narrowed = !context_.options.where.empty();
    const RowEntry& now = backfill.entry();
    const bool whole = !limited && !narrowed && now.rejected == 0;
    backfill.settle(
        [&](RowEntry& entry) {
          const auto note = [&](const std::string& text) {
            entry.notes.push_back(
                fmt::format("{}: {}: {} read, {} updated", now_text(), text, entry.looked_at, entry.rows));
          };
          entry.status = whole ? "completed" : "partial";
          if (limited)
            note(fmt::format("stopped after {}, as --limit wants", counted(context_.options.limit, "change")));
          if (narrowed) note("only records with " + context_.options.where);
          if (entry.rejected > 0) note(counted(entry.rejected, "record") + " could not be changed");
          if (!limited) entry.position.clear();
        },
        whole);
    report(backfill.entry(), false);
    if (now.rejected == 0) return;
    throw Error(ErrorKind::rejected, counted(now.rejected, "record") + " could not be changed",
                "see '" + context_.options.rejects_file + "'");
  }

  void report(const RowEntry& entry, bool already) {
    Summary& summary = context_.summary;
    summary.read = entry.looked_at;
    summary.written = entry.rows;
    summary.rejected = entry.rejected;
    summary.filtered = entry.looked_at - entry.rows - entry.rejected;
    summary.resumed = already ? 0 : resumed_;
    summary.verified = Verified::acknowledged;
    summary.backfill->undo = std::string(kBackfillSchema) + "." + entry.undo;
    summary.backfill->backup = entry.backup;
    summary.backfill->status = entry.status;
    summary.backfill->already = already;
  }

  AppContext& context_;
  BackfillTarget& target_;
  RowsJob rows_;
  bool new_job_ = false;  // the ledger had no entry that this run goes on with
  std::uint64_t resumed_ = 0;
};

}  // namespace

void run_rows(AppContext& context, BackfillTarget& target) {
  RowsRun(context, target)();
}

}  // namespace bulk
