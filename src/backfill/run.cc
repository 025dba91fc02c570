// bulk backfill run: from the ledger's word on the job to the proof that each record was changed once.
#include "src/backfill/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "io/error.h"
#include "src/backfill/backup_first.h"
#include "src/backfill/change_step.h"
#include "src/backfill/deadline.h"
#include "src/backfill/resolver.h"
#include "src/backfill/rollback.h"
#include "src/backfill/rows.h"
#include "src/backfill/target.h"
#include "src/job.h"
#include "src/journal.h"
#include "src/progress_line.h"
#include "src/text.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kWriters = 16;
constexpr const char* kUndoFrom = "undo_from";  // of the journal: where the pass begins in the undo log

std::string now_text() {
  return utc_iso8601(std::chrono::system_clock::now());
}

// The job is done already: what the ledger says is the result.
void report_completed(AppContext& context, const BackfillEntry& entry) {
  Summary& summary = context.summary;
  summary.read = entry.read;
  summary.written = entry.updated;
  summary.filtered = entry.unchanged;
  summary.backfill->conflicts = entry.conflicts;
  summary.backfill->undo = entry.undo;
  summary.backfill->status = status_name(entry.status);
  summary.backfill->already = true;
  summary.verified = Verified::acknowledged;
}

// The parts of a job that nothing goes on with any more: kept under other names. The ledger last, so that a kill in
// between leaves its word on the others.
void put_aside(const BackfillFiles& files) {
  const std::string suffix = fmt::format("-{}-{}", utc_file_stamp(std::chrono::system_clock::now()), ::getpid());
  const std::string stem = files.ledger.substr(0, files.ledger.rfind(".json"));
  std::error_code none;
  for (const std::string& file : {files.undo, files.changed, files.ledger}) {
    if (fs::exists(file, none)) fs::rename(file, stem + suffix + file.substr(stem.size()));
  }
  sync_folder_of(files.ledger);
}

class BackfillRun {
 public:
  BackfillRun(AppContext& context, BackfillTarget& target)
      : context_(context),
        target_(target),
        journal_(target.files.journal,
                 fmt::format("the backfill {} of {} is being done", target.job.name, target.store->url())),
        rules_(target.job, target.key(), context.options.where, context.options.write_put,
               context.options.memory_bytes / kBatchShare) {}

  void operator()() {
    std::optional<BackfillEntry> before = read_entry(target_.files.ledger);
    const bool remade = before && before->target_id != target_.target_id;
    if (before && !remade && before->status == BackfillStatus::rolling_back) {
      throw Error(ErrorKind::refused, fmt::format("the job {} is being rolled back", target_.job.name),
                  "bulk backfill rollback finishes that; then it can be run again");
    }
    if (remade) context_.progress.note("the table was made anew since the job was last run on it: starting afresh");
    if (remade || (before && before->status == BackfillStatus::rolled_back)) {
      put_aside(target_.files);
      before.reset();
    }
    if (before) check_same_job(target_, *before);
    if (before && before->status == BackfillStatus::completed) {
      journal_.remove();  // of a run that died before it could
      report_completed(context_, *before);
      return;
    }
    const bool has_backup = before && !before->backup.empty() && fs::exists(before->backup);
    check_protection(context_, *target_.store, has_backup);
    context_.refuse_plain_log(*target_.store);
    if (context_.options.write_put) {
      context_.warn(
          "--write put replaces whole records: what others write to one between our read and our write is lost, and "
          "one "
          "that they delete comes back");
    }

    new_job_ = !before;
    entry_ = before ? *before : new_entry();
    entry_.status = BackfillStatus::running;
    entry_.where = context_.options.where;
    if (context_.options.backup_first && !has_backup) {
      entry_.backup = back_up_first(context_, *target_.store, target_.facts.identity.name);
      context_.summary.backfill->backup = entry_.backup;
    }
    open_log(before.has_value());
    write_entry(target_.files.ledger, entry_);
    change_records();
  }

 private:
  BackfillEntry new_entry() const {
    BackfillEntry entry;
    entry.job = target_.job.name;
    entry.checksum = target_.job.checksum;
    entry.target = target_.store->url();
    entry.target_id = target_.target_id;
    entry.applied_by = applied_by();
    entry.started = now_text();
    entry.undo = target_.files.undo;
    return entry;
  }

