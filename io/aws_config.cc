#include "io/aws_config.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "io/error.h"
#include "io/file.h"

namespace bulk {
namespace {

constexpr std::size_t kMaxFileBytes = 4u << 20;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// A value ends where white space and a comment sign follow, as in most SDKs. (The CLI keeps such a comment in the
// value, so files that work with it have none.)
std::string_view without_comment(std::string_view value) {
  for (std::size_t i = 1; i < value.size(); ++i) {
    if ((value[i] == '#' || value[i] == ';') && is_blank(value[i - 1])) return trimmed(value.substr(0, i));
  }
  return value;
}

// The name after `kind` in a section such as [profile "a b"]; nothing for a section of another kind.
std::optional<std::string> name_in(std::string_view section, std::string_view kind) {
  if (!section.starts_with(kind) || section.size() == kind.size() || !is_blank(section[kind.size()]))
    return std::nullopt;
  std::string_view name = trimmed(section.substr(kind.size()));
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') && name.back() == name.front()) {
    name = name.substr(1, name.size() - 2);
  }
  if (name.empty()) return std::nullopt;
  return std::string(name);
}

std::string file_path(const Environment& environment, const char* variable, const char* name) {
  std::string path = environment(variable).value_or("");
  const std::string home = environment("HOME").value_or("");
  if (path.empty()) return home.empty() ? "" : home + "/.aws/" + name;
  if (path.starts_with("~/") && !home.empty()) path = home + path.substr(1);
  return path;
}

std::map<std::string, IniSection> read_ini(const std::string& path) {
  std::error_code error;
  if (path.empty() || !std::filesystem::exists(path, error)) return {};
  return parse_ini(read_text_file(path, kMaxFileBytes), path);
}

void merge(IniSection& into, const IniSection& from) {
  for (const auto& [key, value] : from) into[key] = value;
}

const IniSection* find(const std::map<std::string, IniSection>& sections, const std::string& name) {
  const auto found = sections.find(name);
  return found == sections.end() ? nullptr : &found->second;
}

// First of: environment variable, profile key. Empty values count as absent.
class Lookup {
 public:
  Lookup(const Environment& environment, const IniSection* profile) : environment_(environment), profile_(profile) {}

  std::string variable(const std::string& name) const { return environment_(name).value_or(""); }
  std::string key(const std::string& name) const { return profile_ != nullptr ? profile_value(*profile_, name) : ""; }

  std::string text(const std::string& variable_name, const std::string& key_name) const {
    std::string value = variable(variable_name);
    return value.empty() ? key(key_name) : value;
  }

  bool flag(const std::string& variable_name, const std::string& key_name) const {
    const bool from_variable = !variable(variable_name).empty();
    const std::string value = lower(text(variable_name, key_name));
    if (value.empty() || value == "false") return false;
    if (value == "true") return true;
    throw Error(ErrorKind::usage, (from_variable ? variable_name : key_name) + " is neither true nor false",
                "set it to true or false, or remove it");
  }

