// One load from its first question to its last: what is to be loaded, whether it may be, the tables, the rows, the
// proof, and what was left for the end. Everything that may be refused is refused before the first row is written.
// Called by the command's thread.
#include "src/load_rows.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "codecs/row_schema.h"
#include "io/error.h"
#include "src/backfill/selection.h"
#include "src/compare.h"
#include "src/job.h"
#include "src/load.h"
#include "src/protection.h"
#include "src/resume.h"
#include "src/text.h"

namespace bulk {
namespace {

using Phrases = std::vector<std::string>;

struct Plan {
  TableFacts source;
  std::shared_ptr<const RowSchema> rows;  // of the tables to be loaded
  bool create = false;
  bool was_empty = false;  // or is created by this run; of a resumed one: when the work began
  bool resumed = false;
  bool ours = false;  // this work has made the tables
};

std::string first_of(const Phrases& phrases) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, phrases.size()); ++i) text += (i == 0 ? "" : ", ") + phrases[i];
  if (phrases.size() > kShown) text += fmt::format(" and {} more", with_separators(phrases.size() - kShown));
  return text;
}

// A table is named as `public.orders`, or as `orders` in any schema; both may hold `*`.
bool is_named(const RowTable& table, const std::string& pattern) {
  return matches_pattern(pattern, table.full_name()) || matches_pattern(pattern, table.name);
}

std::shared_ptr<const RowSchema> choose_tables(const Options& options, const RowSchema& all,
                                               const std::string& source) {
  if (options.tables.empty()) return std::make_shared<const RowSchema>(all);
  RowSchema chosen = all;
  std::erase_if(chosen.tables, [&](const RowTable& table) {
    return std::none_of(options.tables.begin(), options.tables.end(),
                        [&](const std::string& pattern) { return is_named(table, pattern); });
  });
  for (const std::string& pattern : options.tables) {
    if (std::none_of(chosen.tables.begin(), chosen.tables.end(),
                     [&](const RowTable& table) { return is_named(table, pattern); })) {
      throw Error(ErrorKind::not_found, fmt::format("no table '{}' in {}", pattern, source), "bulk inspect lists them");
    }
  }
  if (chosen.tables.size() < all.tables.size() && options.create) {
    throw Error(ErrorKind::usage, "--create makes the whole schema of a dump, not some of its tables",
                "make the tables first, or leave --table out");
  }
  std::erase_if(chosen.sequences, [&](const RowSequence& sequence) {
    return std::none_of(chosen.tables.begin(), chosen.tables.end(),
                        [&](const RowTable& table) { return table.full_name() == sequence.table; });
  });
  if (chosen.tables.size() < all.tables.size()) chosen.materialized_views.clear();
  return std::make_shared<const RowSchema>(std::move(chosen));
}

void refuse_flags_of_items(AppContext& context) {
  const Options& options = context.options;
  if (options.max_rcu > 0 || options.max_wcu > 0 || options.capacity_percent) {
    context.warn("--max-rcu, --max-wcu and --capacity-percent are for DynamoDB: --bwlimit slows a load of rows down");
  }
  if (!context.options.key.empty()) {
    throw Error(ErrorKind::usage, "--key is for items; rows have the key of their table", "leave it out");
  }
  if (Selection(context).any()) {
    throw Error(ErrorKind::usage, "--where and --transform are for items, and this source holds rows",
                "leave them out");
  }
}

// Which of all targets of its name it is. A table that this work makes has no OID before it is made: then it is the
// database that counts.
std::string target_id(Store& to, bool created) {
  if (!created) return to.incarnation();
  const std::string identity = to.identity_text();
  return identity.substr(0, identity.find(" #"));
}

