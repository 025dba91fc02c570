// The table of commands says which takes which flags (src/cli_flags.h). A subcommand processes
// its flags when it has been parsed (parse_complete_callback): CLI11 would otherwise read BULK_* variables for all
// subcommands, and those of one that was not named would overwrite what the named one was told.
#include "src/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "io/error.h"
#include "src/cli_flags.h"

namespace bulk {

namespace {

// Help without CLI11's notes about types and variables: the footer names the rule for all variables.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(34);
    label("SUBCOMMAND", "COMMAND");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 || option->get_positional() ? "" : " " + option->get_type_name();
  }
};

constexpr const char* kExamples = R"(Examples:
  bulk backup --stage pr-5
  bulk restore latest --stage pr-5
  bulk restore backups/pr-5-main-table-20250125-120000.jsonl.zst --to dynamodb://other-table --create
  bulk copy dynamodb://old-table dynamodb://new-table --create
  bulk verify backups/pr-5-main-table-20250125-120000.jsonl.zst --against dynamodb://pr-5-main-table
  bulk drop --stage pr-5 --backed-up-by backups/pr-5-main-table-20250125-120000.jsonl.zst

Tables:  dynamodb://TABLE[?region=R&endpoint=URL&profile=P], sqlite:PATH[#TABLE],
         postgresql://[USER@][HOST][:PORT]/DATABASE[?...][#SCHEMA.TABLE] (without # the whole database)
Dumps:   FILE.jsonl.zst, .jsonl, .jsonl.gz, a folder (of a database), or - for standard input and output
Stages:  bulk.toml, looked for from the working directory upward
Each flag has an environment variable: BULK_MAX_WCU for --max-wcu.
Exit status: 0 done and proven, 1 failed, 2 usage or configuration, 3 records were rejected, 4 corrupt or different,
  5 gave up: a remote does not answer, or nothing moves any more (try again), 10 not found, 11 locked, 12 wrong key,
  13 refused for safety, 130 and 143 interrupted.)";

constexpr const char* kCommandFooter = "Each flag has an environment variable: BULK_MAX_WCU for --max-wcu.";

struct Command {
  const char* name;
  const char* help;
  void (*add)(Flags&);
};

void job(Flags& f) {
  f.argument("JOB", "the job file, a .toml", true);
  f.table(), f.connection(), f.work(), f.reading(), f.consistent_read(), f.progress();
}

