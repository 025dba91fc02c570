#include "src/run_record.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "backends/dynamodb/address.h"
#include "backends/dynamodb/url.h"
#include "backends/postgres/url.h"
#include "io/error.h"
#include "src/exit_status.h"

namespace bulk {

namespace {

constexpr std::string_view kSqliteScheme = "sqlite:";

bool is_recorded(const Options& options) {
  constexpr std::string_view kRecorded[] = {
      "backup", "restore", "copy", "verify", "diff", "drop", "backfill run", "backfill verify", "backfill rollback"};
  const bool known = std::find(std::begin(kRecorded), std::end(kRecorded), options.command) != std::end(kRecorded);
  const bool lists = options.command == "restore" && options.arguments.empty();
  return known && !lists && !options.dry_run;
}

std::string new_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

std::string user_name() {
  std::vector<char> buffer(16u << 10);
  passwd entry{};
  passwd* found = nullptr;
  const bool known = ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return known ? found->pw_name : std::to_string(::getuid());
}

// An endpoint as the command line has it, only when its form is one of those that hold no secret: what was mistyped may
// hold one anywhere.
std::string shown(const std::string& endpoint) {
  if (endpoint.starts_with(kDynamoDbScheme)) {
    try {
      const DynamoDbUrl url = parse_dynamodb_url(endpoint);
      TableAddress::parse(url.table);
      if (!url.endpoint.empty()) parse_origin(url.endpoint);
      if (url.endpoint.find_first_of("@?#") != std::string::npos) return {};
      return format_dynamodb_url(url);
    } catch (const Error&) {
      return {};
    }
  }
  if (is_postgres_url(endpoint)) {
    try {
      return format_postgres_url(parse_postgres_url(endpoint));
    } catch (const Error&) {
      return {};
    }
  }
  if (endpoint == "-" || endpoint == "latest" || endpoint.starts_with(kSqliteScheme)) return endpoint;
  constexpr std::array<std::string_view, 5> kFiles = {".jsonl.zst", ".jsonl.gz", ".jsonl", ".json", "/"};
  const bool is_path = std::any_of(kFiles.begin(), kFiles.end(), [&](auto end) { return endpoint.ends_with(end); });
  return is_path && endpoint.find("://") == std::string::npos ? endpoint : std::string();
}

bool is_file(const std::string& endpoint) {
  return !endpoint.empty() && endpoint != "-" && !endpoint.starts_with(kDynamoDbScheme) &&
         !endpoint.starts_with(kSqliteScheme) && !is_postgres_url(endpoint);
}

// What the command line says about from where to where; the run itself knows better.
void take_endpoints(const AppContext& context, HistoryRun& run) {
  const Options& options = context.options;
  std::string of_stage;
  try {
    if (context.stage) of_stage = shown(stage_source(*context.stage, options.table));
  } catch (const Error&) {  // the run itself will say so
  }
  const auto argument = [&](std::size_t index, const std::string& otherwise) {
    const std::string given = context.argument(index);
    return given.empty() ? otherwise : shown(given);
  };
  if (options.command == "backup") {
    run.source = argument(0, of_stage);
    run.target = shown(options.to);
  } else if (options.command == "restore") {
    run.source = argument(0, "");
    run.target = options.to.empty() ? of_stage : shown(options.to);
  } else if (options.command == "verify") {
    run.source = argument(0, "");
    run.target = shown(options.against);
  } else if (options.command == "drop") {
    run.source = shown(options.backed_up_by);
    run.target = argument(0, of_stage);
  } else {
    run.source = argument(0, "");
    run.target = argument(1, "");
  }
}

std::string outcome_of(const std::optional<Error>& error) {
  if (!error) return "ok";
  if (error->kind() == ErrorKind::rejected) return "rejected";
  return error->kind() == ErrorKind::interrupted ? "interrupted" : "failed";
}

}  // namespace

RunRecord::RunRecord(AppContext& context) {
  if (!is_recorded(context.options)) return;
  try {
    const std::string folder = state_directory(context.config, context.stores.environment);
    if (folder.empty()) return;
    make_state_directory(folder);
    run_.id = new_id();
    run_.started = utc_iso8601(std::chrono::system_clock::now());
    run_.user = user_name();
    run_.sudo_user = context.stores.environment("SUDO_USER").value_or("");
    run_.process = this_process();
    run_.command = context.options.command;
    run_.stage = context.options.stage;
    run_.reason = context.options.reason;
    take_endpoints(context, run_);
    append_history(history_path(folder), history_line(run_));
    path_ = history_path(folder);
  } catch (const Error& error) {
    context.warn("this run is not recorded: " + error.line());
  }
}

std::string RunRecord::end(const Summary& summary) {
  if (path_.empty()) return {};
  run_.ended = utc_iso8601(std::chrono::system_clock::now());
  if (!summary.source.empty()) run_.source = summary.source;
  if (!summary.target.empty()) run_.target = summary.target;
  run_.outcome = outcome_of(summary.error);
  if (summary.error) {
    run_.error_kind = kind_name(summary.error->kind());
    run_.exit_status = exit_status(*summary.error);
  }
  run_.read = summary.read;
  run_.written = summary.written;
  run_.rejected = summary.rejected;
  run_.resumed = summary.resumed > 0;
  run_.seconds = summary.seconds;
  if (summary.digest) run_.digest = summary.digest->hex();
  if (summary.verified == Verified::content) run_.verified = "content";
  if (summary.verified == Verified::acknowledged) run_.verified = "acknowledged";
  if (run_.outcome == "ok" || run_.outcome == "rejected") {
    const bool compares = run_.command == "verify" || run_.command == "diff";
    if (is_file(summary.source)) run_.dumps_read.push_back(canonical_path(summary.source));
    if (is_file(summary.target) && compares) run_.dumps_read.push_back(canonical_path(summary.target));
    if (is_file(summary.target) && !compares) run_.dump_written = canonical_path(summary.target);
  }
  try {
    append_history(path_, history_line(run_));
  } catch (const Error& error) {
    return "the end of this run is not recorded: " + error.line();
  }
  return {};
}

}  // namespace bulk