 private:
  const Environment& environment_;
  const IniSection* profile_;
};

std::string configured_endpoint(const Lookup& lookup, const AwsProfiles& profiles, const std::string& service_id) {
  if (lookup.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")) return {};
  std::string service = lower(service_id);
  std::string variable = "AWS_ENDPOINT_URL_";
  for (char& c : service) {
    if (c == ' ' || c == '-') c = '_';
    variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  if (std::string url = lookup.variable(variable); !url.empty()) return url;
  if (std::string url = lookup.variable("AWS_ENDPOINT_URL"); !url.empty()) return url;
  if (const std::string name = lookup.key("services"); !name.empty()) {
    const IniSection* services = profiles.services(name);
    if (services == nullptr) {
      throw Error(ErrorKind::usage, "the profile names services \"" + name + "\", which no [services] section defines",
                  "add [services " + name + "] to the AWS config file");
    }
    if (std::string url = profile_value(*services, service + ".endpoint_url"); !url.empty()) return url;
  }
  return lookup.key("endpoint_url");
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::string profile_value(const IniSection& section, const std::string& key) {
  const auto found = section.find(key);
  return found == section.end() ? std::string() : found->second;
}

std::map<std::string, IniSection> parse_ini(std::string_view text, const std::string& path) {
  std::map<std::string, IniSection> sections;
  IniSection* section = nullptr;
  std::string key;       // the last one at the left margin
  std::string last_key;  // the last one at all; empty at the start of a section
  std::size_t number = 0;
  const auto refuse = [&](const char* what) {  // never the line itself: it may hold a secret
    throw Error(ErrorKind::usage, path + ", line " + std::to_string(number) + ": " + what);
  };
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const bool indented = is_blank(raw.front());
    if (!indented && line.front() == '[') {
      const std::size_t close = line.find(']');
      if (close == std::string_view::npos) refuse("a section without its ]");
      const std::string_view rest = trimmed(line.substr(close + 1));
      if (!rest.empty() && rest.front() != '#' && rest.front() != ';') refuse("text after a section's ]");
      section = &sections[std::string(trimmed(line.substr(1, close - 1)))];
      key.clear();
      last_key.clear();
      continue;
    }
    if (section == nullptr) refuse("a line before the first [section]");
    const std::size_t equals = line.find('=');
    const bool in_block = indented && !key.empty() && (*section)[key].empty();
    if (indented && !in_block) {
      if (last_key.empty()) refuse("an indented line that continues nothing");
      (*section)[last_key].append("\n").append(without_comment(line));
      continue;
    }
    const std::string name = lower(trimmed(line.substr(0, std::min(equals, line.size()))));
    if (equals == std::string_view::npos || name.empty()) refuse("neither key = value nor [section]");
    last_key = in_block ? std::string(key).append(".").append(name) : name;
    if (!in_block) key = name;
    (*section)[last_key] = without_comment(trimmed(line.substr(equals + 1)));
  }
  return sections;
}

AwsProfiles AwsProfiles::load(const Environment& environment) {
  AwsProfiles profiles;
  const std::string config = file_path(environment, "AWS_CONFIG_FILE", "config");
  const std::string credentials = file_path(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  profiles.sources_ = config + " or " + credentials;
  for (const auto& [section, keys] : read_ini(config)) {
    if (section == "default") {
      // [profile default] goes before [default].
      for (const auto& [key, value] : keys) profiles.profiles_["default"].emplace(key, value);
    } else if (const auto name = name_in(section, "profile")) {
      merge(profiles.profiles_[*name], keys);
    } else if (const auto sso_session = name_in(section, "sso-session")) {
      merge(profiles.sso_sessions_[*sso_session], keys);
    } else if (const auto services = name_in(section, "services")) {
      merge(profiles.services_[*services], keys);
    }
  }
  for (const auto& [name, keys] : read_ini(credentials)) {
    IniSection& profile = profiles.profiles_[name];
    if (keys.count("aws_access_key_id") != 0) {
      // Keys belong together: never a key of one file with a token of the other.
      for (const char* key : {"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_account_id"}) {
        profile.erase(key);
      }
      profiles.in_credentials_file_.insert(name);
    }
    merge(profile, keys);
  }
  return profiles;
}

const IniSection* AwsProfiles::profile(const std::string& name) const {
  return find(profiles_, name);
}
const IniSection* AwsProfiles::services(const std::string& name) const {
  return find(services_, name);
}
const IniSection* AwsProfiles::sso_session(const std::string& name) const {
  return find(sso_sessions_, name);
}

AwsSettings resolve_aws_settings(const Environment& environment, const AwsProfiles& profiles,
                                 const std::string& service_id, const std::string& profile, const std::string& region,
                                 const std::string& endpoint_url) {
  AwsSettings settings;
  settings.profile_explicit = !profile.empty();
  settings.profile = profile;
  for (const char* variable : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    if (settings.profile.empty()) settings.profile = environment(variable).value_or("");
  }
  const bool asked_for = !settings.profile.empty();
  if (!asked_for) settings.profile = "default";
  const IniSection* section = profiles.profile(settings.profile);
  if (asked_for && section == nullptr) {
    throw Error(ErrorKind::usage, "no AWS profile \"" + settings.profile + "\" in " + profiles.sources(),
                "check --profile and AWS_PROFILE");
  }

  const Lookup lookup(environment, section);
  settings.region = region;
  if (settings.region.empty()) settings.region = lookup.variable("AWS_REGION");
  if (settings.region.empty()) settings.region = lookup.text("AWS_DEFAULT_REGION", "region");
  settings.endpoint_url = endpoint_url.empty() ? configured_endpoint(lookup, profiles, service_id) : endpoint_url;
  settings.use_fips = lookup.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
  settings.use_dualstack = lookup.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
  if (std::string mode = lower(lookup.text("AWS_ACCOUNT_ID_ENDPOINT_MODE", "account_id_endpoint_mode"));
      !mode.empty()) {
    if (mode != "preferred" && mode != "disabled" && mode != "required") {
      throw Error(ErrorKind::usage, "AWS_ACCOUNT_ID_ENDPOINT_MODE (account_id_endpoint_mode) is not a mode",
                  "set it to preferred, disabled or required");
    }
    settings.account_id_endpoint_mode = std::move(mode);
  }
  settings.ca_bundle = lookup.text("AWS_CA_BUNDLE", "ca_bundle");
  return settings;
}

}  // namespace bulk
