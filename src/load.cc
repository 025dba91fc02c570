#include "src/load.h"

#include <algorithm>
#include <chrono>

#include "backends/schema.h"
#include "io/error.h"
#include "src/job.h"
#include "src/protection.h"
#include "src/text.h"

namespace bulk {
namespace {

// Enough to keep a table busy at 20 ms a request; issue order is the feed's, so more would only queue.
constexpr unsigned kWriters = 16;

// What is to be written, after all questions that may end the run have been answered.
struct Plan {
  TableFacts source;
  TableFacts target;
  TableSchema schema;
  bool create = false;
  bool was_empty = false;  // or is created by this run
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

Plan make_plan(AppContext& context, Store& from, Store& to) {
  const Options& options = context.options;
  if (same_identity(from.identity_text(), to.identity_text())) {
    throw Error(ErrorKind::refused, "source and target are the same table: " + to.url());
  }
  context.require_confirmation(to, "write into it");
  Plan plan;
  plan.source = from.describe();
  if (!to.exists()) {
    if (!options.create) {
      throw Error(ErrorKind::not_found, "no table " + quoted_name(to), "add --create to make it");
    }
    plan.create = true;
    plan.was_empty = true;
    plan.schema = schema_to_create(options, plan.source);
    return plan;
  }
  plan.target = to.describe();
  plan.schema = *plan.target.schema;
  if (plan.source.schema && !(plan.source.schema->key == plan.schema.key)) {
    throw Error(ErrorKind::refused,
                "the key schema differs: the source has " + plan.source.schema->key.text() + ", table " +
                    quoted_name(to) + " has " + plan.schema.key.text(),
                "restore into another table, or delete this one and use --create");
  }
  plan.was_empty = to.is_empty();
  if (!plan.was_empty && !options.force && !options.only_missing) {
    throw Error(ErrorKind::refused, "table " + quoted_name(to) + " holds data",
                "--force merges (records with the same key are replaced), --only-missing adds only new keys");
  }
  if (options.create) context.warn("table " + quoted_name(to) + " exists and is empty; it is used as it is");
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
  const ComparedSide target = compared_side(context, to, key, to.url());
  const Count found = target.run(*sink).net();
  if (found == written) return;

  std::string sample;
  if (from.url() != "-") {
    constexpr int kSample = 3;
    int shown = 0;
    const Comparison comparison = compare_stores(context, from, to, key, [&](Difference, std::string_view key_text) {
      if (shown++ < kSample) sample += (sample.empty() ? ", for example " : ", ") + std::string(key_text);
    });
    if (comparison.same() && comparison.second == written) return;  // a reply that was late, not a difference
  }
  throw Error(ErrorKind::corrupt,
              "verification failed: " + counted(written.records, "record") + " were acknowledged by " + to.url() +
                  ", but " + counted(found.records, "record") + " are there or their content differs" + sample,
              "is something else writing to the table? bulk verify DUMP --against TARGET looks again");
}

}  // namespace

void load(AppContext& context, Store& from, Store& to) {
  Summary& summary = context.summary;
  summary.source = from.url();
  summary.target = to.url();
  if (to.is_dump()) {
    write_dump(context, from, to, false);
    return;
  }
  Plan plan = make_plan(context, from, to);
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

  context.progress.phase("writing", plan.source.records);
  WriteOptions write;
  write.jobs = effective_jobs(context.options);
  write.only_missing = context.options.only_missing;
  const std::unique_ptr<Sink> sink = to.sink(write);
  Transfer transfer{.from = from, .key = &plan.schema.key};
  transfer.writers = kWriters;
  transfer.with_rejects = true;
  transfer.reads = read_rate_limits(context.options, plan.source, false);
  transfer.writes = write_rate_limits(context.options, plan.target, plan.was_empty);
  const Totals totals = run_transfer(context, transfer, [&sink](const Source& source) -> Sink& {
    static_cast<void>(source);
    return *sink;
  });
  summary.take(totals);
  summary.source_unproven = from.is_dump() && plan.source.origin.empty();
  summary.verified = Verified::acknowledged;

  if (plan.was_empty && context.options.verify) {
    read_back(context, from, to, plan.schema.key, totals.net());
    summary.verified = Verified::content;
  }
  if (plan.create) summary.not_copied = to.finish_create(plan.schema);
  if (summary.rejected > 0) {
    throw Error(ErrorKind::rejected, counted(summary.rejected, "record") + " could not be written",
                "see '" + context.options.rejects_file + "'");
  }
}

void write_dump(AppContext& context, Store& from, Store& to, bool consistent) {
  Summary& summary = context.summary;
  summary.source = from.url();
  summary.target = to.url();
  context.refuse_plain_dump(from);
  const TableFacts facts = from.describe();
  summary.table = facts.identity.name;
  if (context.options.dry_run) {
    context.progress.note("would write " +
                          (facts.records && *facts.records > 0 ? "about " + counted(*facts.records, "record")
                                                               : std::string("all records")) +
                          " of " + from.url() + " to " + to.url());
    return;
  }

  WriteOptions write;
  write.jobs = effective_jobs(context.options);
  write.level = context.options.level;
  write.header.tool = "bulk " BULK_VERSION;
  write.header.dialect = facts.dialect;
  write.header.started = utc_iso8601(std::chrono::system_clock::now());
  write.header.source = from.is_dump() ? facts.origin : from.url();
  // A dump belongs to a stage only when that is where it was taken from: `latest` relies on it.
  if (context.stage && context.argument(0).empty()) write.header.stage = context.stage->name;
  write.header.table = facts.identity;
  if (facts.schema) write.header.schema_json = with_json(*facts.schema).json;

  context.progress.phase(summary.command, facts.records);
  std::unique_ptr<Sink> sink;
  const KeySchema* key = facts.schema ? &facts.schema->key : nullptr;
  Transfer transfer{.from = from, .key = key, .consistent = consistent};
  transfer.with_rejects = true;
  transfer.reads = read_rate_limits(context.options, facts, false);
  const Totals totals = run_transfer(context, transfer, [&](const Source& source) -> Sink& {
    write.consistent_source = source.consistent();
    summary.consistent = source.consistent();
    sink = to.sink(write);
    return *sink;
  });
  summary.take(totals);
  summary.stored_bytes = sink->stored_bytes();
  // Every stored frame was decompressed and compared with what was read before it counted.
  summary.verified = Verified::content;
  if (summary.rejected > 0) {
    throw Error(ErrorKind::rejected, counted(summary.rejected, "record") + " could not be written",
                "see '" + context.options.rejects_file + "'");
  }
}

}  // namespace bulk
