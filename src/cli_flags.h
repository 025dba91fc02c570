// The flags of the command line, in the groups in which commands take them: spelling, help, variable, checks of the
// value. A Flags belongs to one command; the application and the options that it refers to outlive it (CLI11 keeps the
// callbacks). Private to src/cli.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/options.h"

namespace bulk {

// Error(usage) "FLAG wants a value, not an empty one".
[[noreturn]] void no_value(const std::string& flag);

class Flags {
 public:
  // `arguments` tell whether a bad value came from a flag or from its variable.
  Flags(CLI::App& app, Options& options, const std::vector<std::string>& arguments)
      : app_(app), options_(options), arguments_(arguments) {}
  Flags(const Flags&) = delete;

  void argument(const char* name, const char* help, bool required);
  CLI::Option* text(const std::string& names, std::string Options::*field, const char* type, const char* help);
  void flag(const std::string& names, bool Options::*field, const char* help);

  void shared();                 // --config --stage --json -q -v
  void progress();               // --progress
  void connection();             // --profile --region --endpoint-url
  void table();                  // --table
  void tables();                 // --table, as often as wanted
  void owners();                 // --no-owner
  void not_consistent();         // --not-consistent
  void work();                   // --jobs --memory --bwlimit --stall-timeout
  void reading();                // --segments --max-rcu --capacity-percent
  void writing();                // --max-wcu
  void capacity();               // --capacity-percent
  void level();                  // --level
  void consistent_read();        // --consistent-read
  void resume();                 // --resume
  void reason();                 // --reason
  void dry_run();                // --dry-run
  void no_verify();              // --no-verify
  void consent();                // --yes --confirm
  void key();                    // --key
  void target();                 // --create --key --force --only-missing, and rejects()
  void rejects();                // --rejects --max-rejects
  void where();                  // --where
  void selection();              // where() and --transform
  void backfill();               // --limit --until --backup-first --write
  void sample();                 // --sample
  void limit(const char* help);  // --limit

 private:
  using Take = std::function<void(const std::string& name, const std::string& given)>;

  CLI::Option* value(const std::string& names, const char* type, const char* help, Take take);
  void units(const std::string& name, double Options::*field, const char* help);
  std::string as_given(const std::string& names) const;

  CLI::App& app_;
  Options& options_;
  const std::vector<std::string>& arguments_;
};

}  // namespace bulk
