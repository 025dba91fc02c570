// A made-up user of AWS for tests: a home folder, environment variables of its own, and the credential chain that
// follows from them. Nothing of the process's environment or of the real home is seen; the instance metadata service is
// off until a test turns it on.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "io/aws_credentials.h"
#include "io/error.h"
#include "tests/support/temp_dir.h"

namespace bulk::test {

class AwsHome {
 public:
  AwsHome()
      : variables{{"HOME", home.path().string()}, {"AWS_EC2_METADATA_DISABLED", "true"}, {"AWS_REGION", "us-east-1"}} {}

  // Writes a file below the home folder: ".aws/config".
  std::string write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = home.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  // A new chain for what is configured now.
  CredentialProvider& chain(const std::string& profile = "") {
    provider_.reset();
    profiles_ = AwsProfiles::load(environment);
    settings_ = resolve_aws_settings(environment, profiles_, "DynamoDB", profile, "", "");
    provider_ = make_credential_chain(environment, profiles_, settings_, http, stop);
    return *provider_;
  }
  AwsCredentials get(const std::string& profile = "") { return chain(profile).get(); }

  // The line of the error that the chain ends with; its kind goes to `kind`.
  std::string error(const std::string& profile = "") {
    try {
      get(profile);
    } catch (const Error& error) {
      kind = error.kind();
      return error.line();
    }
    return "no error";
  }

  TempDir home;
  std::map<std::string, std::string> variables;
  Environment environment = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  Stop stop;
  HttpClient http{stop, "bulk/test"};
  ErrorKind kind = ErrorKind::failed;

 private:
  AwsProfiles profiles_;
  AwsSettings settings_;
  std::unique_ptr<CredentialProvider> provider_;
};

// A time so many minutes from now, as services write it.
inline std::string minutes_from_now(int minutes) {
  return utc_iso8601(std::chrono::system_clock::now() + std::chrono::minutes(minutes));
}

}  // namespace bulk::test
