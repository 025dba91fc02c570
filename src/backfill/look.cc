// What a job would do, without doing it: dry runs and verification. Both read the table, or a sample of it, and compute
// every change as a run would.
#include <fmt/format.h>
#include <unistd.h>

#include "codecs/change.h"
#include "io/error.h"
#include "src/backfill/change_step.h"
#include "src/backfill/preview.h"
#include "src/backfill/rows.h"
#include "src/backfill/run.h"
#include "src/backfill/target.h"
#include "src/job.h"
#include "src/text.h"

namespace bulk {
namespace {

constexpr std::size_t kShownChanges = 5;
constexpr std::size_t kShownKeys = 10;

struct Look {
  Preview preview;
  std::uint64_t problems = 0;  // records that cannot be changed
};

Look look(AppContext& context, BackfillTarget& target, const char* phase, std::size_t samples) {
  const Options& options = context.options;
  const ChangeRules rules(target.job, target.key(), options.where, false, options.memory_bytes / kBatchShare);
  const Doubts none;
  ChangeStep step(rules, ChangeMode::look, options.limit, none, context.stop);
  const std::unique_ptr<Sink> real = target.store->updater({});
  Look result;
  const std::unique_ptr<Sink> sink = make_preview_sink(*real, result.preview, samples);
  Transfer transfer{.from = *target.store, .key = &target.key(), .consistent = options.consistent_read};
  transfer.reads = read_rate_limits(options, target.facts, false);
  transfer.with_rejects = true;
  transfer.step = &step;
  const ProgressCounters& counters = context.progress.counters();
  transfer.enough = [&] { return step.enough() || (options.sample > 0 && counters.records_read >= options.sample); };
  context.progress.phase(phase, target.facts.records);
  const Totals totals = run_transfer(context, transfer, [&sink](const Source&) -> Sink& { return *sink; });
  result.problems = step.problems();
  context.summary.take(totals);
  context.summary.backfill->cannot_change = result.problems;
  context.summary.backfill->where = options.where;
  context.summary.digest.reset();
  return result;
}

std::string key_of(const std::string& change_line) {
  ChangeReader reader;
  Change change;
  return reader.read(change_line, change) ? std::string(change.key) : std::string();
}

// How long the changes will take, as far as the table says what it can do.
std::string time_text(AppContext& context, const BackfillTarget& target, double units) {
  if (units <= 0) return "the store takes them as fast as it can";
  const RateLimits limits = write_rate_limits(context.options, target.facts, false);
  const double rate = limits.max_units > 0 ? limits.max_units : limits.start_units;
  if (rate <= 0) return "the table does not say what it takes: the rate is found while it runs";
  return fmt::format("{} at {} units/s", human_seconds(units / rate),
                     with_separators(static_cast<std::uint64_t>(rate)));
}

}  // namespace

void preview_backfill(AppContext& context) {
  BackfillTarget target = open_backfill(context);
  if (target.is_rows()) return preview_rows(context, target);
  const Look found = look(context, target, "looking", kShownChanges);
  Summary& summary = context.summary;
  const std::uint64_t changes = found.preview.changes;
  summary.written = 0;
  summary.backfill->would_change = changes;
  summary.backfill->units = found.preview.units;
  double all_units = found.preview.units;
  const std::uint64_t table_records = target.facts.records.value_or(0);
  const bool sampled = context.options.sample > 0 && table_records > summary.read && summary.read > 0;
  if (sampled) {
    const double times = static_cast<double>(table_records) / static_cast<double>(summary.read);
    all_units *= times;
    summary.backfill->estimate =
        fmt::format("of the whole table about {}",
                    counted(static_cast<std::uint64_t>(static_cast<double>(changes) * times), "item"));
  }
  summary.backfill->time = time_text(context, target, all_units);
  if (context.options.json || context.options.quiet) return;
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && !context.stores.environment("NO_COLOR") &&
                      context.stores.environment("TERM").value_or("") != "dumb";
  for (const std::string& sample : found.preview.samples) context.out.write(change_as_text(sample, colour));
}

void verify_backfill(AppContext& context) {
  BackfillTarget target = open_backfill(context);
  if (target.is_rows()) return verify_rows(context, target);
  const Look found = look(context, target, "verifying", kShownKeys);
  Summary& summary = context.summary;
  summary.backfill->would_change = found.preview.changes;
  summary.written = 0;
  summary.verified = Verified::content;
  if (found.preview.changes + found.problems == 0) return;
  std::string sample;
  for (const std::string& line : found.preview.samples) {
    const std::string key = key_of(line);
    context.progress.note("still to be changed: " + key);
    if (sample.empty()) sample = key;
  }
  summary.verified = Verified::no;
  throw Error(
      ErrorKind::corrupt,
      fmt::format("{} of {} still to be changed{}{}", with_separators(found.preview.changes),
                  counted(summary.read, "record"), sample.empty() ? "" : ", for example " + sample,
                  found.problems == 0 ? "" : fmt::format("; {} cannot be changed", with_separators(found.problems))),
      found.preview.changes > 0 ? "bulk backfill run changes them" : "bulk backfill run --rejects FILE says why");
}

}  // namespace bulk
