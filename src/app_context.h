// What every command is given: the options, the configuration, the stage, how to open stores, progress, and the summary
// to fill. It owns what lives as long as the command; main owns it. Used by the command's thread only (the members that
// others touch, Stop, RequestStats and ProgressCounters, are thread-safe themselves).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "backends/registry.h"
#include "io/clock.h"
#include "src/config.h"
#include "src/options.h"
#include "src/progress.h"
#include "src/standard_output.h"
#include "src/summary.h"

namespace bulk {

class Resume;

class AppContext {
 public:
  // Loads the configuration and resolves --stage. Throws Error(usage), Error(not_found).
  AppContext(const Options& options, Stop& stop, const Environment& environment, Summary& summary, StandardOutput& out);
  ~AppContext();
  AppContext(const AppContext&) = delete;

  const Options& options;
  Stop& stop;
  Summary& summary;
  StandardOutput& out;
  RequestStats stats;
  Progress progress;
  Config config;
  std::optional<Stage> stage;      // of --stage
  std::shared_ptr<Resume> resume;  // of the work being done, where it can be resumed
  StoreContext stores;             // flags over the stage's settings; a URL's own parameters win over both

  // The endpoint `given` on the command line (or `latest`, see dump_argument), else the stage's (with --table). `what`
  // is "SOURCE" or "TARGET" for the Error(usage) "no SOURCE and no --stage". An explicit endpoint still takes profile,
  // region and endpoint from the stage.
  std::string endpoint(const std::string& given, const std::string& what) const;
  // Error(usage) when a flag and the endpoint's own parameter contradict each other: neither may lose without a word.
  std::unique_ptr<Store> open(const std::string& endpoint_text);

  // The nth positional argument, or nothing.
  std::string argument(std::size_t index) const;

  // Error(refused) unless `target` is no protected stage's table or --confirm names that stage. `action` completes "to
  // ...": "restore into it", "drop it".
  void require_confirmation(Store& target, const std::string& action);
  // Error(refused) when `source` belongs to a stage whose dumps have to be encrypted. For every command that writes a
  // dump.
  void refuse_plain_dump(Store& source);
  // The same for the undo log of a backfill, which holds records too.
  void refuse_plain_log(Store& target);

  std::string backup_directory() const;
  // <backup_dir>/<table>-<YYYYMMDD>-<HHMMSS>.jsonl.zst; characters that cannot stand in a file name become '_'.
  std::string new_dump_path(const std::string& table, WallTime started,
                            const std::string& extension = ".jsonl.zst") const;
  // A DUMP argument: "latest" is the newest sound dump in backup_dir (of --stage, where given); anything else is
  // itself. Error(not_found) when there is none.
  std::string dump_argument(const std::string& given) const;

  // A warning: on standard error at once (not torn by progress, also with -q) and in the summary.
  void warn(const std::string& text);
};

}  // namespace bulk
