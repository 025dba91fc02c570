#include "src/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "io/error.h"

namespace bulk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Arguments = std::vector<std::string>;

Options options_of(const Arguments& arguments) {
  return parse_command_line(arguments).options;
}

std::string error_of(const Arguments& arguments) {
  try {
    parse_command_line(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.line();
  }
  return "no error";
}

// "backfill run" is typed as two.
Arguments words_of(const std::string& command) {
  const std::size_t space = command.find(' ');
  if (space == std::string::npos) return {command};
  return {command.substr(0, space), command.substr(space + 1)};
}

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(CommandLine, FillsTheDefaults) {
  const Options options = options_of({"backup", "--stage", "pr-5"});
  EXPECT_EQ(options.command, "backup");
  EXPECT_EQ(options.stage, "pr-5");
  EXPECT_TRUE(options.arguments.empty());
  EXPECT_EQ(options.jobs, 0u);
  EXPECT_FALSE(options.segments.has_value());
  EXPECT_EQ(options.memory_bytes, 256u << 20);
  EXPECT_EQ(options.level, 3);
  EXPECT_TRUE(options.verify);
  EXPECT_FALSE(options.dry_run || options.yes || options.force || options.create || options.json || options.quiet);
  EXPECT_EQ(options.progress, ProgressMode::automatic);
}

TEST(CommandLine, ReadsEveryFlagOfBackup) {
  const Options options = options_of({"backup",
                                      "dynamodb://t",
                                      "--to",
                                      "x.jsonl.zst",
                                      "--config",
                                      "c.toml",
                                      "--profile",
                                      "p",
                                      "--region",
                                      "eu-west-1",
                                      "--table",
                                      "users",
                                      "-j",
                                      "4",
                                      "--segments",
                                      "16",
                                      "--memory",
                                      "1G",
                                      "--level",
                                      "19",
                                      "--max-rcu",
                                      "12.5",
                                      "--capacity-percent",
                                      "70",
                                      "--consistent-read",
                                      "-n",
                                      "--bwlimit",
                                      "20M",
                                      "--progress",
                                      "plain",
                                      "--json",
                                      "-q",
                                      "-vv",
                                      "--endpoint-url",
                                      "http://127.0.0.1:8000"});
  EXPECT_THAT(options.arguments, ElementsAre("dynamodb://t"));
  EXPECT_EQ(options.to, "x.jsonl.zst");
  EXPECT_EQ(options.config_file, "c.toml");
  EXPECT_EQ(options.profile, "p");
  EXPECT_EQ(options.region, "eu-west-1");
  EXPECT_EQ(options.endpoint_url, "http://127.0.0.1:8000");
  EXPECT_EQ(options.table, "users");
  EXPECT_EQ(options.jobs, 4u);
  EXPECT_EQ(options.segments, 16u);
  EXPECT_EQ(options.memory_bytes, 1u << 30);
  EXPECT_EQ(options.level, 19);
  EXPECT_EQ(options.max_rcu, 12.5);
  EXPECT_EQ(options.capacity_percent, 70);
  EXPECT_TRUE(options.consistent_read);
  EXPECT_TRUE(options.dry_run);
  EXPECT_EQ(options.bwlimit_bytes, 20u << 20);
  EXPECT_EQ(options.progress, ProgressMode::plain);
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.quiet);
  EXPECT_EQ(options.verbose, 2);
}

TEST(CommandLine, BackupMayLeaveOutItsVerification) {
  EXPECT_TRUE(options_of({"backup"}).verify);
  EXPECT_FALSE(options_of({"backup", "--no-verify"}).verify);
}

