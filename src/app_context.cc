#include "src/app_context.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "backends/dynamodb/url.h"
#include "backends/postgres/url.h"
#include "io/error.h"
#include "src/dump_catalogue.h"
#include "src/protection.h"

namespace bulk {

namespace {

std::string first_of(const std::string& flag, const std::string& stage) {
  return flag.empty() ? stage : flag;
}

// `latest` must not quietly mean an older dump because the newest one is damaged.
void refuse_newer_damaged(const std::vector<CatalogueEntry>& entries, const CatalogueEntry& found) {
  std::error_code ignored;
  const auto time_of = [&](const std::string& path) { return std::filesystem::last_write_time(path, ignored); };
  for (const CatalogueEntry& entry : entries) {
    const std::string name = std::filesystem::path(entry.path).filename().string();
    if (entry.sound() || !name.starts_with(found.header.table.name) || name.ends_with(".partial")) continue;
    if (time_of(entry.path) <= time_of(found.path)) continue;
    throw Error(ErrorKind::corrupt,
                fmt::format("{} is newer than {} but no sound dump: {}", entry.path, found.path, entry.problem),
                "name the dump that you want");
  }
}

std::optional<Stage> named_stage(const Options& options, const Config& config, const Environment& environment) {
  if (options.stage.empty()) return std::nullopt;
  return resolve_stage(config, options.stage, environment);
}

}  // namespace

AppContext::AppContext(const Options& given, Stop& stop_of_job, const Environment& environment, Summary& summary_of_job,
                       StandardOutput& output)
    : options(given),
      stop(stop_of_job),
      summary(summary_of_job),
      out(output),
      progress(given, given.command, stats),
      config(load_config(given.config_file, environment)),
      stage(named_stage(given, config, environment)),
      stores{stop_of_job,
             stats,
             environment,
             "bulk/" BULK_VERSION,
             first_of(given.profile, stage ? stage->profile : ""),
             first_of(given.region, stage ? stage->region : ""),
             first_of(given.endpoint_url, stage ? stage->endpoint_url : "")} {
  out.before_flush([this] { progress.erase(); });
  const bool only_looks = options.command == "list" || options.command == "history" || options.command == "inspect" ||
                          options.command == "cat";
  if (stage && !stage->webhook.empty() && !only_looks) {
    warn(fmt::format("stage {} has a webhook, and this version sends no notifications", stage->name));
  }
}

AppContext::~AppContext() {
  out.before_flush({});
}

std::string AppContext::endpoint(const std::string& given, const std::string& what) const {
  if (!options.table.empty() && (!given.empty() || !stage)) {
    throw Error(ErrorKind::usage, "--table goes with --stage, not with an endpoint", "name the table in " + what);
  }
  if (!given.empty()) return dump_argument(given);
  if (stage) return stage_source(*stage, options.table);
  throw Error(ErrorKind::usage, fmt::format("no {} and no --stage", what),
              fmt::format("see bulk {} --help", options.command));
}

std::unique_ptr<Store> AppContext::open(const std::string& endpoint_text) {
  if (endpoint_text.starts_with(kDynamoDbScheme)) {
    const DynamoDbUrl url = parse_dynamodb_url(endpoint_text);
    const auto agree = [&](const char* flag, const std::string& given, const std::string& own) {
      if (given.empty() || own.empty() || given == own) return;
      throw Error(ErrorKind::usage,
                  fmt::format("{} says one thing and the endpoint of table {} another", flag, url.table),
                  "leave one of them out");
    };
    agree("--region", options.region, url.region);
    agree("--endpoint-url", options.endpoint_url, url.endpoint);
    agree("--profile", options.profile, url.profile);
  }
  return open_store(endpoint_text, stores);
}

std::string AppContext::argument(std::size_t index) const {
  return index < options.arguments.size() ? options.arguments[index] : std::string();
}

void AppContext::require_confirmation(Store& target, const std::string& action) {
  std::optional<std::string> name = protecting_stage(config, target, stores);
  // A flag may lead a protected stage elsewhere (--region, --table); it is the stage all the same.
  if (!name && stage && stage->is_protected) {
    const bool tables = is_postgres_url(stage->source);  // of which --table may choose several
    const auto of_stage = open(tables ? stage->source : stage_source(*stage, options.table));
    if (same_identity(of_stage->identity_text(), target.identity_text())) name = stage->name;
  }
  if (!name || options.confirm == *name) return;
  throw Error(
      ErrorKind::refused, fmt::format("{} belongs to the protected stage {}", target.url(), *name),
      fmt::format("add --confirm {} to {}", name->find('*') == std::string::npos ? *name : "'" + *name + "'", action));
}

namespace {

void refuse_in_plain(const char* what, const AppContext& context, Store& table) {
  std::optional<std::string> name = encrypting_stage(context.config, table, context.stores);
  if (!name && context.stage && !context.stage->encrypt_to.empty()) name = context.stage->name;
  if (!name) return;
  throw Error(ErrorKind::refused,
              fmt::format("{} of stage {} has to be encrypted (encrypt_to in {}), and this version cannot encrypt",
                          what, *name, context.config.path),
              "use a version that encrypts");
}

}  // namespace

void AppContext::refuse_plain_dump(Store& source) {
  refuse_in_plain("a dump", *this, source);
}

void AppContext::refuse_plain_log(Store& target) {
  refuse_in_plain("an undo log", *this, target);
}

std::string AppContext::backup_directory() const {
  return bulk::backup_directory(config, stores.environment);
}

std::string AppContext::new_dump_path(const std::string& table, WallTime started, const std::string& extension) const {
  std::string name;
  for (const char c : table) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || (c == '.' && !name.empty());
    name += plain ? c : '_';
  }
  if (name.empty()) name = "table";
  const std::string stem = fmt::format("{}-{}", name, utc_file_stamp(started));
  // Two backups within a second get two names; nobody chose the first one.
  for (unsigned number = 1;; ++number) {
    const std::string file = (number == 1 ? stem : fmt::format("{}-{}", stem, number)) + extension;
    const std::filesystem::path path = std::filesystem::path(backup_directory()) / file;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored) && !std::filesystem::exists(path.string() + ".partial", ignored)) {
      return path.string();
    }
  }
}

std::string AppContext::dump_argument(const std::string& given) const {
  if (given != "latest") return given;
  const std::string directory = backup_directory();
  std::string table;
  std::vector<CatalogueEntry> entries = read_catalogue(directory);
  if (stage && is_postgres_url(stage->source)) {
    // One table's dump is not the stage's: --table chooses within the dump of the database.
    const std::optional<PgName> one = parse_postgres_url(stage->source).table;
    std::erase_if(entries, [&](const CatalogueEntry& entry) {
      if (!entry.sound()) return false;
      return one ? entry.header.table.name != one->full() && entry.header.table.name != "public." + one->full()
                 : !std::filesystem::is_directory(entry.path);
    });
  } else if (stage && !options.table.empty()) {
    table = table_name(stage_source(*stage, options.table));
  }
  if (const auto found = latest_dump(entries, options.stage, table)) {
    refuse_newer_damaged(entries, *found);
    return found->path;
  }
  throw Error(ErrorKind::not_found,
              options.stage.empty() ? fmt::format("no dump in {}", directory)
                                    : fmt::format("no dump of stage {} in {}", options.stage, directory),
              "see bulk list");
}

void AppContext::warn(const std::string& text) {
  summary.warnings.push_back(text);
  const std::string line = "bulk: warning: " + text;
  if (options.quiet) {
    std::fputs((printable(line) + "\n").c_str(), stderr);
  } else {
    progress.note(line);
  }
}

}  // namespace bulk
