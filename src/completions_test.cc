// The completions are written by hand; these tests keep them from rotting: for every command, exactly its flags.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "src/cli.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

using Flags = std::set<std::string>;

std::string completion(const std::string& shell) {
  return test::read_file(std::filesystem::path(BULK_SOURCE_DIR) / "src/completions" / ("bulk." + shell));
}

std::map<std::string, Flags> expected() {
  std::map<std::string, Flags> all;
  for (const CommandFlags& command : command_flags()) {
    for (const auto& [flag, variable] : command.flags) all[command.command].insert(flag);
  }
  return all;
}

Flags flags_in(const std::string& text) {
  static const std::regex kFlag("--[a-z][a-z-]*");
  Flags flags(std::sregex_token_iterator(text.begin(), text.end(), kFlag), std::sregex_token_iterator());
  flags.erase("--help");
  return flags;
}

// The text between the `(` or quote behind "NAME=" and its end.
std::string list_named(const std::string& script, const std::string& name, const std::string& begin,
                       const std::string& end) {
  const std::size_t at = script.find(name + begin);
  if (at == std::string::npos) return {};
  const std::size_t from = at + name.size() + begin.size();
  return script.substr(from, script.find(end, from) - from);
}

// The flags in the branch of `command` in a shell's `case`, variables included.
Flags flags_of_branch(const std::string& script, const std::string& command, const std::string& begin,
                      const std::string& end) {
  const std::regex branch("\n    (?:[a-z]+ \\| )*" + command + "(?: \\| [a-z]+)*\\)([^;]*);;");
  std::smatch found;
  if (!std::regex_search(script, found, branch)) return {};
  std::string text = found[1];
  for (const char* name : {"shared", "connection", "work", "reading", "target", "progress", "table", "consistent"}) {
    if (text.find("$" + std::string(name)) != std::string::npos) {
      text += " " + list_named(script, name, begin, end) + " " +
              list_named(script, "local " + std::string(name), "='", "'");
    }
  }
  return flags_in(text);
}

TEST(Completions, OfBashKnowEveryCommandAndItsFlags) {
  const std::string script = completion("bash");
  for (const auto& [command, flags] : expected()) {
    EXPECT_TRUE(std::regex_search(script, std::regex("compgen -W \"([a-z]+ )*" + command + " "))) << command;
    EXPECT_EQ(flags_of_branch(script, command, "=\"", "\""), flags) << command;
  }
}

TEST(Completions, OfZshKnowEveryCommandAndItsFlags) {
  const std::string script = completion("zsh");
  for (const auto& [command, flags] : expected()) {
    EXPECT_NE(script.find("'" + command + ":"), std::string::npos);
    EXPECT_EQ(flags_of_branch(script, command, "=(\n", "\n  )"), flags) << command;
  }
}

TEST(Completions, OfFishKnowEveryCommandAndItsFlags) {
  std::map<std::string, std::string> lists;
  std::map<std::string, Flags> found;
  Flags commands;
  std::istringstream script(completion("fish"));
  const std::regex list("set -l ([a-z]+) (.*)");
  const std::regex flag(".*__fish_seen_subcommand_from ([a-z $]+)['\"].* -l ([a-z-]+) .*");
  const std::regex command(".*__fish_use_subcommand -f -a ([a-z]+) .*");
  for (std::string line; std::getline(script, line);) {
    std::smatch part;
    if (std::regex_match(line, part, list)) {
      lists[part[1]] = part[2];
    } else if (std::regex_match(line, part, command)) {
      commands.insert(part[1]);
    } else if (std::regex_match(line, part, flag)) {
      std::string names = part[1];
      if (names.starts_with("$")) names = lists[names.substr(1)];
      std::istringstream words(names);
      for (std::string name; words >> name;) found[name].insert("--" + part[2].str());
    }
  }
  EXPECT_EQ(found, expected());
  for (const auto& [name, flags] : expected()) EXPECT_EQ(commands.count(name), 1u) << name;
}

}  // namespace
}  // namespace bulk