TEST(CommandLine, ReadsWhatChangesATable) {
  const Options restore = options_of({"restore", "latest", "--to", "sqlite:x.db#t", "--create", "--key", "pk:S,sk:N",
                                      "--force", "--only-missing", "--rejects", "bad.jsonl", "--max-rejects", "0", "-y",
                                      "--confirm", "prod", "--max-wcu", "1000"});
  EXPECT_THAT(restore.arguments, ElementsAre("latest"));
  EXPECT_EQ(restore.to, "sqlite:x.db#t");
  EXPECT_TRUE(restore.create && restore.force && restore.only_missing && restore.yes);
  EXPECT_EQ(restore.key, "pk:S,sk:N");
  EXPECT_EQ(restore.rejects_file, "bad.jsonl");
  EXPECT_EQ(restore.max_rejects, 0u);
  EXPECT_EQ(restore.confirm, "prod");
  EXPECT_EQ(restore.max_wcu, 1000);

  EXPECT_THAT(options_of({"copy", "a", "b"}).arguments, ElementsAre("a", "b"));
  EXPECT_EQ(options_of({"verify", "d", "--against", "t"}).against, "t");
  EXPECT_EQ(options_of({"drop", "t", "--backed-up-by", "d"}).backed_up_by, "d");
  const Options cat = options_of({"cat", "-", "--limit", "5", "--key", R"({"pk":{"S":"a"}})"});
  EXPECT_THAT(cat.arguments, ElementsAre("-"));
  EXPECT_EQ(cat.limit, 5u);
  EXPECT_EQ(cat.cat_key, R"({"pk":{"S":"a"}})");
}

TEST(CommandLine, TakesAWordThatIsACommandAsAnArgument) {
  EXPECT_THAT(options_of({"restore", "list"}).arguments, ElementsAre("list"));
}

TEST(CommandLine, OfAFlagGivenTwiceTheLastCounts) {
  EXPECT_EQ(options_of({"backup", "--jobs", "2", "--jobs", "auto"}).jobs, 0u);
  EXPECT_EQ(options_of({"backup", "--stage", "a", "--stage=b"}).stage, "b");
}

TEST(CommandLine, ReadsVariablesBehindFlags) {
  const Variable jobs("BULK_JOBS", "3");
  const Variable rate("BULK_MAX_WCU", "50");
  const Variable json("BULK_JSON", "1");
  const Variable no_verify("BULK_NO_VERIFY", "true");
  const Options options = options_of({"restore", "x", "--jobs", "4"});
  EXPECT_EQ(options.jobs, 4u);
  EXPECT_EQ(options.max_wcu, 50);
  EXPECT_TRUE(options.json);
  EXPECT_FALSE(options.verify);
  EXPECT_EQ(options_of({"restore", "x"}).jobs, 3u);
}

TEST(CommandLine, EveryFlagHasItsVariable) {
  std::size_t seen = 0;
  for (const CommandFlags& command : command_flags()) {
    for (const auto& [flag, variable] : command.flags) {
      std::string expected = "BULK_";
      for (const char c : flag.substr(2)) expected += c == '-' ? '_' : static_cast<char>(std::toupper(c));
      EXPECT_EQ(variable, expected) << command.command;
      ++seen;
    }
  }
  EXPECT_GT(seen, 100u);
  const Variable confirm("BULK_CONFIRM", "prod");
  const Variable by("BULK_BACKED_UP_BY", "d");
  const Options options = options_of({"drop", "t"});
  EXPECT_EQ(options.confirm, "prod");
  EXPECT_EQ(options.backed_up_by, "d");
}

TEST(CommandLine, NamesTheVariableWhoseValueIsBad) {
  const Variable jobs("BULK_JOBS", "many");
  EXPECT_EQ(error_of({"backup"}),
            "BULK_JOBS wants a number from 1 to 1024, or auto, not \"many\"; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "-j0"}),
            "--jobs wants a number from 1 to 1024, or auto, not \"0\"; see bulk backup --help");
}

