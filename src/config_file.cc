// Finding and reading bulk.toml. What its values mean is in config.cc.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>

#include "io/error.h"
#include "io/file.h"
#include "src/config.h"

namespace bulk {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxConfigBytes = 1u << 20;
constexpr const char* kName = "bulk.toml";

class FileReader {
 public:
  explicit FileReader(std::string path) { config_.path = std::move(path); }

  Config read(const toml::table& file) {
    for (const auto& [key, value] : file) {
      if (key == "backup_dir") {
        config_.backup_dir = text(value, "backup_dir");
      } else if (key == "state_dir") {
        config_.state_dir = text(value, "state_dir");
      } else if (key == "stages") {
        stages(value);
      } else {
        fail(line_of(key.source()), fmt::format("unknown key {}", key.str()),
             "known are backup_dir, state_dir and [stages.NAME]");
      }
    }
    // The table is sorted by name; of equally good patterns the first in the file wins.
    std::stable_sort(config_.rules.begin(), config_.rules.end(),
                     [](const StageRule& a, const StageRule& b) { return a.line < b.line; });
    return std::move(config_);
  }

  [[noreturn]] void fail(unsigned line, const std::string& what, const std::string& next) const {
    throw Error(ErrorKind::usage, fmt::format("{}, line {}: {}", config_.path, line, what), next);
  }

 private:
  static unsigned line_of(const toml::source_region& region) { return region.begin.line; }

  void stages(const toml::node& node) {
    const toml::table* all = node.as_table();
    if (all == nullptr) fail(line_of(node.source()), "stages has to be tables", "write [stages.NAME]");
    for (const auto& [key, value] : *all) {
      const toml::table* members = value.as_table();
      if (members == nullptr) {
        fail(line_of(key.source()), fmt::format("stages.{} has to be a table", key.str()),
             fmt::format("write [stages.{}]", key.str()));
      }
      config_.rules.push_back(stage(std::string(key.str()), line_of(key.source()), *members));
    }
  }

  StageRule stage(const std::string& name, unsigned line, const toml::table& members) {
    const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
             std::string_view("._-*").find(c) != std::string_view::npos;
    });
    if (!good)
      fail(line, fmt::format("\"{}\" cannot be the name of a stage", name),
           "use letters, digits, . _ - and * in patterns");
    StageRule rule;
    rule.name = name;
    rule.line = line;
    for (const auto& [key, value] : members) {
      const std::string where = fmt::format("{} of [stages.{}]", key.str(), name);
      if (key == "source") {
        rule.source = text(value, where);
      } else if (key == "profile") {
        rule.profile = text(value, where);
      } else if (key == "region") {
        rule.region = text(value, where);
      } else if (key == "endpoint_url") {
        rule.endpoint_url = text(value, where);
      } else if (key == "webhook") {
        rule.webhook = text(value, where);
      } else if (key == "encrypt_to") {
        rule.encrypt_to = texts(value, where);
      } else if (key == "protected") {
        const toml::value<bool>* flag = value.as_boolean();
        if (flag == nullptr)
          fail(line_of(value.source()), where + " has to be true or false", "write protected = true");
        rule.is_protected = flag->get();
      } else {
        fail(line_of(key.source()), "unknown key " + where,
             "known are source, protected, profile, region, endpoint_url, encrypt_to and webhook");
      }
    }
    return rule;
  }

  ConfigText text(const toml::node& node, const std::string& where) const {
    const toml::value<std::string>* value = node.as_string();
    if (value == nullptr || value->get().empty()) {
      fail(line_of(node.source()), where + " has to be a text that is not empty", "write it in quotes");
    }
    return {value->get(), line_of(node.source())};
  }

  std::vector<ConfigText> texts(const toml::node& node, const std::string& where) const {
    const toml::array* values = node.as_array();
    if (values == nullptr) fail(line_of(node.source()), where + " has to be a list of texts", "write [\"...\"]");
    std::vector<ConfigText> all;
    for (const toml::node& value : *values) all.push_back(text(value, where));
    return all;
  }

  Config config_;
};

Config read_config(const fs::path& path, const std::string& shown, const std::string& directory) {
  return parse_config(read_text_file(path.string(), kMaxConfigBytes), shown, directory);
}

}  // namespace

Config parse_config(std::string_view text, const std::string& path, const std::string& directory) {
  FileReader reader(path);
  try {
    Config config = reader.read(toml::parse(text, path));
    config.directory = directory;
    return config;
  } catch (const toml::parse_error& error) {
    reader.fail(error.source().begin.line, std::string(error.description()), "correct the file");
  }
}

Config load_config(const std::string& explicit_path, const Environment& environment) {
  const fs::path here = fs::current_path();
  const auto directory_of = [&](const fs::path& path) {
    const fs::path folder = (here / path).parent_path().lexically_normal();
    return folder == here.lexically_normal() ? std::string() : folder.lexically_relative(here).string();
  };
  std::error_code ignored;
  if (!explicit_path.empty()) {
    if (!fs::exists(explicit_path, ignored)) {
      throw Error(ErrorKind::usage, "no file '" + explicit_path + "'", "check --config");
    }
    return read_config(explicit_path, explicit_path, directory_of(explicit_path));
  }
  for (fs::path folder = here;; folder = folder.parent_path()) {
    const fs::path path = folder / kName;
    if (fs::exists(path, ignored)) return read_config(path, folder == here ? kName : path.string(), directory_of(path));
    if (folder == folder.parent_path()) break;
  }
  fs::path home;
  if (const auto xdg = environment("XDG_CONFIG_HOME"); xdg && !xdg->empty()) {
    home = *xdg;
  } else if (const auto user = environment("HOME"); user && !user->empty()) {
    home = fs::path(*user) / ".config";
  }
  if (!home.empty()) {
    const fs::path path = home / "bulk" / kName;
    if (fs::exists(path, ignored)) return read_config(path, path.string(), "");
  }
  return {};
}

}  // namespace bulk
