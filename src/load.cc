#include "src/load.h"

#include <algorithm>
#include <chrono>

#include "backends/schema.h"
#include "io/error.h"
#include "src/backfill/selection.h"
#include "src/job.h"
#include "src/load_rows.h"
#include "src/protection.h"
#include "src/resume.h"
#include "src/text.h"

namespace bulk {
namespace {

// At most; a sink says how many make sense.
constexpr unsigned kWriters = 16;

// What is to be written, after all questions that may end the run have been answered.
struct Plan {
  TableFacts source;
  TableFacts target;
  TableSchema schema;
  bool create = false;
  bool was_empty = false;  // or is created by this run; of a resumed one: when the work began
  bool resumed = false;    // goes on where an earlier run has stopped
  bool ours = false;       // this work has made the table, or was told to and found it there and empty
};

std::string quoted_name(const Store& store) {
  return "'" + store.url() + "'";
}

TableSchema schema_to_create(const Options& options, const TableFacts& source) {
  if (source.schema) return with_json(*source.schema);
  if (!options.key.empty()) return schema_from_key(KeySchema::parse(options.key));
  throw Error(ErrorKind::usage, "the source does not say what the table's key is",
              "give it, for example --key pk:S,sk:S");
}

// Two names of one table: the same identity, unless the tables themselves say that they are two (one name in two
// accounts, when the credentials do not tell which).
bool one_table(Store& from, const TableFacts& source, Store& to, const TableFacts& target) {
  if (!same_identity(from.identity_text(), to.identity_text())) return false;
  const TableIdentity& first = source.identity;
  const TableIdentity& second = target.identity;
  const bool both_known = !first.id.empty() && !second.id.empty();
  return !both_known || (first.id == second.id && first.arn == second.arn);
}

Plan make_plan(AppContext& context, Store& from, Store& to, Resume* resume) {
  const Options& options = context.options;
  context.require_confirmation(to, "write into it");
  Plan plan;
  plan.source = from.describe();
  if (plan.source.schema && !options.key.empty() && !(KeySchema::parse(options.key) == plan.source.schema->key)) {
    throw Error(ErrorKind::refused,
                "the source's key is " + plan.source.schema->key.text() + ", --key says " + options.key,
                "leave --key out");
  }
  if (!to.exists()) {
    if (!options.create) {
      throw Error(ErrorKind::not_found, "no table " + quoted_name(to), "add --create to make it");
    }
    if (resume != nullptr) resume->goes_on("");
    plan.create = plan.was_empty = plan.ours = true;
    plan.schema = schema_to_create(options, plan.source);
    return plan;
  }
  plan.target = to.describe();
  if (one_table(from, plan.source, to, plan.target)) {
    throw Error(ErrorKind::refused, "source and target are the same table: " + to.url());
  }
  plan.schema = *plan.target.schema;
  std::optional<KeySchema> wanted;
  if (!options.key.empty()) wanted = KeySchema::parse(options.key);
  if (plan.source.schema) wanted = plan.source.schema->key;
  if (wanted && !(*wanted == plan.schema.key)) {
    throw Error(ErrorKind::refused,
                "the key schema differs: the source has " + wanted->text() + ", table " + quoted_name(to) + " has " +
                    plan.schema.key.text(),
                "restore into another table, or delete this one and use --create");
  }
  if (resume != nullptr && resume->goes_on(incarnation_of(plan.target.identity))) {
    plan.resumed = true;
    plan.was_empty = resume->past().header.was_empty;
    plan.ours = resume->past().header.created;
    return plan;
  }
  plan.was_empty = to.is_empty();
  plan.ours = options.create && plan.was_empty;
  if (!plan.was_empty && !options.force && !options.only_missing) {
    const bool left = resume != nullptr && resume->is_left_lying();
    throw Error(ErrorKind::refused, "table " + quoted_name(to) + " holds data",
                std::string(left ? "--resume goes on with the unfinished run of this load, " : "") +
                    "--force merges (records with the same key are replaced), --only-missing adds only new keys");
  }
  if (options.create) {
    context.warn("table " + quoted_name(to) + " exists and " + (plan.was_empty ? "is empty" : "holds data") +
                 "; it was not created");
  }
  return plan;
}

void show_plan(AppContext& context, const Plan& plan, const Store& from, const Store& to) {
  context.progress.note("would write " +
                        (plan.source.records ? counted(*plan.source.records, "record") : std::string("all records")) +
                        " of " + from.url() + " into " + to.url() + (plan.create ? ", which would be created" : "") +
                        (plan.was_empty ? "" : ", which holds data"));
}

// Reads the target back and compares it with what was written. Throws Error(corrupt) naming keys when they differ.
void read_back(AppContext& context, Store& from, Store& to, const KeySchema& key, const Count& written) {
  Fingerprint fingerprint;
  const std::unique_ptr<Sink> sink = make_fingerprint_sink(fingerprint);
  const Common common{key, nullptr};
  const ComparedSide target = compared_side(context, to, common, to.url());
  const Count found = target.run(*sink).net();
  if (found == written) return;

  std::string sample;
  if (from.rereadable()) {
    constexpr int kSample = 3;
    int shown = 0;
    const Comparison comparison = compare_stores(context, from, to, common, [&](Difference, std::string_view key_text) {
      if (shown++ < kSample) sample += (sample.empty() ? ", for example " : ", ") + std::string(key_text);
    });
    if (comparison.same() && comparison.second == written) return;  // a reply that was late, not a difference
  }
  throw Error(ErrorKind::corrupt,
              "verification failed: " + counted(written.records, "record") + " were acknowledged by " + to.url() +
                  ", but " + counted(found.records, "record") + " are there or their content differs" + sample,
              "is something else writing to the table? bulk verify DUMP --against TARGET looks again");
}

// A load that ends early says what is in the target now: the next command depends on it.
Totals load_records(AppContext& context, const Transfer& transfer, Sink& sink, const Store& to, bool was_empty) {
  bool in_order = false;
  try {
    return run_transfer(context, transfer, [&](const Source& source) -> Sink& {
      in_order = !source.distinct_keys();
      if (in_order) refuse_where(context, transfer.from);
      if (in_order && context.options.only_missing) {
        throw Error(
            ErrorKind::usage,
            transfer.from.url() + " may hold a key twice, and --only-missing would keep the first record, not the last",
            "use --force, or another table");
      }
      return sink;
    });
  } catch (const Error&) {
    const ProgressCounters& counters = context.progress.counters();
    context.summary.read = counters.records_read.load();
    context.summary.written = counters.records_written.load();
    if (context.summary.written > 0 && context.resume == nullptr) {
      context.progress.note("bulk: " + to.url() + " holds " + counted(context.summary.written, "record") +
                            " of this run" +
                            (was_empty  ? "; delete it and run again with --create, or go on with --force"
                             : in_order ? "; --force writes all again"
                                        : "; --only-missing adds the others, --force writes all again"));
    }
    throw;
  }
}

// What was off during the load, and what the table has otherwise than the dump.
void finish_settings(AppContext& context, const Plan& plan, Store& to) {
  Summary& summary = context.summary;
  if (!plan.ours) {
    if (!plan.source.schema) return;
    for (const std::string& name : differing_settings(*plan.source.schema, plan.schema)) {
      summary.not_copied.push_back(name + " (the table keeps its own)");
    }
    return;
  }
  const TableSchema& wanted = plan.create ? plan.schema : plan.source.schema ? *plan.source.schema : plan.schema;
  constexpr std::string_view kFailed = "FAILED: ";
  for (std::string& phrase : to.finish_create(with_json(wanted))) {
    if (phrase.starts_with(kFailed)) context.warn("could not be set: " + phrase.substr(kFailed.size()));
    summary.not_copied.push_back(std::move(phrase));
  }
}

}  // namespace

void refuse_where(const AppContext& context, const Store& from) {
  if (context.options.where.empty()) return;
  throw Error(ErrorKind::usage,
              from.url() + " may hold a key twice, and --where could bring back a record that a later one has replaced",
              "restore it without --where, then copy with it");
}

void report_rejects(const AppContext& context) {
  if (context.summary.rejected == 0) return;
  throw Error(ErrorKind::rejected, counted(context.summary.rejected, "record") + " could not be written",
              "see '" + context.options.rejects_file + "'");
}

void load(AppContext& context, Store& from, Store& to) {
  Summary& summary = context.summary;
  summary.source = from.url();
  summary.target = to.url();
  if (to.is_dump()) {
    write_dump(context, from, to, "");
    return;
  }
  if (from.rows() != nullptr || from.describe().dialect == kRowsDialect) {
    load_rows(context, from, to);
    return;
  }
  const std::shared_ptr<Resume> resume = context.options.dry_run ? nullptr : open_resume(context, from, to);
  Plan plan = make_plan(context, from, to, resume.get());
  summary.table = plan.target.identity.name;
  if (context.options.dry_run) {
    show_plan(context, plan, from, to);
    return;
  }
  if (plan.create) {
    context.progress.note("creating " + to.url());
    to.create(plan.schema);
    plan.target = to.describe();
    summary.table = plan.target.identity.name;
  }

  if (resume && plan.resumed) {
    resume->go_on();
    summary.resumed = resume->past().total().read.records;
  } else if (resume) {
    resume->begin(utc_iso8601(std::chrono::system_clock::now()), incarnation_of(plan.target.identity), plan.was_empty,
                  plan.ours, true);
  }

  context.progress.phase("writing", plan.source.records);
  WriteOptions write;
  write.jobs = effective_jobs(context.options);
  write.only_missing = context.options.only_missing;
  const std::unique_ptr<Sink> sink = to.sink(write);
  Transfer transfer{.from = from, .key = &plan.schema.key, .consistent = context.options.consistent_read};
  transfer.writers = kWriters;
  transfer.with_rejects = true;
  // What is left out of the target is accounted for by its content.
  transfer.trust_proven_lines = !context.options.only_missing && context.options.rejects_file.empty();
  Selection selection(context);
  transfer.step = selection.step(&plan.schema.key);
  transfer.resumed = plan.resumed;
  if (resume) transfer.checkpoint = &resume->checkpoint();
  transfer.reads = read_rate_limits(context.options, plan.source, false);
  transfer.writes = write_rate_limits(context.options, plan.target, plan.was_empty);
  const Totals totals = load_records(context, transfer, *sink, to, plan.was_empty);
  summary.take(totals);
  summary.source_unproven = from.is_dump() && plan.source.origin.empty();
  summary.verified = Verified::acknowledged;

  if (plan.was_empty && context.options.verify) {
    // Into an empty table --only-missing finds a key only where the reply to its own first attempt was lost.
    Count expected = totals.net();
    if (context.options.only_missing) expected += totals.skipped;
    // What has been read back before, and has had nothing added, is not read again: by now TTL may be deleting.
    const bool known =
        plan.resumed && resume->past().verified && totals.all().read.records == resume->past().total().read.records;
    if (!known) read_back(context, from, to, plan.schema.key, expected);
    if (resume) resume->note_verified();
    summary.verified = Verified::content;
  }
  finish_settings(context, plan, to);
  report_rejects(context);
}

}  // namespace bulk