TEST(CommandLine, RefusesInOneLineThatSaysWhereToLook) {
  EXPECT_EQ(error_of({"bakcup"}), "there is no command bakcup; see bulk --help");
  EXPECT_EQ(error_of({"--stage", "x", "backup"}),
            "unexpected --stage: flags stand behind the command; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--repair"}), "unexpected argument --repair; see bulk backup --help");
  EXPECT_EQ(error_of({"list", "--force"}), "unexpected argument --force; see bulk list --help");
  EXPECT_EQ(error_of({"backup", "a", "b"}), "unexpected argument b; see bulk backup --help");
  EXPECT_EQ(error_of({"copy", "a"}), "TARGET is required; see bulk copy --help");
  EXPECT_EQ(error_of({"drop", "t"}), "--backed-up-by is required; see bulk drop --help");
  EXPECT_EQ(error_of({"backup", "--jobs"}), "--jobs wants a value; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--json=maybe"}), "wants true or false: --json = maybe; see bulk backup --help");
}

TEST(CommandLine, RefusesAnEmptyValueBecauseItMayBeAnUnsetVariable) {
  EXPECT_EQ(error_of({"backup", "--stage", ""}), "--stage wants a value, not an empty one; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--stage=", "x"}), "--stage wants a value, not an empty one; see bulk --help");
}

TEST(CommandLine, RefusesValuesOutOfRange) {
  EXPECT_EQ(error_of({"backup", "--level", "20"}),
            "--level wants a number from 1 to 19, not \"20\"; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--level", "3x"}),
            "--level wants a number from 1 to 19, not \"3x\"; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--segments", "0"}),
            "--segments wants a number from 1 to 1000000, or auto, not \"0\"; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--memory", "12Q"}),
            "--memory wants a size such as 256M or 1GiB, not \"12Q\"; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--memory", "1M"}), "--memory wants at least 8M, not \"1M\"; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--capacity-percent", "101"}),
            "--capacity-percent wants a number from 1 to 100, not \"101\"; see bulk backup --help");
  EXPECT_EQ(error_of({"restore", "--max-wcu", "inf"}),
            "--max-wcu wants a number above 0, not \"inf\"; see bulk restore --help");
  EXPECT_EQ(error_of({"restore", "--max-wcu", "0"}),
            "--max-wcu wants a number above 0, not \"0\"; see bulk restore --help");
  EXPECT_EQ(error_of({"backup", "--progress", "loud"}),
            "--progress wants auto, bar, plain or none, not \"loud\"; see bulk backup --help");
  EXPECT_EQ(error_of({"cat", "--limit", "99999999999999999999"}),
            "--limit wants a number from 1 to 1000000000000, not \"99999999999999999999\"; see bulk cat --help");
}

TEST(CommandLine, TakesAReasonThatIsFitForALog) {
  EXPECT_EQ(parse_command_line({"drop", "--backed-up-by", "x", "--reason", "Zoë's ticket 4711"}).options.reason,
            "Zoë's ticket 4711");
  std::string longest;
  for (int i = 0; i < 500; ++i) longest += "é";
  EXPECT_EQ(parse_command_line({"backup", "--reason", longest}).options.reason, longest);
  EXPECT_EQ(error_of({"backup", "--reason", longest + "e"}),
            "--reason wants at most 500 characters, not 501; see bulk backup --help");
  for (const char* bad : {"a\nb", "\x1b[2J", "\xc2\x9b", "\xff", "\x7f"}) {
    EXPECT_EQ(error_of({"restore", "--reason", bad}),
              "--reason wants a text without control characters; see bulk restore --help");
  }
}

