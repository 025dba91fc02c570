// What the command line (and BULK_* variables) said, as plain values with their defaults. Filled by src/cli.cc; a
// command reads it and nothing else. No logic here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulk {

enum class ProgressMode { automatic, bar, plain, none };

struct Options {
  // backup, restore, copy, verify, diff, list, history, inspect, cat, drop; backfill create, backfill run, ...
  std::string command;
  std::vector<std::string> arguments;  // positional, as given

  // where
  std::string config_file;
  std::string stage;
  std::string profile, region, endpoint_url;
  std::string to;                   // backup: DEST; restore: TARGET
  std::string table;                // --table: within a stage
  std::vector<std::string> tables;  // of restore: --table as often as it was given
  // how much at a time
  unsigned jobs = 0;                 // 0: auto
  std::optional<unsigned> segments;  // nothing: auto
  std::uint64_t memory_bytes = 256u << 20;
  int level = 3;
  double max_rcu = 0, max_wcu = 0;      // 0: no limit
  std::optional<int> capacity_percent;  // nothing: 50 on a table in use, 100 on one this run created or found empty
  std::uint64_t bwlimit_bytes = 0;      // per second; 0: none
  unsigned stall_timeout_s = 600;       // --stall-timeout; 0: never
  bool consistent_read = false;
  bool not_consistent = false;  // --not-consistent
  bool owners = true;           // --no-owner
  // what is allowed
  bool dry_run = false;
  bool yes = false;
  std::string confirm;  // --confirm STAGE
  std::string reason;   // --reason: for the history
  bool verify = true;   // --no-verify
  bool create = false;
  std::string key;  // --key pk:S,sk:S
  bool force = false;
  bool only_missing = false;
  bool resume = false;
  std::string resume_command;  // what to type to go on with this run
  std::string rejects_file;
  std::optional<std::uint64_t> max_rejects;
  std::string against;       // verify --against
  std::string backed_up_by;  // drop --backed-up-by
  std::uint64_t limit = 0;   // --limit: of cat and history lines (0: all, of runs 50), of a backfill changes (0: all)
  std::string where;         // --where
  std::string transform;     // --transform JOB.toml
  // backfill
  std::uint64_t sample = 0;  // --sample: records to read; 0: all
  std::string until;         // --until HH:MM
  bool backup_first = false;
  bool write_put = false;  // --write put
  std::string cat_key;     // cat --key
  // how it is shown
  bool json = false;
  bool quiet = false;
  int verbose = 0;
  ProgressMode progress = ProgressMode::automatic;
};

}  // namespace bulk