// Fills in whether the tables are there, may be made, and may be written into.
void look_at_target(AppContext& context, Plan& plan, Store& to, Resume* resume) {
  const Options& options = context.options;
  const RowStore::Match match = to.rows()->match(*plan.rows);
  if (!match.missing.empty() && !options.create) {
    throw Error(ErrorKind::not_found,
                fmt::format("{} does not have {}: {}", to.url(), counted(match.missing.size(), "table"),
                            first_of(match.missing)),
                "add --create to make them");
  }
  const bool none_there = match.missing.size() == plan.rows->tables.size();
  if (!match.missing.empty() && !none_there) {
    throw Error(ErrorKind::refused,
                fmt::format("{} has some of the tables, but not {}", to.url(), first_of(match.missing)),
                "--create makes all of them or none: use an empty database, or make the missing ones first");
  }
  if (!match.differing.empty()) {
    throw Error(ErrorKind::refused, fmt::format("{} differs from the source: {}", to.url(), first_of(match.differing)),
                "change the table, or use --create in an empty database");
  }
  const bool resumed = resume != nullptr && resume->goes_on(target_id(to, resume->was_creating()));
  if (resumed && (!none_there || resume->past().header.created)) {
    plan.resumed = true;
    plan.was_empty = resume->past().header.was_empty;
    plan.ours = resume->past().header.created;
    plan.create = none_there;
    return;
  }
  plan.create = plan.ours = none_there && (options.create || !plan.rows->tables.empty());
  plan.was_empty = match.holding_rows.empty();
  const bool left = resume != nullptr && resume->is_left_lying();
  if (!plan.was_empty && !options.force && !options.only_missing) {
    throw Error(ErrorKind::refused, fmt::format("{} holds rows in {}", to.url(), first_of(match.holding_rows)),
                std::string(left ? "--resume goes on with the unfinished run of this load, " : "") +
                    "--force merges (rows of the same primary key are replaced), --only-missing adds only new ones");
  }
  if (!options.create || plan.create) return;
  // Tables of a run that was cut short have neither indexes nor constraints yet.
  if (left && resume->was_creating()) {
    throw Error(ErrorKind::refused,
                fmt::format("the tables in {} are those of an unfinished run of this load", to.url()),
                "--resume goes on with it; or drop them");
  }
  context.warn(fmt::format("the tables are there in {} and {}; they were not created", to.url(),
                           plan.was_empty ? "hold no rows" : "hold rows"));
}

// Reads the tables back and compares them, one by one, with what was written.
void read_back(AppContext& context, const Plan& plan, Store& to, const Totals& written) {
  context.progress.phase("reading " + to.url(), written.net().records);
  Fingerprint ignored;
  const std::unique_ptr<Sink> sink = make_fingerprint_sink(ignored);
  Transfer transfer{.from = to, .is_rows = true, .rows = plan.rows};
  const Totals found = run_transfer(context, transfer, [&sink](const Source&) -> Sink& { return *sink; });
  for (std::uint32_t i = 0; i < plan.rows->tables.size(); ++i) {
    const auto count_in = [i](const Totals& totals) {
      const auto place = totals.tables.find(i);
      return place == totals.tables.end() ? Count() : place->second;
    };
    const Count wanted = count_in(written);
    const Count there = count_in(found);
    if (wanted == there) continue;
    throw Error(ErrorKind::corrupt,
                fmt::format("verification failed: {} of {} were acknowledged by {}, but {} are there or their content "
                            "differs",
                            counted(wanted.records, "row"), plan.rows->tables[i].full_name(), to.url(),
                            counted(there.records, "row")),
                "is something else writing to the table, or a trigger changing rows?");
  }
}

// A dump's frames stay what they are; what is read of a database in a second run is of another time.
std::shared_ptr<Resume> resume_of(AppContext& context, Store& from, Store& to) {
  if (context.options.dry_run) return nullptr;
  if (from.rows() == nullptr) return open_resume(context, from, to);
  if (!context.options.resume) return nullptr;
  throw Error(ErrorKind::usage, "a copy of a database cannot be gone on with: its point in time went with the run",
              "empty the target and run again, or restore a backup");
}

void show_plan(AppContext& context, const Plan& plan, const Store& from, const Store& to) {
  context.progress.note(
      "would write " + (plan.source.records ? counted(*plan.source.records, "row") : std::string("all rows")) + " in " +
      counted(plan.rows->tables.size(), "table") + " of " + from.url() + " into " + to.url() +
      (plan.create ? ", where the tables would be created" : "") + (plan.was_empty ? "" : ", which holds rows"));
}