  JournalHeader journal_header(std::uint64_t undo_from) const {
    JournalHeader header;
    header.tool = "bulk " BULK_VERSION;
    header.started = now_text();
    header.pid = ::getpid();
    header.work.command = "backfill run";
    header.work.source = header.work.target = target_.store->identity_text();
    header.work.source_id = header.work.target_id = target_.target_id;
    header.work.options = {{"job", target_.job.name},
                           {"checksum", target_.job.checksum},
                           {"--where", context_.options.where},
                           {kUndoFrom, std::to_string(undo_from)}};
    return header;
  }

  // Undo log, journal and what is in doubt: of this job's earlier runs, or new ones.
  void open_log(bool known_job) {
    const std::optional<JournalContent>& past = journal_.past();
    std::error_code none;
    const bool have_log = fs::exists(target_.files.undo, none);
    if (known_job && !have_log) {
      throw Error(
          ErrorKind::corrupt,
          fmt::format("the undo log '{}' is gone, and the job {} has begun", target_.files.undo, target_.job.name),
          "put it back; without it what was changed cannot be taken back");
    }
    if (!known_job) {
      if (have_log) remove_empty_log();
      const UndoHeader header{
          "bulk " BULK_VERSION, target_.job.name, target_.job.checksum, entry_.target, entry_.target_id,
          target_.key().text(), now_text()};
      log_ = UndoLog::create(target_.files.undo, header);
      begin(0);
      return;
    }
    std::map<std::uint32_t, std::uint64_t> settled;
    std::uint64_t undo_from = 0;
    const bool goes_on = past && same_work(*past);
    if (past) {
      for (const auto& [segment, progress] : past->progress) settled[segment] = progress.batches;
      const auto from = past->header.work.options.find(kUndoFrom);
      if (from != past->header.work.options.end()) undo_from = std::strtoull(from->second.c_str(), nullptr, 10);
    }
    UndoIndex index = read_doubts(target_.files.undo, target_.key(), settled, past ? undo_from : UINT64_MAX,
                                  entry_.undo_bytes, context_.stop);
    if (index.header.job != target_.job.name || index.header.target_id != target_.target_id) {
      throw Error(ErrorKind::corrupt, fmt::format("'{}' is the undo log of another job or table", target_.files.undo),
                  "move it away");
    }
    in_doubt_ = std::move(index.in_doubt);
    log_ = UndoLog::go_on(target_.files.undo, index.sound_bytes);
    if (goes_on) {
      journal_.go_on();
      checkpoint_.emplace(journal_, &*past);
      resumed_ = past->total().read.records;
      context_.progress.note(fmt::format("going on behind {} of an earlier run", counted(resumed_, "record")));
    } else {
      begin(index.sound_bytes);
    }
  }

  // A run that died before the ledger knew of it has logged nothing.
  void remove_empty_log() {
    const UndoIndex index = read_doubts(target_.files.undo, target_.key(), {}, UINT64_MAX, 0, context_.stop);
    if (index.changes > 0) {
      throw Error(ErrorKind::refused,
                  fmt::format("the undo log '{}' holds {} of the job {}, and the ledger does not know of them",
                              target_.files.undo, counted(index.changes, "change"), target_.job.name),
                  "take them back with bulk backfill rollback, or move the log away");
    }
    fs::remove(target_.files.undo);
  }

  bool same_work(const JournalContent& past) const {
    const std::map<std::string, std::string>& then = past.header.work.options;
    const auto option = [&](const char* name) {
      const auto found = then.find(name);
      return found == then.end() ? std::string() : found->second;
    };
    const bool same_segments =
        !context_.options.segments || past.segments.empty() || *context_.options.segments == past.segments.size();
    return option("checksum") == target_.job.checksum && option("--where") == context_.options.where && same_segments;
  }

  void begin(std::uint64_t undo_from) {
    journal_.begin(journal_header(undo_from));
    journal_.keep();
    checkpoint_.emplace(journal_, nullptr);
  }

