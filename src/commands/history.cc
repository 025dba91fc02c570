// bulk history [--stage S] [--limit N]: what was done to tables and dumps from this account on this machine, newest
// first. It only reads; a run without an end is looked up among the processes.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "io/error.h"
#include "src/commands/commands.h"
#include "src/history.h"
#include "src/text.h"

namespace bulk {

namespace {

constexpr std::size_t kRuns = 50;
constexpr std::size_t kColumns = 8;

using Row = std::array<std::string, kColumns>;

// ann, root (ann) under sudo, ann@elsewhere.
std::string who(const HistoryRun& run, const std::string& this_host) {
  std::string text = run.user.empty() ? "-" : run.user;
  if (!run.sudo_user.empty()) text += fmt::format(" ({})", run.sudo_user);
  if (run.process.host != this_host) text += "@" + run.process.host;
  return text;
}

std::string from_to(const HistoryRun& run) {
  if (run.source.empty() || run.target.empty()) return run.source.empty() ? run.target : run.source;
  return run.source + " -> " + run.target;
}

std::string items(const HistoryRun& run) {
  if (!run.has_ended()) return "-";
  const bool writes = run.command == "backup" || run.command == "restore" || run.command == "copy";
  return with_separators(writes ? run.written : run.read);
}

std::string outcome(const HistoryRun& run) {
  std::string text = run.outcome;
  if (text == "unknown") return fmt::format("unknown (ask {})", run.process.host);
  if (text == "failed") text += fmt::format(" ({} {})", run.exit_status, run.error_kind);
  if (text == "interrupted") text += fmt::format(" ({})", run.exit_status);
  if (text == "rejected") text += fmt::format(" {}", with_separators(run.rejected));
  return run.resumed ? text + ", resumed" : text;
}

std::string table_text(const std::vector<HistoryRun>& runs) {
  const std::string here = this_process().host;
  std::vector<Row> rows{{"TIME", "USER", "COMMAND", "FROM -> TO", "ITEMS", "OUTCOME", "TOOK", "REASON"}};
  for (const HistoryRun& run : runs) {
    rows.push_back({run.started, who(run, here), run.command, from_to(run), items(run), outcome(run),
                    run.has_ended() ? human_seconds(run.seconds) : "-", run.reason.empty() ? "-" : run.reason});
    for (std::string& cell : rows.back()) cell = printable(cell);
  }
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      const bool is_number = i == 4 || i == 6;
      text += is_number ? fmt::format("{:>{}}  ", row[i], widths[i]) : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    text += row.back() + "\n";
  }
  return text;
}

}  // namespace

void run_history(AppContext& context) {
  const Options& options = context.options;
  HistoryPage page;
  std::string path;
  if (const std::string folder = state_directory(context.config, context.stores.environment); !folder.empty()) {
    path = history_path(folder);
    page = read_history(path, options.stage, options.limit > 0 ? options.limit : kRuns);
  }
  context.summary.source = path;
  context.summary.runs = page.runs.size();
  if (options.json) {
    for (const HistoryRun& run : page.runs) {
      context.out.write("{\"message_type\":\"run\"," + history_members(run) + "}\n");
    }
  } else if (!page.runs.empty()) {
    context.out.write(table_text(page.runs));
  } else {
    context.progress.note("no runs" + (options.stage.empty() ? "" : " of stage " + options.stage) + " in the history");
  }
  context.out.flush();
  if (page.unreadable > 0) {
    context.warn(counted(page.unreadable, "line") + " of '" + path + "' could not be read and " +
                 (page.unreadable == 1 ? "was" : "were") + " passed over");
  }
}

}  // namespace bulk