constexpr Command kCommands[] = {
    {"backup", "read a table, write a dump",
     [](Flags& f) {
       f.argument("SOURCE", "the table; without it that of --stage", false);
       f.text("--to", &Options::to, "DEST", "the dump to write; without it a new one in backup_dir");
       f.table(), f.connection(), f.work(), f.reading(), f.level(), f.consistent_read(), f.selection(), f.resume(),
           f.not_consistent(), f.reason(), f.dry_run(), f.no_verify(), f.progress();
     }},
    {"restore", "write a dump into a table; without DUMP: list what could be restored",
     [](Flags& f) {
       f.argument("DUMP", "the dump, or latest", false);
       f.text("--to", &Options::to, "TARGET", "the table; without it that of --stage, else where the dump came from");
       f.tables(), f.target(), f.owners(), f.consent(), f.connection(), f.work(), f.capacity(), f.writing(),
           f.selection(), f.resume(), f.reason(), f.dry_run(), f.no_verify(), f.progress();
     }},
    {"copy", "copy a table into another, no file between",
     [](Flags& f) {
       f.argument("SOURCE", "what is read", true);
       f.argument("TARGET", "what is written", true);
       f.target(), f.owners(), f.consent(), f.connection(), f.work(), f.reading(), f.writing(), f.consistent_read(),
           f.selection(), f.resume(), f.reason(), f.dry_run(), f.no_verify(), f.progress();
     }},
    {"verify", "prove that a dump is whole, or that a table holds exactly its records",
     [](Flags& f) {
       f.argument("DUMP", "the dump, or latest", true);
       f.text("--against", &Options::against, "TARGET", "the table to compare with");
       f.key();
       f.connection(), f.work(), f.reading(), f.progress();
     }},
    {"diff", "which records differ between two tables or dumps (differences: exit status 4)",
     [](Flags& f) {
       f.argument("A", "a table, a dump, or latest", true);
       f.argument("B", "a table, a dump, or latest", true);
       f.key();
       f.connection(), f.work(), f.reading(), f.progress();
     }},
    {"list", "list the dumps of backup_dir, newest first", [](Flags&) {}},
    {"history", "list what was done: who, when, what, and how it ended",
     [](Flags& f) { f.limit("at most so many runs (50)"); }},
    {"inspect", "show a dump's metadata, schema and frames",
     [](Flags& f) { f.argument("DUMP", "the dump, or latest", true); }},
    {"cat", "print records as JSON lines",
     [](Flags& f) {
       f.argument("SOURCE", "a dump, latest, or a table; without it the table of --stage", false);
       f.limit("at most so many records");
       f.text("--key", &Options::cat_key, "KEY",
              "records of this partition key, or the one with this key in DynamoDB JSON");
       f.table(), f.connection(), f.work(), f.reading(), f.consistent_read();
     }},
    {"drop", "delete a table, only when a dump holds exactly what it holds now",
     [](Flags& f) {
       f.argument("TARGET", "the table; without it that of --stage", false);
       f.text("--backed-up-by", &Options::backed_up_by, "DUMP", "the dump that holds its records")->required();
       f.key();
       f.table(), f.consent(), f.connection(), f.work(), f.reading(), f.reason(), f.dry_run(), f.progress();
     }},
    {"backfill create", "write a commented job file, migrations/NAME.toml",
     [](Flags& f) {
       f.argument("NAME", "the name of the job", true);
       f.text("--to", &Options::to, "FOLDER", "another folder than migrations");
     }},
    {"backfill run", "change every record as the job says; goes on where an earlier run stopped",
     [](Flags& f) {
       job(f);
       f.where(), f.backfill(), f.sample(), f.rejects(), f.consent(), f.writing(), f.level(), f.reason(), f.dry_run();
     }},
    {"backfill verify", "prove that nothing is left to do",
     [](Flags& f) {
       job(f);
       f.where(), f.reason();
     }},
    {"backfill rollback", "write back what a job has changed, where it still is as the job left it",
     [](Flags& f) {
       job(f);
       f.rejects(), f.consent(), f.writing(), f.reason(), f.dry_run();
     }},
    {"backfill status", "how far a job is; without JOB: all jobs that were run from here",
     [](Flags& f) {
       f.argument("JOB", "the job file", false);
       f.table(), f.connection();
     }},
};

constexpr const char* kBackfillGroup = "backfill";
constexpr const char* kBackfillHelp = "change every record of a live table, safely, with a way back";

// CLI11 keeps references into the options and the flags: all three live together.
struct Parser {
  CommandLine line;
  CLI::App app{"Back up and restore tables, and prove that nothing is missing.", "bulk"};
  std::vector<std::unique_ptr<Flags>> flags;

  explicit Parser(const std::vector<std::string>& arguments) {
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_help_flag("-h,--help", "print this help");
    app.set_version_flag("--version", "bulk " BULK_VERSION, "print the version");
    app.footer(kExamples);
    app.require_subcommand(0, 1);
    for (const Command& command : kCommands) {
      CLI::App& sub = *add(command);
      sub.footer(kCommandFooter);
      sub.parse_complete_callback([this, name = command.name] { line.options.command = name; });
      flags.push_back(std::make_unique<Flags>(sub, line.options, arguments));
      command.add(*flags.back());
      flags.back()->shared();
    }
  }
  Parser(const Parser&) = delete;

  // A command of two words belongs to the group that the first one names.
  CLI::App* add(const Command& command) {
    const std::string_view name = command.name;
    const std::size_t space = name.find(' ');
    CLI::App* parent = &app;
    if (space != std::string_view::npos) {
      const std::string group(name.substr(0, space));
      const auto known = app.get_subcommands([&](const CLI::App* one) { return one->get_name() == group; });
      parent = known.empty() ? nullptr : known.front();
      if (parent == nullptr) {
        parent = app.add_subcommand(group, kBackfillHelp);
        parent->group("Commands");
        parent->footer(kCommandFooter);
        parent->require_subcommand(0, 1);
        parent->parse_complete_callback([this, group] {
          if (line.options.command.empty()) line.options.command = group;
        });
      }
    }
    CLI::App* const sub =
        parent->add_subcommand(std::string(name.substr(space == std::string_view::npos ? 0 : space + 1)), command.help);
    sub->group("Commands");
    return sub;
  }

  // The command being parsed, or the program itself.
  CLI::App& current() {
    CLI::App* found = &app;
    for (auto named = found->get_subcommands(); !named.empty(); named = found->get_subcommands()) found = named.front();
    return *found;
  }
};

