#include "src/config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "backends/postgres/url.h"
#include "io/error.h"
#include "io/file.h"

namespace bulk {

namespace {

constexpr std::string_view kDefault = "default";
constexpr std::string_view kLocal = "local";
constexpr std::string_view kDynamoDb = "dynamodb://";
constexpr std::string_view kSqlite = "sqlite:";
constexpr std::size_t kMaxStageName = 128;

// What `${NAME}` and `{stage}` in one value become. Values of variables are not searched again.
class Substitution {
 public:
  Substitution(const Config& config, const std::string& stage, const Environment& environment)
      : config_(config), stage_(stage), environment_(environment) {}

  std::string apply(const ConfigText& text, const std::string& key) const {
    std::string out;
    std::string_view rest = text.value;
    while (!rest.empty()) {
      if (rest.starts_with("${")) {
        const std::size_t end = rest.find('}');
        if (end == std::string_view::npos || end == 2)
          fail(text, key + " has a \"${\" without \"NAME}\"", "write ${NAME}");
        out += variable(std::string(rest.substr(2, end - 2)), text, key);
        rest.remove_prefix(end + 1);
      } else if (!stage_.empty() && rest.starts_with("{stage}")) {
        out += stage_;
        rest.remove_prefix(std::string_view("{stage}").size());
      } else {
        out += rest.front();
        rest.remove_prefix(1);
      }
    }
    return out;
  }

 private:
  [[noreturn]] void fail(const ConfigText& text, const std::string& what, const std::string& next) const {
    throw Error(ErrorKind::usage, fmt::format("{}, line {}: {}", config_.path, text.line, what), next);
  }

  std::string variable(const std::string& name, const ConfigText& text, const std::string& key) const {
    const auto value = environment_(name);
    if (!value || value->empty()) {
      fail(text, fmt::format("{} needs the environment variable {}, which is not set", key, name), "set " + name);
    }
    return *value;
  }

