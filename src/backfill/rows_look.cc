// Dry runs and verification of a backfill of rows.
#include <fmt/format.h>
#include <unistd.h>

#include "backends/postgres/row_look.h"
#include "io/error.h"
#include "src/backfill/rows.h"
#include "src/stall_watch.h"
#include "src/text.h"

namespace bulk {
namespace {

constexpr std::size_t kShownChanges = 5;
constexpr std::size_t kShownKeys = 10;
constexpr std::size_t kMostShownBytes = 400;  // of a value

RowLook::Found look(AppContext& context, RowsJob& rows, const char* phase, std::size_t samples, std::size_t keys) {
  ProgressCounters& counters = context.progress.counters();
  context.progress.phase(phase, rows.session->target().estimated_rows);
  ActivityBoard board(1);
  ActivityBoard::Seat seat(&board);
  StallLimits limits = stall_limits(context.options, context.summary.source, context.summary.target);
  limits.one_segment = true;
  // One statement may look at the whole table, and nothing says how far it is: that it is alive the connection knows.
  if (!rows.program) limits.no_progress = std::chrono::nanoseconds(0);
  const StallWatch watch(std::move(limits), board, counters, context.stats, context.stop);
  seat.doing(Doing::reading);
  RowLook looking(*rows.session, *rows.sql, rows.asked());
  RowLook::Found found = looking.look(context.options.sample, samples, keys,
                                      [&](std::uint64_t looked) { counters.records_read += looked; });
  if (rows.program) rows.program->finish();
  Summary& summary = context.summary;
  if (context.options.limit > 0) found.changes = std::min(found.changes, context.options.limit);
  summary.read = found.looked;
  summary.filtered = found.looked - found.changes;
  summary.written = 0;
  summary.backfill->would_change = found.changes;
  summary.backfill->where = context.options.where;
  return found;
}

void append_value(std::string& out, char sign, const std::string& column, const std::optional<std::string>& value,
                  const char* colour) {
  if (!value) return;
  std::size_t shown = std::min(value->size(), kMostShownBytes);
  while (shown < value->size() && (static_cast<unsigned char>((*value)[shown]) & 0xc0) == 0x80) --shown;
  out += fmt::format("{}  {} {}: {}{}{}\n", colour, sign, printable(column), printable(value->substr(0, shown)),
                     shown < value->size() ? "..." : "", *colour != '\0' ? "\x1b[0m" : "");
}

std::string sample_text(const RowSample& sample, bool colour) {
  std::string out = printable(sample.key) + "\n";
  for (const RowSample::Value& value : sample.values) {
    append_value(out, '-', value.column, value.before, colour ? "\x1b[31m" : "");
    append_value(out, '+', value.column, value.after, colour ? "\x1b[32m" : "");
  }
  return out;
}

}  // namespace

void preview_rows(AppContext& context, BackfillTarget& target) {
  RowsJob rows = open_rows(context, target);
  const RowLook::Found found = look(context, rows, "looking", kShownChanges, 0);
  BackfillSummary& summary = *context.summary.backfill;
  const std::uint64_t all = rows.session->target().estimated_rows.value_or(0);
  if (context.options.sample > 0 && found.looked > 0 && all > found.looked) {
    const double times = static_cast<double>(all) / static_cast<double>(found.looked);
    summary.estimate =
        fmt::format("of the whole table about {}",
                    counted(static_cast<std::uint64_t>(static_cast<double>(found.changes) * times), "item"));
  }
  if (context.options.json || context.options.quiet) return;
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && !context.stores.environment("NO_COLOR") &&
                      context.stores.environment("TERM").value_or("") != "dumb";
  for (const RowSample& sample : found.samples) context.out.write(sample_text(sample, colour));
}

void verify_rows(AppContext& context, BackfillTarget& target) {
  RowsJob rows = open_rows(context, target);
  if (!rows.program && !rows.sql->can_tell() && target.job.when.empty()) {
    throw Error(ErrorKind::usage,
                target.job.path + ": what this update would still change cannot be told without changing it",
                "give the job a `when` that no longer holds afterwards");
  }
  const RowLook::Found found = look(context, rows, "verifying", 0, kShownKeys);
  Summary& summary = context.summary;
  summary.verified = Verified::content;
  if (found.changes == 0) return;
  for (const std::string& key : found.keys) context.progress.note("still to be changed: " + key);
  summary.verified = Verified::no;
  throw Error(ErrorKind::corrupt,
              fmt::format("{} of {} still to be changed{}", with_separators(found.changes),
                          counted(summary.read, "record"), found.keys.empty() ? "" : ", for example " + found.keys[0]),
              "bulk backfill run changes them");
}

}  // namespace bulk
