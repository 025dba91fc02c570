// bulk.toml: which stages exist, where their tables are and which are protected. Loading checks the whole file (types,
// unknown keys, with the line); resolving a stage substitutes `{stage}` and `${NAME}`, so that an unset variable is an
// error only of the stage that uses it. Plain values after loading; no threads.
//
// A stage inherits: built-in < [stages.default] < the rule that matches best (its exact name, else the longest
// pattern). Built in: stage `local` is sqlite:.bulk/local.db#local-main-table, any other stage S is
// dynamodb://S-main-table. Once a file names stages but no [stages.default], a stage that matches none is
// Error(not_found); `local` always exists.
//
// Relative paths (backup_dir, state_dir, sqlite: and dump sources) are relative to the folder of the file when it is a
// bulk.toml found upward or given by --config, and to the working directory otherwise.
//
// `encrypt_to` and `webhook` are read, and this version can do neither: a dump of a stage with `encrypt_to` is refused
// (a dump that should be encrypted is never written in plain), and a stage with `webhook` gets a warning that nothing
// is sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/aws_config.h"

namespace bulk {

struct ConfigText {
  std::string value;
  unsigned line = 0;
};

// One [stages.NAME] as written.
struct StageRule {
  std::string name;  // or pattern: `*` matches any run of characters
  unsigned line = 0;
  std::optional<ConfigText> source, profile, region, endpoint_url, webhook;
  std::optional<std::vector<ConfigText>> encrypt_to;
  std::optional<bool> is_protected;

  bool is_pattern() const { return name.find('*') != std::string::npos; }
};

struct Config {
  std::string path;       // of the file, for error texts; empty: there is none
  std::string directory;  // what relative paths start from; empty: the working directory
  std::optional<ConfigText> backup_dir, state_dir;
  std::vector<StageRule> rules;  // [stages.default] is one of them
};

// A stage ready for use.
struct Stage {
  std::string name;
  std::string source;  // endpoint text
  std::string profile, region, endpoint_url;
  std::string webhook;
  std::vector<std::string> encrypt_to;
  bool is_protected = false;
};

// `explicit_path` is --config. Throws Error(usage) "PATH, line N: ..." and Error(not_found) when --config names no
// file.
Config load_config(const std::string& explicit_path, const Environment& environment);
// The same from text; for load_config and tests.
Config parse_config(std::string_view text, const std::string& path, const std::string& directory);

// Does `pattern` (with `*`) match all of `name`?
bool matches_pattern(std::string_view pattern, std::string_view name);
// The rule that decides about `stage`, besides [stages.default]; null: none.
const StageRule* best_rule(const Config& config, const std::string& stage);
// [stages.default], or null.
const StageRule* default_rule(const Config& config);
// The `source` of a stage that `rule` (or null) decides about, before substitution; line 0: built in.
ConfigText source_template(const Config& config, const StageRule* rule, const std::string& stage);

// What decides which table a stage means, and whether it is protected: webhook and encrypt_to stay empty, so that their
// variables need not be set. Throws as resolve_stage() does.
Stage locate_stage(const Config& config, const std::string& stage, const Environment& environment);
// Throws Error(usage) for a name that cannot be one or an unset variable (naming variable, key, file and line),
// Error(not_found) for a stage that is none.
Stage resolve_stage(const Config& config, const std::string& stage, const Environment& environment);

// Endpoint of a stage with --table applied: where the stage's table is `STAGE-main-table`, NAME means
// `STAGE-NAME-table`
// ("main" the table itself) unless NAME begins with `STAGE-`; everywhere else NAME is the full table name.
std::string stage_source(const Stage& stage, const std::string& table);
// The name of the table in an endpoint text (of an ARN its last part); empty where it names none.
std::string_view table_name(std::string_view endpoint);

// Where dumps are kept; "backups" by default.
std::string backup_directory(const Config& config, const Environment& environment);

// Where runs leave what later runs need (journals, history): state_dir, else $XDG_STATE_HOME/bulk, else
// $HOME/.local/state/bulk. Empty when nothing says where: neither state_dir nor a variable is set.
std::string state_directory(const Config& config, const Environment& environment);
// Makes that folder, durably and with mode 0700, and the missing ones that it is in. Error(failed) with the next action
// "set state_dir in bulk.toml", also when `path` is empty or the folder cannot be written to.
void make_state_directory(const std::string& path);

}  // namespace bulk