  const Config& config_;
  const std::string& stage_;
  const Environment& environment_;
};

std::string below(const std::string& directory, const std::string& path) {
  if (directory.empty() || std::filesystem::path(path).is_absolute()) return path;
  return (std::filesystem::path(directory) / path).string();
}

// An endpoint whose path is relative, seen from the folder of the file.
std::string endpoint_below(const std::string& directory, const std::string& endpoint) {
  if (endpoint.starts_with(kSqlite)) {
    return std::string(kSqlite) + below(directory, endpoint.substr(kSqlite.size()));
  }
  return endpoint.find("://") == std::string::npos ? below(directory, endpoint) : endpoint;
}

void check_stage_name(const std::string& stage) {
  const bool good = !stage.empty() && stage.size() <= kMaxStageName && stage != kDefault &&
                    std::all_of(stage.begin(), stage.end(), [](char c) {
                      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
                    });
  if (!good) {
    throw Error(ErrorKind::usage, fmt::format("\"{}\" cannot be the name of a stage", stage),
                "use letters, digits, . _ and -");
  }
}

std::string names_of(const Config& config) {
  std::string names;
  for (const StageRule& rule : config.rules) names += (names.empty() ? "" : ", ") + rule.name;
  return names;
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  // Greedy with one point of return: linear memory, at worst quadratic time.
  std::size_t p = 0, n = 0;
  std::size_t star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

const StageRule* best_rule(const Config& config, const std::string& stage) {
  const StageRule* best = nullptr;
  for (const StageRule& rule : config.rules) {
    if (rule.name == kDefault) continue;
    if (rule.name == stage) return &rule;
    if (!rule.is_pattern() || !matches_pattern(rule.name, stage)) continue;
    if (best == nullptr || rule.name.size() > best->name.size()) best = &rule;
  }
  return best;
}

const StageRule* default_rule(const Config& config) {
  const auto found = std::find_if(config.rules.begin(), config.rules.end(),
                                  [](const StageRule& rule) { return rule.name == kDefault; });
  return found == config.rules.end() ? nullptr : &*found;
}

ConfigText source_template(const Config& config, const StageRule* rule, const std::string& stage) {
  if (rule != nullptr && rule->source) return *rule->source;
  const StageRule* fallback = default_rule(config);
  if (fallback != nullptr && fallback->source) return *fallback->source;
  if (stage == kLocal) return {"sqlite:.bulk/local.db#local-main-table", 0};
  return {"dynamodb://{stage}-main-table", 0};
}

namespace {

// The rules that decide about a stage, the stronger first; either may be null.
struct Resolution {
  const StageRule* rules[2];
  Substitution substitution;

  Resolution(const Config& config, const std::string& stage, const Environment& environment)
      : rules{best_rule(config, stage), default_rule(config)}, substitution(config, stage, environment) {
    check_stage_name(stage);
    if (rules[0] == nullptr && rules[1] == nullptr && !config.rules.empty() && stage != kLocal) {
      throw Error(ErrorKind::not_found, fmt::format("no stage {} in {}", stage, config.path),
                  "stages there: " + names_of(config));
    }
  }

  template <typename Value>
  const StageRule* deciding(std::optional<Value> StageRule::*member) const {
    for (const StageRule* rule : rules) {
      if (rule != nullptr && rule->*member) return rule;
    }
    return nullptr;
  }
  std::string text(std::optional<ConfigText> StageRule::*member, const char* key) const {
    const StageRule* rule = deciding(member);
    return rule == nullptr ? ""
                           : substitution.apply(*(rule->*member), fmt::format("{} of [stages.{}]", key, rule->name));
  }
};

Stage locate(const Config& config, const std::string& stage, const Resolution& resolution) {
  Stage resolved;
  resolved.name = stage;
  const ConfigText source = source_template(config, resolution.rules[0], stage);
  resolved.source =
      endpoint_below(config.directory, resolution.substitution.apply(source, fmt::format("source of stage {}", stage)));
  resolved.profile = resolution.text(&StageRule::profile, "profile");
  resolved.region = resolution.text(&StageRule::region, "region");
  resolved.endpoint_url = resolution.text(&StageRule::endpoint_url, "endpoint_url");
  const StageRule* rule = resolution.deciding(&StageRule::is_protected);
  resolved.is_protected = rule != nullptr && *rule->is_protected;
  return resolved;
}

}  // namespace

Stage locate_stage(const Config& config, const std::string& stage, const Environment& environment) {
  return locate(config, stage, Resolution(config, stage, environment));
}

Stage resolve_stage(const Config& config, const std::string& stage, const Environment& environment) {
  const Resolution resolution(config, stage, environment);
  Stage resolved = locate(config, stage, resolution);
  resolved.webhook = resolution.text(&StageRule::webhook, "webhook");
  if (const StageRule* rule = resolution.deciding(&StageRule::encrypt_to)) {
    for (const ConfigText& recipient : *rule->encrypt_to) {
      resolved.encrypt_to.push_back(
          resolution.substitution.apply(recipient, fmt::format("encrypt_to of [stages.{}]", rule->name)));
    }
  }
  return resolved;
}

std::string stage_source(const Stage& stage, const std::string& table) {
  if (table.empty()) return stage.source;
  const bool good = std::all_of(table.begin(), table.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
  });
  if (!good)
    throw Error(ErrorKind::usage, fmt::format("--table \"{}\" cannot be the name of a table", table),
                "use letters, digits, . _ and -");

  const std::string_view source = stage.source;
  const bool is_sqlite = source.starts_with(kSqlite);
  if (is_postgres_url(source)) return std::string(source.substr(0, source.find('#'))) + "#" + table;
  if (!is_sqlite && !source.starts_with(kDynamoDb)) {
    throw Error(ErrorKind::usage, fmt::format("--table: the source of stage {} has no tables", stage.name),
                "leave --table out");
  }
  const std::string_view present = table_name(source);
  const std::string prefix = stage.name + "-";
  const bool has_form = present == prefix + "main-table";
  const std::string name = has_form && !table.starts_with(prefix) ? prefix + table + "-table" : table;
  if (is_sqlite) return std::string(source.substr(0, source.find('#'))) + "#" + name;
  const std::size_t begin =
      present.empty() ? kDynamoDb.size() : static_cast<std::size_t>(present.data() - source.data());
  return std::string(source.substr(0, begin)) + name + std::string(source.substr(begin + present.size()));
}

std::string_view table_name(std::string_view endpoint) {
  if (endpoint.starts_with(kDynamoDb)) {
    endpoint.remove_prefix(kDynamoDb.size());
    endpoint = endpoint.substr(0, endpoint.find('?'));
    if (const std::size_t slash = endpoint.rfind('/'); slash != std::string_view::npos)
      endpoint.remove_prefix(slash + 1);
    return endpoint;
  }
  const std::size_t mark = endpoint.starts_with(kSqlite) ? endpoint.find('#') : std::string_view::npos;
  return mark == std::string_view::npos ? std::string_view() : endpoint.substr(mark + 1);
}

std::string backup_directory(const Config& config, const Environment& environment) {
  if (!config.backup_dir) return below(config.directory, "backups");
  const std::string none;
  return below(config.directory, Substitution(config, none, environment).apply(*config.backup_dir, "backup_dir"));
}

std::string state_directory(const Config& config, const Environment& environment) {
  if (config.state_dir) {
    const std::string none;
    return below(config.directory, Substitution(config, none, environment).apply(*config.state_dir, "state_dir"));
  }
  // The XDG specification: a relative path in these variables is to be ignored.
  const auto folder_in = [&](const char* variable) {
    const std::filesystem::path value = environment(variable).value_or("");
    return value.is_absolute() ? value : std::filesystem::path();
  };
  if (const auto state = folder_in("XDG_STATE_HOME"); !state.empty()) return (state / "bulk").string();
  if (const auto home = folder_in("HOME"); !home.empty()) return (home / ".local/state/bulk").string();
  return {};
}

void make_state_directory(const std::string& path) {
  constexpr const char* kNext = "set state_dir in bulk.toml";
  if (path.empty()) throw Error(ErrorKind::failed, "no folder for the state of runs: HOME is not set", kNext);
  const auto fail = [](const std::string& what, int problem) {
    throw Error(ErrorKind::failed, os_error(what, problem).what(), kNext);
  };
  std::filesystem::path made;
  for (const auto& part : std::filesystem::path(path)) {
    made /= part;
    struct stat status {};
    if (::stat(made.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) continue;
    if (::mkdir(made.c_str(), 0700) != 0) {
      const int problem = errno;
      std::error_code ignored;
      if (problem == EEXIST && std::filesystem::is_directory(made, ignored)) continue;  // another run was faster
      fail("make folder '" + made.string() + "'", problem == EEXIST ? ENOTDIR : problem);
    }
    try {
      sync_folder_of(made.string());
    } catch (const Error& error) {
      throw Error(ErrorKind::failed, error.what(), kNext);
    }
  }
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    fail("write into folder '" + path + "'", errno);
  }
}

}  // namespace bulk