// `backfill run`.
std::string full_name(const CLI::App& command) {
  const CLI::App* const parent = command.get_parent();
  const bool grouped = parent != nullptr && parent->get_parent() != nullptr;
  return (grouped ? parent->get_name() + " " : "") + command.get_name();
}

// What CLI11 could not use, in our words.
std::string unexpected(const CLI::App& app, const CLI::App& current) {
  const std::vector<std::string> before = app.remaining();
  if (&app == &current && !before.empty() && !before.front().starts_with("-")) {
    return fmt::format("there is no command {}", before.front());
  }
  if (current.get_name() == kBackfillGroup && !current.remaining().empty() &&
      !current.remaining().front().starts_with("-")) {
    return fmt::format("there is no command {} {}", kBackfillGroup, current.remaining().front());
  }
  if (!before.empty()) return fmt::format("unexpected {}: flags stand behind the command", before.front());
  const std::vector<std::string> rest = current.remaining();
  return fmt::format("unexpected argument {}", rest.empty() ? "" : rest.front());
}

// CLI11 takes the word behind `--flag=` for its value.
void check_values(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return;
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      no_value(argument.substr(0, argument.size() - 1));
    }
  }
}

// As somebody would type it at a shell: quoted where it must be.
std::string resume_command(const std::vector<std::string>& arguments) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
  std::string command = "bulk";
  for (const std::string& argument : arguments) {
    if (argument == "--resume") continue;
    command += ' ';
    if (argument.find_first_not_of(kPlain) == std::string::npos) {
      command += argument;
      continue;
    }
    command += '\'';
    for (const char c : argument) command += c == '\'' ? std::string("'\\''") : std::string(1, c);
    command += '\'';
  }
  return command + " --resume";
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  Parser parser(arguments);
  CLI::App& app = parser.app;
  const auto see = [&] {
    CLI::App& current = parser.current();
    return &current == &app ? std::string("see bulk --help") : fmt::format("see bulk {} --help", full_name(current));
  };
  if (arguments.empty()) {
    parser.line.text = app.help();
    parser.line.asked_for = false;
    return parser.line;
  }
  try {
    check_values(arguments);
    // CLI11 takes the arguments from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    if (&parser.current() == &app && !arguments.front().starts_with("-")) {
      throw Error(ErrorKind::usage, fmt::format("there is no command {}", arguments.front()), see());
    }
    parser.line.text = app.help();
  } catch (const CLI::CallForVersion&) {
    parser.line.text = "bulk " BULK_VERSION "\n";
  } catch (const CLI::ExtrasError&) {
    throw Error(ErrorKind::usage, unexpected(app, parser.current()), see());
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string text = error.what();
    throw Error(ErrorKind::usage, text.substr(0, text.find(':')) + " wants a value", see());
  } catch (const CLI::ConversionError& error) {
    const std::string text = error.what();
    throw Error(ErrorKind::usage, "wants true or false:" + text.substr(text.find(':') + 1), see());
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::usage, error.what(), see());
  } catch (const Error& error) {
    throw Error(error.kind(), error.what(), see());
  }
  if (parser.line.options.command == kBackfillGroup && parser.line.text.empty()) {
    parser.line.text = app.help();
    parser.line.asked_for = false;
    return parser.line;
  }
  for (const std::string& argument : parser.line.options.arguments) {
    if (argument.empty()) throw Error(ErrorKind::usage, "an argument is empty: is a variable not set?", see());
  }
  parser.line.options.resume_command = resume_command(arguments);
  if (parser.line.text.empty() && parser.line.options.command.empty()) {
    throw Error(ErrorKind::usage, "no command given", see());
  }
  return parser.line;
}

std::vector<CommandFlags> command_flags() {
  const std::vector<std::string> no_arguments;
  const Parser parser(no_arguments);
  std::vector<CommandFlags> all;
  std::vector<const CLI::App*> subs;
  for (const CLI::App* sub : parser.app.get_subcommands([](const CLI::App*) { return true; })) {
    const auto grouped = sub->get_subcommands([](const CLI::App*) { return true; });
    if (grouped.empty()) subs.push_back(sub);
    subs.insert(subs.end(), grouped.begin(), grouped.end());
  }
  for (const CLI::App* sub : subs) {
    CommandFlags command{full_name(*sub), {}};
    for (const CLI::Option* option : sub->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        if (name != "help") command.flags.emplace("--" + name, option->get_envname());
      }
    }
    all.push_back(std::move(command));
  }
  return all;
}

}  // namespace bulk
