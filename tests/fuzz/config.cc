// bulk.toml: parsed, and every stage in it resolved. The first part of the input (up to a 0 byte) is the name of one
// more stage. A file is refused with its name and a line.
#include "src/config.h"

#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

// Tries one place after another; for short texts only, because it is exponential in the number of stars.
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() != '*') {
    return !name.empty() && pattern.front() == name.front() && matches(pattern.substr(1), name.substr(1));
  }
  return matches(pattern.substr(1), name) || (!name.empty() && matches(pattern, name.substr(1)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string name(input.part());
  const std::string_view text = input.rest();
  Config config;
  try {
    config = parse_config(text, "bulk.toml", "folder");
  } catch (const Error& error) {
    HOLDS(error.kind() == ErrorKind::usage);
    HOLDS(std::string_view(error.what()).starts_with("bulk.toml, line "));
    return 0;
  }
  const Environment environment = [](const std::string& variable) -> std::optional<std::string> {
    if (variable.empty() || variable[0] == 'U') return std::nullopt;
    return "${" + variable + "}{stage}";
  };
  std::vector<std::string> names = {name, "local", "default", ""};
  for (const StageRule& rule : config.rules) names.push_back(rule.name);
  for (const std::string& stage : names) {
    Stage resolved;
    if (!fuzz::accepted({ErrorKind::usage, ErrorKind::not_found},
                        [&] { resolved = resolve_stage(config, stage, environment); })) {
      continue;
    }
    HOLDS(resolved.name == stage && !resolved.source.empty());
    const Stage located = locate_stage(config, stage, environment);
    HOLDS(located.source == resolved.source && located.is_protected == resolved.is_protected);
    HOLDS(stage_source(resolved, "") == resolved.source);
    fuzz::accepted({ErrorKind::usage}, [&] {
      const std::string other = stage_source(resolved, "other");
      HOLDS(!table_name(other).empty());
    });
  }
  fuzz::accepted({ErrorKind::usage}, [&] { backup_directory(config, environment); });
  if (name.size() <= 12) {
    const std::string_view pattern = std::string_view(name).substr(0, name.size() / 2);
    const std::string_view subject = std::string_view(name).substr(name.size() / 2);
    HOLDS(matches_pattern(pattern, subject) == matches(pattern, subject));
  }
  return 0;
}
