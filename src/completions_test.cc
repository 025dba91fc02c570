// The completions are written by hand; these tests keep them from rotting: for every command, exactly its flags.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
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

// `bulk backfill run` is the branch backfill-run.
std::map<std::string, Flags> expected() {
  std::map<std::string, Flags> all;
  for (const CommandFlags& command : command_flags()) {
    std::string branch = command.command;
    std::replace(branch.begin(), branch.end(), ' ', '-');
    for (const auto& [flag, variable] : command.flags) all[branch].insert(flag);
  }
  return all;
}

// The words that stand first, and those behind a group's name.
std::map<std::string, Flags> expected_words() {
  std::map<std::string, Flags> words;
  for (const CommandFlags& command : command_flags()) {
    const std::size_t space = command.command.find(' ');
    words[""].insert(command.command.substr(0, space));
    if (space != std::string::npos) words[command.command.substr(0, space)].insert(command.command.substr(space + 1));
  }
  return words;
}

Flags words_in(const std::string& text) {
  std::istringstream stream(text);
  Flags words;
  for (std::string word; stream >> word;) {
    if (!word.starts_with("-")) words.insert(word);
  }
  return words;
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
  const std::regex branch("\n    (?:[a-z-]+ \\| )*" + command + "(?: \\| [a-z-]+)*\\)([^;]*);;");
  std::smatch found;
  if (!std::regex_search(script, found, branch)) return {};
  std::string text = found[1];
  for (const char* name : {"shared", "connection", "work", "reading", "target", "progress", "table", "consistent",
                           "selection", "job", "change"}) {
    if (text.find("$" + std::string(name)) != std::string::npos) {
      text += " " + list_named(script, name, begin, end) + " " +
              list_named(script, "local " + std::string(name), "='", "'");
    }
  }
  return flags_in(text);
}

TEST(Completions, OfBashKnowEveryCommandAndItsFlags) {
  const std::string script = completion("bash");
  const auto words = expected_words();
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words_in(list_named(script, "COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W", " \"", "\"")),
            words.at(""));
  EXPECT_EQ(words_in(list_named(script, "COMP_CWORD == 2)); then\n      COMPREPLY=($(compgen -W", " \"", "\"")),
            words.at("backfill"));
  for (const auto& [command, flags] : expected()) {
    EXPECT_EQ(flags_of_branch(script, command, "=\"", "\""), flags) << command;
  }
}

TEST(Completions, OfZshKnowEveryCommandAndItsFlags) {
  const std::string script = completion("zsh");
  for (const auto& [list, group] : {std::pair{"  commands", ""}, {"  backfills", "backfill"}}) {
    static const std::regex kWord("'([a-z]+):");
    const std::string text = list_named(script, list, "=(\n", "\n  )");
    const Flags found(std::sregex_token_iterator(text.begin(), text.end(), kWord, 1), std::sregex_token_iterator());
    EXPECT_EQ(found, expected_words().at(group));
  }
  for (const auto& [command, flags] : expected()) {
    EXPECT_EQ(flags_of_branch(script, command, "=(\n", "\n  )"), flags) << command;
  }
}

TEST(Completions, OfFishKnowEveryCommandAndItsFlags) {
  std::map<std::string, std::string> lists;
  std::map<std::string, Flags> found, words;
  std::istringstream script(completion("fish"));
  const std::regex list("set -l ([a-z]+) ([a-z $-]+)");
  const std::regex flag(".*__bulk_is ([a-z $-]+)['\"].* -l ([a-z-]+) .*");
  const std::regex command(".*-n (__fish_use_subcommand|__bulk_wants_backfill) -f -a ([a-z]+) .*");
  // Lists within lists too.
  const std::function<Flags(const std::string&)> names_in = [&](const std::string& text) {
    Flags names;
    for (const std::string& word : words_in(text)) {
      if (word.starts_with("$")) {
        names.merge(names_in(lists.at(word.substr(1))));
      } else {
        names.insert(word);
      }
    }
    return names;
  };
  for (std::string line; std::getline(script, line);) {
    std::smatch part;
    if (std::regex_match(line, part, list)) {
      lists[part[1]] = part[2];
    } else if (std::regex_match(line, part, command)) {
      words[part[1] == "__fish_use_subcommand" ? "" : "backfill"].insert(part[2]);
    } else if (std::regex_match(line, part, flag)) {
      for (const std::string& name : names_in(part[1])) found[name].insert("--" + part[2].str());
    }
  }
  EXPECT_EQ(found, expected());
  EXPECT_EQ(words, expected_words());
}

}  // namespace
}  // namespace bulk
