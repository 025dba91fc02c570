#include "src/backfill/target.h"

#include <pwd.h>
#include <unistd.h>

#include <fmt/format.h>

#include <filesystem>
#include <vector>

#include "io/error.h"
#include "io/file.h"
#include "src/history.h"
#include "src/protection.h"

namespace bulk {
namespace {

bool is_endpoint(const std::string& table) {
  return table.find("://") != std::string::npos || table.starts_with("sqlite:");
}

std::string endpoint_of(const AppContext& context, const BackfillJob& job) {
  const Options& options = context.options;
  if (is_endpoint(job.table) && options.table.empty()) return context.endpoint(job.table, "table");
  if (!context.stage) {
    throw Error(ErrorKind::usage, "no --stage: which table is meant?",
                "name a stage, or an endpoint as the job's table");
  }
  return stage_source(*context.stage, options.table.empty() ? job.table : options.table);
}

// Which kind of table it is decides how the file is read, and the file says which table.
BackfillTarget open_target(AppContext& context, JobUse use) {
  const std::string path = context.argument(0);
  BackfillTarget target;
  target.job = read_job(path, JobUse::name_alone);
  target.store = context.open(endpoint_of(context, target.job));
  if (use != JobUse::name_alone) target.job = read_job(path, target.is_rows() ? JobUse::rows : use);
  return target;
}

}  // namespace

BackfillTarget open_backfill(AppContext& context, JobUse use) {
  BackfillTarget target = open_target(context, use);
  Summary& summary = context.summary;
  summary.source = summary.target = target.store->url();
  summary.backfill.emplace();
  summary.backfill->job = target.job.name;
  if (target.store->is_dump()) {
    throw Error(ErrorKind::usage, target.store->url() + " is a dump, not a table", "restore it into a table first");
  }
  summary.rows = target.is_rows();
  if (target.is_rows()) {
    const std::string folder = state_directory(context.config, context.stores.environment);
    target.files = backfill_files(folder, target.job.name, target.store->identity_text());
    return target;
  }
  target.facts = target.store->describe();
  summary.source = summary.target = target.store->url();  // it knows more of itself by now
  summary.table = target.facts.identity.name;
  target.target_id = incarnation_of(target.facts.identity);
  const std::string state = state_directory(context.config, context.stores.environment);
  target.files = backfill_files(state, target.job.name, target.store->identity_text());
  return target;
}

void make_backfill_folder(AppContext& context) {
  const std::string state = state_directory(context.config, context.stores.environment);
  if (state.empty()) make_state_directory(state);  // says what to do
  const std::string folder = backfill_folder(state);
  make_state_directory(folder);
  // Somebody else may have made these folders, and their names need not be durable: what is in the undo log would go
  // with them. As deep as the state folder is by default, ~/.local/state/bulk/backfills.
  constexpr int kLevels = 4;
  std::filesystem::path path = std::filesystem::absolute(folder);
  for (int level = 0; level < kLevels && path.has_relative_path(); ++level, path = path.parent_path()) {
    sync_folder_of(path.string());
  }
}

void check_protection(AppContext& context, Store& store, bool has_backup) {
  context.require_confirmation(store, "change its records");
  if (has_backup || context.options.backup_first) return;
  const std::optional<std::string> stage = protecting_stage(context.config, store, context.stores);
  if (!stage) return;
  throw Error(ErrorKind::refused,
              fmt::format("{} belongs to the protected stage {}: a backfill of it needs a backup", store.url(), *stage),
              "add --backup-first");
}

void check_same_job(const BackfillTarget& target, const BackfillEntry& entry) {
  if (entry.checksum == target.job.checksum) return;
  throw Error(ErrorKind::refused,
              fmt::format("'{}' has changed since the job {} was {} on {}", target.job.path, target.job.name,
                          entry.status == BackfillStatus::completed ? "completed" : "begun", entry.target),
              "give the changed job another name, or put the file back as it was");
}

std::string applied_by() {
  std::vector<char> buffer(16u << 10);
  passwd entry{};
  passwd* found = nullptr;
  const bool known = ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  const std::string host = this_process().host;
  return (known ? std::string(found->pw_name) : std::to_string(::getuid())) + (host.empty() ? "" : "@" + host);
}

}  // namespace bulk
