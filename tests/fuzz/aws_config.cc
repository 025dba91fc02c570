// ~/.aws/config and ~/.aws/credentials (the two parts of the input), merged and resolved, and the command line of a
// credential_process. An error names the file and the line, and never repeats what stands there.
#include "io/aws_config.h"

#include "io/aws_process.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view config = input.part();
  const std::string_view credentials = input.rest();
  try {
    for (const auto& [section, keys] : parse_ini(config, "F")) {
      for (const auto& [key, value] : keys) {
        HOLDS(!key.empty() && key.find('\n') == std::string::npos);
        if (key != "credential_process") continue;
        const std::string& command = value;
        fuzz::accepted({ErrorKind::usage}, [&] { HOLDS(!split_command(command).empty()); });
      }
    }
  } catch (const Error& error) {
    const std::string_view text = error.what();
    HOLDS(error.kind() == ErrorKind::usage && text.starts_with("F, line "));
    HOLDS(text.size() < 80);  // a text of ours and no other
  }

  const File config_file = fuzz::memory_file(config);
  const File credentials_file = fuzz::memory_file(credentials);
  const auto path = [](const File& file) { return "/proc/self/fd/" + std::to_string(file.fd()); };
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    if (name == "AWS_CONFIG_FILE") return path(config_file);
    if (name == "AWS_SHARED_CREDENTIALS_FILE") return path(credentials_file);
    return std::nullopt;
  };
  fuzz::accepted({ErrorKind::usage}, [&] {
    const AwsProfiles profiles = AwsProfiles::load(environment);
    for (const char* profile : {"", "default", "p"}) {
      fuzz::accepted({ErrorKind::usage}, [&] {
        const AwsSettings settings = resolve_aws_settings(environment, profiles, "DynamoDB", profile, "", "");
        HOLDS(!settings.profile.empty());
      });
    }
  });
  return 0;
}