Totals load_all(AppContext& context, const Plan& plan, Store& from, Store& to, Resume* resume) {
  WriteOptions write;
  write.jobs = effective_jobs(context.options);
  write.rows = plan.rows;
  write.resumed = plan.resumed;
  write.only_missing = context.options.only_missing && !plan.was_empty;
  write.replace = context.options.force && !plan.was_empty;
  write.load_id = resume != nullptr ? resume->work_id() : new_work_id(from.identity_text() + to.identity_text());
  const std::unique_ptr<Sink> sink = to.sink(write);
  Transfer transfer{.from = from, .is_rows = true, .rows = plan.rows};
  transfer.writers = write.jobs;
  transfer.with_rejects = true;
  transfer.resumed = plan.resumed;
  if (resume != nullptr) transfer.checkpoint = &resume->checkpoint();
  try {
    return run_transfer(context, transfer, [&sink](const Source&) -> Sink& { return *sink; });
  } catch (const Error&) {
    const ProgressCounters& counters = context.progress.counters();
    context.summary.read = counters.records_read.load();
    context.summary.written = counters.records_written.load();
    if (context.summary.written > 0 && resume == nullptr) {
      context.progress.note(
          fmt::format("bulk: {} holds {} of this run", to.url(), counted(context.summary.written, "row")));
    }
    throw;
  }
}

}  // namespace

void load_rows(AppContext& context, Store& from, Store& to) {
  Summary& summary = context.summary;
  if (to.rows() == nullptr) {
    throw Error(ErrorKind::usage, fmt::format("{} holds rows, and {} takes items", from.url(), to.url()),
                "restore it into postgresql://...");
  }
  summary.rows = true;
  refuse_flags_of_items(context);
  context.require_confirmation(to, "write into it");
  if (same_identity(from.identity_text(), to.identity_text())) {
    throw Error(ErrorKind::refused, "source and target are the same: " + to.url());
  }
  if (from.rows() != nullptr && !context.options.dry_run) from.rows()->freeze(context.options.create);
  Plan plan;
  plan.source = from.describe();
  plan.rows = choose_tables(context.options, decode_row_schema(plan.source.schema.value().json), from.url());
  const std::shared_ptr<Resume> resume = resume_of(context, from, to);
  look_at_target(context, plan, to, resume.get());
  summary.table = plan.source.identity.name;
  if (context.options.dry_run) {
    show_plan(context, plan, from, to);
    return;
  }
  if (plan.create && plan.rows->pre_data.empty()) {
    throw Error(ErrorKind::usage, fmt::format("{} does not say how its tables are made", from.url()),
                "restore the folder that it is a part of, or make the tables first");
  }

  // A part that is missing or another one shows when the dump is opened: before tables are made that would stay without
  // their indexes.
  if (plan.create && from.rows() == nullptr && from.rereadable()) {
    ReadOptions read;
    read.rows = plan.rows;
    from.source(read);
  }

  // The journal says that the tables are ours before they are: their indexes and constraints are still to come.
  if (resume && plan.resumed) {
    resume->go_on();
    summary.resumed = resume->past().total().read.records;
  } else if (resume) {
    resume->begin(utc_iso8601(std::chrono::system_clock::now()), target_id(to, plan.ours), plan.was_empty, plan.ours,
                  true);
  }
  if (plan.create) {
    context.progress.note("creating " + counted(plan.rows->tables.size(), "table") + " in " + to.url());
    to.rows()->create_rows(*plan.rows, context.options.owners);
  }

  context.progress.phase("writing", plan.source.records);
  const Totals totals = load_all(context, plan, from, to, resume.get());
  summary.take(totals);
  summary.verified = Verified::acknowledged;
  if (plan.was_empty && context.options.verify) {
    read_back(context, plan, to, totals);
    if (resume) resume->note_verified();
    summary.verified = Verified::content;
  }

  context.progress.phase(plan.ours ? "building indexes and constraints" : "finishing", std::nullopt);
  RowSchema rest = *plan.rows;
  // Where there were rows before, sequences may stand further on than in the source.
  if (!plan.was_empty) rest.sequences.clear();
  summary.not_copied = plan.rows->not_copied;
  for (std::string& phrase :
       to.rows()->finish_rows(rest, plan.ours, context.options.owners, effective_jobs(context.options))) {
    context.warn(phrase);
  }
  report_rejects(context);
}

}  // namespace bulk