  void change_records() {
    const Options& options = context_.options;
    Summary& summary = context_.summary;
    summary.backfill->undo = entry_.undo;
    summary.backfill->backup = entry_.backup;
    ChangeLog change_log(*log_, checkpoint_->past());
    ChangeStep step(rules_, options.write_put ? ChangeMode::log_and_put : ChangeMode::log_and_update, options.limit,
                    in_doubt_, context_.stop);
    BackfillResolver resolver(rules_, change_log, context_.stop);
    std::optional<Deadline> deadline;
    if (!options.until.empty()) {
      deadline.emplace(next_time_of_day(options.until, std::chrono::system_clock::now()), options.until, context_.stop);
    }

    WriteOptions write;
    write.jobs = effective_jobs(options);
    const std::unique_ptr<Sink> sink = options.write_put ? target_.store->sink(write) : target_.store->updater(write);
    Transfer transfer{.from = *target_.store, .key = &target_.key(), .consistent = options.consistent_read};
    transfer.reads = read_rate_limits(options, target_.facts, false);
    transfer.writes = write_rate_limits(options, target_.facts, false);
    transfer.writers = kWriters;
    transfer.with_rejects = true;
    transfer.resumed = resumed_ > 0;
    transfer.checkpoint = &*checkpoint_;
    transfer.step = &step;
    transfer.log = &change_log;
    transfer.conflicts = &resolver;
    transfer.enough = [&step] { return step.enough(); };
    context_.progress.phase(kBackfillPhase, target_.facts.records);
    Totals totals;
    try {
      totals = run_transfer(context_, transfer, [&sink](const Source&) -> Sink& { return *sink; });
    } catch (const Error& error) {
      if (deadline && deadline->reached()) {
        entry_.notes.push_back(fmt::format("{}: stopped at {}, as --until wants", now_text(), options.until));
        write_entry(target_.files.ledger, entry_);
      }
      if (new_job_ && !log_->appended()) {
        forget();
        throw;
      }
      const bool useless = error.kind() == ErrorKind::usage || error.kind() == ErrorKind::refused;
      if (useless) throw;
      throw error.with_next_action("the same command goes on where it stopped");
    }
    resolver.finish();
    log_->check_name();
    // Readers stop at the limit, whether or not something was held back by then.
    report(totals, options.limit > 0 && step.enough());
  }

  void report(const Totals& totals, bool limited) {
    Summary& summary = context_.summary;
    summary.take(totals);
    summary.resumed = resumed_;
    summary.verified = Verified::acknowledged;
    entry_.read = summary.read;
    entry_.updated = summary.written;
    entry_.unchanged = summary.filtered;
    entry_.rejected = summary.rejected;
    entry_.undo_bytes = log_->size_bytes();
    entry_.conflicts += context_.progress.counters().conflicts.load();
    summary.backfill->conflicts = entry_.conflicts;

    const bool narrowed = !context_.options.where.empty();
    const bool whole = !limited && !narrowed && summary.rejected == 0;
    entry_.status = whole ? BackfillStatus::completed : BackfillStatus::partial;
    if (whole) entry_.completed = now_text();
    if (limited) note(fmt::format("stopped after {}, as --limit wants", counted(context_.options.limit, "change")));
    if (narrowed) note("only records with " + context_.options.where);
    if (summary.rejected > 0) note(counted(summary.rejected, "record") + " could not be changed");
    write_entry(target_.files.ledger, entry_);
    summary.backfill->status = status_name(entry_.status);
    // The ledger has the result. A run that was limited goes on from the journal; what was rejected, or left out by
    // --where, is met again by a run from the beginning.
    if (!limited) journal_.remove();
    if (summary.rejected == 0) return;
    throw Error(ErrorKind::rejected, counted(summary.rejected, "record") + " could not be changed",
                "see '" + context_.options.rejects_file + "'");
  }

  // Nothing was changed, and nothing logged: the job has not begun, and may be corrected under its name.
  void forget() {
    std::error_code none;
    fs::remove(target_.files.ledger, none);
    fs::remove(target_.files.undo, none);
    journal_.remove();
  }

  void note(const std::string& text) {
    entry_.notes.push_back(fmt::format("{}: {}: {} read, {} updated", now_text(), text, entry_.read, entry_.updated));
  }

  AppContext& context_;
  BackfillTarget& target_;
  Journal journal_;
  ChangeRules rules_;
  BackfillEntry entry_;
  std::unique_ptr<UndoLog> log_;
  std::optional<Checkpoint> checkpoint_;
  Doubts in_doubt_;
  std::uint64_t resumed_ = 0;
  bool new_job_ = false;  // the ledger had no entry that this run goes on with
};

}  // namespace

void run_backfill(AppContext& context) {
  if (context.options.sample > 0 && !context.options.dry_run) {
    throw Error(ErrorKind::usage, "--sample goes with --dry-run", "--limit N changes so many records");
  }
  if (context.options.dry_run) {
    preview_backfill(context);
    return;
  }
  BackfillTarget target = open_backfill(context);
  if (target.is_rows()) return run_rows(context, target);
  make_backfill_folder(context);
  BackfillRun(context, target)();
}

}  // namespace bulk
