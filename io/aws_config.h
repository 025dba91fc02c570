// What the AWS SDKs read before the first request: environment, ~/.aws/config and ~/.aws/credentials, and from them the
// profile, region and endpoint. Pure lookups; nothing is sent. Rules follow the AWS SDK reference guide.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "io/sigv4.h"

namespace bulk {

// Looks up an environment variable: injectable so that tests need not change the process.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

// One section's keys (lower case) and values; sub-keys of an indented block are "key.subkey".
using IniSection = std::map<std::string, std::string>;
// The value of `key`; empty when there is none.
std::string profile_value(const IniSection& section, const std::string& key);
// Section name as written between the brackets -> keys. Throws Error(usage) "PATH, line N: ..." on a line that is none.
std::map<std::string, IniSection> parse_ini(std::string_view text, const std::string& path);

// The shared files, merged: values of `credentials` win over those of `config`.
class AwsProfiles {
 public:
  // Files named by AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, else in $HOME/.aws; missing files are empty.
  static AwsProfiles load(const Environment& environment);

  const IniSection* profile(const std::string& name) const;
  const IniSection* services(const std::string& name) const;
  const IniSection* sso_session(const std::string& name) const;

  // Whether the profile's static keys stand in the credentials file: those go before credential_process, others after
  // it.
  bool in_credentials_file(const std::string& profile) const { return in_credentials_file_.count(profile) != 0; }
  // "CONFIG or CREDENTIALS": the files that were looked at, for messages.
  const std::string& sources() const { return sources_; }

 private:
  std::map<std::string, IniSection> profiles_, services_, sso_sessions_;
  std::set<std::string> in_credentials_file_;
  std::string sources_;
};

struct AwsSettings {
  std::string profile;            // the profile in force ("default" when none was named)
  bool profile_explicit = false;  // named on the command line: environment keys are skipped
  std::string region;             // may be empty: an error only when a request needs it
  std::string endpoint_url;       // configured one, may be empty
  bool use_fips = false;
  bool use_dualstack = false;
  std::string account_id_endpoint_mode = "preferred";
  std::string ca_bundle;
};

// Resolves the settings for `service_id` ("DynamoDB", "STS"). Arguments that are empty fall back to environment and
// files. Throws Error(usage) when a profile was asked for that is nowhere.
AwsSettings resolve_aws_settings(const Environment& environment, const AwsProfiles& profiles,
                                 const std::string& service_id, const std::string& profile, const std::string& region,
                                 const std::string& endpoint_url);

}  // namespace bulk