TEST(CommandLine, TakesAStallTimeoutOfUpToADay) {
  EXPECT_EQ(parse_command_line({"backup"}).options.stall_timeout_s, 600u);
  EXPECT_EQ(parse_command_line({"cat", "x", "--stall-timeout", "0"}).options.stall_timeout_s, 0u);
  EXPECT_EQ(parse_command_line({"diff", "a", "b", "--stall-timeout", "86400"}).options.stall_timeout_s, 86'400u);
  EXPECT_EQ(error_of({"backup", "--stall-timeout", "86401"}),
            "--stall-timeout wants a number from 0 to 86400, not \"86401\"; see bulk backup --help");
  EXPECT_EQ(error_of({"backup", "--stall-timeout", "10m"}),
            "--stall-timeout wants a number from 0 to 86400, not \"10m\"; see bulk backup --help");
}

TEST(CommandLine, PrintsHelpAndVersion) {
  const CommandLine alone = parse_command_line({});
  EXPECT_FALSE(alone.asked_for);
  const CommandLine help = parse_command_line({"--help"});
  EXPECT_TRUE(help.asked_for);
  EXPECT_EQ(help.text, alone.text);
  EXPECT_THAT(help.text, HasSubstr("  bulk backup --stage pr-5\n"));
  for (const CommandFlags& command : command_flags()) {
    const std::vector<std::string> words = words_of(command.command);
    const std::string group = words.size() == 1 ? help.text : parse_command_line({words.front(), "--help"}).text;
    EXPECT_THAT(help.text, HasSubstr("\n  " + words.front() + " "));
    EXPECT_THAT(group, HasSubstr("\n  " + words.back() + " "));
  }
  const std::string backup = parse_command_line({"backup", "--help"}).text;
  EXPECT_THAT(backup, HasSubstr("read a table, write a dump\nUsage: bulk backup [OPTIONS] [SOURCE]\n"));
  EXPECT_THAT(backup, HasSubstr("\n  --max-rcu N                     at most so many read units per second\n"));
  EXPECT_EQ(parse_command_line({"--version"}).text, "bulk " BULK_VERSION "\n");
}

TEST(CommandLine, AdvertisesNothingThatThisVersionCannotDo) {
  std::string all = parse_command_line({"--help"}).text;
  for (const CommandFlags& command : command_flags()) {
    Arguments arguments = words_of(command.command);
    arguments.emplace_back("--help");
    all += parse_command_line(arguments).text;
  }
  for (const char* later : {"doctor", "s3://", "--encrypt", "--identity", "--repair"}) {
    EXPECT_THAT(all, Not(HasSubstr(later)));
  }
}

TEST(CommandLine, TakesASelectionOnTheWay) {
  for (const Arguments& command : {Arguments{"backup"}, Arguments{"restore", "d"}, Arguments{"copy", "a", "b"}}) {
    Arguments arguments = command;
    arguments.insert(arguments.end(), {"--where", "status = 'open'", "--transform", "mask.toml"});
    const Options options = options_of(arguments);
    EXPECT_EQ(options.where, "status = 'open'");
    EXPECT_EQ(options.transform, "mask.toml");
  }
  EXPECT_EQ(error_of({"verify", "d", "--where", "a = b"}), "unexpected argument --where; see bulk verify --help");
}

TEST(ParseSize, ReadsUnitsAsPowersOf1024) {
  const std::vector<std::pair<std::string, std::uint64_t>> sizes{
      {"1", 1},           {"4096", 4096},       {"4096B", 4096},
      {"1k", 1024},       {"256M", 256u << 20}, {"256mb", 256u << 20},
      {"1GiB", 1u << 30}, {"2Tib", 2ULL << 40}, {"16777215T", 16777215ULL << 40},
  };
  for (const auto& [text, expected] : sizes) {
    std::uint64_t bytes = 0;
    EXPECT_TRUE(parse_size(text, bytes)) << text;
    EXPECT_EQ(bytes, expected) << text;
  }
}

TEST(ParseSize, RefusesWhatIsNone) {
  for (const char* text :
       {"", "0", "0M", "M", "-1", "1.5G", "1 M", "1iB", "1XB", "1MM", "16777216T", "99999999999999999999", "+1"}) {
    std::uint64_t bytes = 7;
    EXPECT_FALSE(parse_size(text, bytes)) << text;
    EXPECT_EQ(bytes, 7u);
  }
}

}  // namespace
}  // namespace bulk
