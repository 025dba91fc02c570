#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/summary.h"
#include "src/text.h"

namespace bulk {

namespace {

// What a record is called.
const char* noun(const Summary& summary) {
  return summary.rows ? "row" : "item";
}

class Lines {
 public:
  explicit Lines(const Summary& summary) : noun_(noun(summary)) {}
  void title(const std::string& title) { text_ += title + "\n"; }
  void line(const char* label, const std::string& value) {
    text_ += fmt::format("  {:<8} {}\n", std::string(label) + ":", value);
  }
  void records(const char* label, std::uint64_t count, const char* what) {
    if (count > 0) line(label, fmt::format("{} {}", counted(count, noun_), what));
  }
  std::string take() { return std::move(text_); }

 private:
  const char* const noun_;
  std::string text_;
};

// Three digits are all that a measurement of one run says.
std::uint64_t three_digits(double value) {
  double unit = 1;
  value = std::min(value, 1e18);
  while (value / unit >= 1000) unit *= 10;
  return static_cast<std::uint64_t>(std::llround(value / unit)) * static_cast<std::uint64_t>(unit);
}

std::string time_text(const Summary& summary) {
  std::string text = human_seconds(summary.seconds);
  // Below that the clock, not the run, would be what is shown.
  if (summary.read > 0 && summary.seconds >= 0.01) {
    const double rate = static_cast<double>(summary.read) / summary.seconds;
    if (rate >= 1) text += fmt::format(" ({} {}s/s)", with_separators(three_digits(rate)), noun(summary));
  }
  return text;
}

std::string proof_text(const Summary& summary) {
  const bool compares = summary.command == "verify" || summary.command == "diff" || summary.command == "drop";
  std::string text;
  if (compares) {
    text = std::string("every ") + noun(summary) +
           (summary.differences ? " compared and equal" : " read; counts and digest are the dump's own");
  } else {
    text = fmt::format("every {} counted", noun(summary));
    switch (summary.verified) {
      case Verified::no:
        text += ", none read back";
        break;
      case Verified::acknowledged:
        text += " and acknowledged";
        break;
      case Verified::content:
        text += ", read back and equal";
        break;
    }
  }
  return text;
}

std::string title_of(const Summary& summary) {
  const bool rejected = summary.error && summary.error->kind() == ErrorKind::rejected;
  const char* end = summary.dry_run ? ": dry run, nothing was changed"
                    : rejected      ? " finished with rejects"
                                    : " complete";
  if (summary.command == "backup") return std::string("Backup") + end;
  if (summary.command == "restore") return std::string("Restore") + end;
  if (summary.command == "copy") return std::string("Copy") + end;
  if (summary.command == "verify") return "Verification complete";
  if (summary.command == "drop") return summary.dry_run ? "Drop: dry run, nothing was changed" : "Table deleted";
  return summary.error ? "Differences found" : "No differences";
}

void places(Lines& lines, const Summary& summary) {
  if (summary.command == "backup") {
    lines.line("File", summary.target);
  } else if (summary.command == "verify") {
    lines.line("File", summary.source);
    if (!summary.target.empty()) lines.line("Against", summary.target);
  } else if (summary.command == "drop") {
    lines.line("Table", summary.target);
    lines.line("Backup", summary.source);
  } else {
    lines.line("From", summary.source);
    lines.line("To", summary.target);
  }
}

void sizes(Lines& lines, const Summary& summary) {
  if (summary.stored_bytes > 0) {
    const std::string raw = summary.raw_bytes > 0 ? fmt::format(" ({} of JSON)", human_bytes(summary.raw_bytes)) : "";
    lines.line("Size", human_bytes(summary.stored_bytes) + raw);
  } else if (summary.raw_bytes > 0) {
    lines.line("Size", human_bytes(summary.raw_bytes) + " of JSON");
  }
}

void differing(Lines& lines, const Summary& summary) {
  if (!summary.differences || !summary.error) return;
  lines.line("Equal", with_separators(summary.differences->equal));
  lines.line("Missing",
             fmt::format("{} only in {}", counted(summary.differences->only_in_source, noun(summary)), summary.source));
  lines.line("Extra",
             fmt::format("{} only in {}", counted(summary.differences->only_in_target, noun(summary)), summary.target));
  lines.line("Changed", fmt::format("{} with other content", counted(summary.differences->different, noun(summary))));
}

std::string listed(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return text;
}

std::string requests_text(const Summary& summary) {
  std::string text = counted(summary.requests_sent, "request");
  if (summary.requests_throttled > 0)
    text += fmt::format(", {} throttled", with_separators(summary.requests_throttled));
  if (summary.requests_retried > 0) text += fmt::format(", {} retried", with_separators(summary.requests_retried));
  const auto units = [&](double used, const char* kind) {
    if (used > 0) text += fmt::format(", {:.1f} {} units", used, kind);
  };
  units(summary.capacity_read, "read");
  units(summary.capacity_write, "write");
  return text;
}

std::string backfill_title(const Summary& summary) {
  const BackfillSummary& done = *summary.backfill;
  if (summary.dry_run) return "Backfill: dry run, nothing was changed";
  if (summary.command == "backfill verify") return "Backfill verified";
  if (summary.command == "backfill rollback")
    return done.already ? "Backfill was rolled back before" : "Rollback complete";
  if (done.already) return "Backfill was completed before: nothing to do";
  if (summary.error) return "Backfill finished with rejects";
  return done.status == "completed" ? "Backfill complete" : "Backfill stopped: there may be more to do";
}

std::string backfill_text(const Summary& summary) {
  if (summary.error && summary.error->kind() != ErrorKind::rejected) return {};
  const BackfillSummary& done = *summary.backfill;
  const bool rollback = summary.command == "backfill rollback";
  const bool wrote = !done.would_change;
  Lines lines(summary);
  lines.title(backfill_title(summary));
  lines.line("Job", done.job);
  lines.line("Table", summary.target);
  if (!rollback) lines.line(summary.rows ? "Rows" : "Items", with_separators(summary.read));
  lines.records("Resumed", summary.resumed, "done by earlier runs");
  if (done.would_change && !rollback) {
    lines.line("Change", fmt::format("{} {}", counted(*done.would_change, noun(summary)),
                                     summary.dry_run ? "would be changed" : "still to be changed"));
    lines.records("Cannot", done.cannot_change, "cannot be changed: --rejects FILE says why");
    if (!done.where.empty()) lines.line("Only", "where " + done.where);
    if (!done.estimate.empty()) lines.line("Estimate", done.estimate);
    if (summary.dry_run && done.units > 0) lines.line("Cost", fmt::format("{:.0f} write units", done.units));
    if (!done.time.empty()) lines.line("Takes", done.time);
  }
  if (wrote && !(rollback && done.already)) {
    lines.line(rollback ? "Restored" : "Updated", with_separators(summary.written));
    if (!rollback) lines.line("Same", counted(summary.filtered, noun(summary)) + " with nothing to do");
  }
  lines.records("As were", done.as_before, "as before already");
  if (done.changed_since > 0) {
    lines.line("Left", fmt::format("{} changed since by others: '{}'", counted(done.changed_since, noun(summary)),
                                   done.report));
  }
  if (done.conflicts > 0)
    lines.line("Again", counted(done.conflicts, "time") + " an item was read again: others had changed it");
  lines.records("Rejects", summary.rejected, "could not be changed");
  if (!done.backup.empty()) lines.line("Backup", done.backup);
  if (!done.undo.empty() && wrote) lines.line("Undo log", done.undo);
  lines.line("Time", time_text(summary));
  if (summary.requests_sent > 0) lines.line("Traffic", requests_text(summary));
  if (wrote && !done.already) lines.line("Proof", fmt::format("every {} counted and acknowledged", noun(summary)));
  return lines.take();
}

}  // namespace

std::string summary_text(const Summary& summary) {
  if (summary.command == "list" || summary.command == "inspect" || summary.command == "cat" ||
      summary.command == "backfill create" || summary.command == "backfill status" || summary.dumps || summary.runs)
    return {};
  if (summary.backfill) return backfill_text(summary);
  const auto& found = summary.differences;
  const bool different = found && found->only_in_source + found->only_in_target + found->different > 0;
  const bool shown = !summary.error || summary.error->kind() == ErrorKind::rejected || different;
  if (!shown) return {};

  Lines lines(summary);
  // A verification that found differences or a drop that was refused has its outcome in the error's line.
  const bool proven = !summary.error || summary.error->kind() == ErrorKind::rejected;
  lines.title(proven || summary.command == "diff" ? title_of(summary) : "Differences found");
  places(lines, summary);
  if (summary.read > 0 || !summary.dry_run) lines.line(summary.rows ? "Rows" : "Items", with_separators(summary.read));
  lines.records("Resumed", summary.resumed, "done by earlier runs");
  lines.records("Skipped", summary.filtered, "left out");
  lines.records("Repeats", summary.superseded, "replaced by a later one with the same key");
  lines.records("Rejects", summary.rejected, "could not be written");
  sizes(lines, summary);
  differing(lines, summary);
  if (!summary.not_copied.empty()) lines.line("Omitted", listed(summary.not_copied));
  lines.line("Time", time_text(summary));
  if (summary.requests_sent > 0) lines.line("Traffic", requests_text(summary));
  if (summary.command == "backup" && !summary.consistent && !summary.dry_run)
    lines.line("View", "not of one point in time");
  if (summary.source_unproven) lines.line("Source", "unverified: the file has neither counts nor digest");
  if (proven && !summary.dry_run) {
    lines.line("Proof", proof_text(summary));
    if (summary.digest) lines.line("Digest", summary.digest->hex());
  }
  return lines.take();
}

}  // namespace bulk
