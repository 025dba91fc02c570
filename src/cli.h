// The command line: commands, flags and their BULK_* variables, built with CLI11 (docs: `bulk COMMAND --help`). Parsing
// yields Options and nothing else: no file is read, no stage is resolved. The order of precedence is flag, environment
// variable, default; of a flag given twice the last one counts. Called once, from one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/options.h"

namespace bulk {

struct CommandLine {
  Options options;
  std::string text;       // of --help or --version: printed instead of running anything; empty otherwise
  bool asked_for = true;  // false: `bulk` alone; `text` goes to standard error and the exit status is 2
};

// `arguments` without the program's name. Throws Error(usage) "...; see bulk COMMAND --help".
CommandLine parse_command_line(const std::vector<std::string>& arguments);

// "256M", "1GiB", "4096": bytes; K, M, G and T, with or without "B" or "iB", in any case, are powers of 1024.
// False when it is none, is zero or does not fit.
bool parse_size(std::string_view text, std::uint64_t& bytes);

// What exists: for tests (of variables, of shell completions).
struct CommandFlags {
  std::string command;
  std::map<std::string, std::string> flags;  // long ones with their "--", but --help; and their variables
};
std::vector<CommandFlags> command_flags();

}  // namespace bulk
