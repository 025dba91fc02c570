// The command line of `bulk backfill`, whose commands have two words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "io/error.h"
#include "src/cli.h"

namespace bulk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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

// BULK_WRITE as long as it lives.
class WriteVariable {
 public:
  explicit WriteVariable(const char* value) { setenv("BULK_WRITE", value, 1); }
  ~WriteVariable() { unsetenv("BULK_WRITE"); }
  WriteVariable(const WriteVariable&) = delete;
};

TEST(BackfillCommandLine, ReadsEveryFlagOfARun) {
  const Options options = options_of({"backfill",
                                      "run",
                                      "migrations/j.toml",
                                      "--stage",
                                      "pr-5",
                                      "--table",
                                      "users",
                                      "--where",
                                      "n > 3",
                                      "--limit",
                                      "1000",
                                      "--sample",
                                      "50",
                                      "--until",
                                      "06:00",
                                      "--backup-first",
                                      "--write",
                                      "put",
                                      "--rejects",
                                      "bad.jsonl",
                                      "--max-rejects",
                                      "5",
                                      "--max-wcu",
                                      "100",
                                      "--max-rcu",
                                      "200",
                                      "--segments",
                                      "8",
                                      "--capacity-percent",
                                      "30",
                                      "--level",
                                      "5",
                                      "--confirm",
                                      "prod",
                                      "-y",
                                      "-n",
                                      "--reason",
                                      "ticket 1",
                                      "--consistent-read"});
  EXPECT_EQ(options.command, "backfill run");
  EXPECT_THAT(options.arguments, ElementsAre("migrations/j.toml"));
  EXPECT_EQ(options.stage, "pr-5");
  EXPECT_EQ(options.table, "users");
  EXPECT_EQ(options.where, "n > 3");
  EXPECT_EQ(options.limit, 1'000u);
  EXPECT_EQ(options.sample, 50u);
  EXPECT_EQ(options.until, "06:00");
  EXPECT_TRUE(options.backup_first && options.write_put && options.yes && options.dry_run && options.consistent_read);
  EXPECT_EQ(options.rejects_file, "bad.jsonl");
  EXPECT_EQ(options.max_rejects, 5u);
  EXPECT_EQ(options.max_wcu, 100);
  EXPECT_EQ(options.max_rcu, 200);
  EXPECT_EQ(options.segments, 8u);
  EXPECT_EQ(options.capacity_percent, 30);
  EXPECT_EQ(options.level, 5);
  EXPECT_EQ(options.confirm, "prod");
  EXPECT_EQ(options.reason, "ticket 1");
  const Options plain = options_of({"backfill", "run", "j.toml"});
  EXPECT_FALSE(plain.write_put || plain.backup_first);
  EXPECT_EQ(plain.limit + plain.sample, 0u);
  EXPECT_TRUE(plain.until.empty());
}

TEST(BackfillCommandLine, ReadsTheOtherCommands) {
  const Options create = options_of({"backfill", "create", "add-location", "--to", "elsewhere"});
  EXPECT_EQ(create.command, "backfill create");
  EXPECT_THAT(create.arguments, ElementsAre("add-location"));
  EXPECT_EQ(create.to, "elsewhere");
  EXPECT_EQ(options_of({"backfill", "verify", "j.toml", "--where", "n = 1"}).where, "n = 1");
  EXPECT_EQ(options_of({"backfill", "rollback", "j.toml", "--max-wcu", "5"}).command, "backfill rollback");
  const Options status = options_of({"backfill", "status"});
  EXPECT_EQ(status.command, "backfill status");
  EXPECT_TRUE(status.arguments.empty());
  EXPECT_EQ(options_of({"verify", "backfill"}).command, "verify") << "a word that is a group is an argument too";
}

TEST(BackfillCommandLine, TakesTheWriteThatItIsTold) {
  EXPECT_FALSE(options_of({"backfill", "run", "j", "--write", "update"}).write_put);
  EXPECT_FALSE(options_of({"backfill", "run", "j", "--write", "put", "--write", "update"}).write_put);
  const WriteVariable write("put");
  EXPECT_TRUE(options_of({"backfill", "run", "j"}).write_put);
}

// Which times there are is known where the time is (src/backfill/deadline.h).
TEST(BackfillCommandLine, LeavesTheTimeOfDayAsItIs) {
  EXPECT_EQ(options_of({"backfill", "run", "j", "--until", "soon"}).until, "soon");
}

TEST(BackfillCommandLine, ResumesWithTheSameWords) {
  EXPECT_EQ(options_of({"backfill", "run", "j.toml", "--where", "n > 3"}).resume_command,
            "bulk backfill run j.toml --where 'n > 3' --resume");
}

TEST(BackfillCommandLine, RefusesInOneLineThatSaysWhereToLook) {
  EXPECT_EQ(error_of({"backfill", "nonsense"}), "there is no command backfill nonsense; see bulk backfill --help");
  EXPECT_EQ(error_of({"backfill", "nonsense", "--stage", "x"}),
            "there is no command backfill nonsense; see bulk backfill --help");
  EXPECT_EQ(error_of({"backfill", "--stage", "x"}), "unexpected argument --stage; see bulk backfill --help");
  EXPECT_EQ(error_of({"backfill", "run"}), "JOB is required; see bulk backfill run --help");
  EXPECT_EQ(error_of({"backfill", "create"}), "NAME is required; see bulk backfill create --help");
  EXPECT_EQ(error_of({"backfill", "run", "a", "b"}), "unexpected argument b; see bulk backfill run --help");
  EXPECT_EQ(error_of({"backfill", "run", "a", "--resume"}),
            "unexpected argument --resume; see bulk backfill run --help");
  EXPECT_EQ(error_of({"backfill", "status", "a", "--where", "b"}),
            "unexpected argument --where; see bulk backfill status --help");
  EXPECT_EQ(error_of({"backfill", "run", ""}),
            "an argument is empty: is a variable not set?; see bulk backfill run --help");
  EXPECT_EQ(error_of({"backfil", "run"}), "there is no command backfil; see bulk --help");
}

TEST(BackfillCommandLine, RefusesBadValues) {
  const auto run = [](const std::string& flag, const std::string& value) {
    return error_of({"backfill", "run", "j", flag, value});
  };
  EXPECT_EQ(run("--write", "both"), "--write wants update or put, not \"both\"; see bulk backfill run --help");
  EXPECT_EQ(run("--sample", "0"),
            "--sample wants a number from 1 to 1000000000000, not \"0\"; see bulk backfill run --help");
  EXPECT_EQ(run("--sample", "few"),
            "--sample wants a number from 1 to 1000000000000, not \"few\"; see bulk backfill run --help");
  EXPECT_EQ(run("--limit", "0"),
            "--limit wants a number from 1 to 1000000000000, not \"0\"; see bulk backfill run --help");
  EXPECT_EQ(run("--limit", "1k"),
            "--limit wants a number from 1 to 1000000000000, not \"1k\"; see bulk backfill run --help");
  EXPECT_EQ(run("--where", ""), "--where wants a value, not an empty one; see bulk backfill run --help");
  EXPECT_EQ(run("--until", ""), "--until wants a value, not an empty one; see bulk backfill run --help");
  EXPECT_EQ(error_of({"backfill", "run", "j", "--limit"}), "--limit wants a value; see bulk backfill run --help");
  const WriteVariable write("both");
  EXPECT_EQ(error_of({"backfill", "run", "j"}),
            "BULK_WRITE wants update or put, not \"both\"; see bulk backfill run --help");
}

TEST(BackfillCommandLine, PrintsTheHelpOfTheGroupAndOfItsCommands) {
  const CommandLine alone = parse_command_line({"backfill"});
  EXPECT_FALSE(alone.asked_for) << "exit status 2, as of bulk alone";
  const CommandLine help = parse_command_line({"backfill", "--help"});
  EXPECT_TRUE(help.asked_for);
  EXPECT_EQ(help.text, alone.text);
  EXPECT_THAT(help.text, HasSubstr("change every record of a live table, safely, with a way back\n"
                                   "Usage: bulk backfill [OPTIONS] [COMMAND]\n"));
  EXPECT_THAT(help.text, HasSubstr("\n  run                             change every record as the job says; goes on "
                                   "where an earlier run stopped\n"));
  const std::string run = parse_command_line({"backfill", "run", "--help"}).text;
  EXPECT_THAT(run, HasSubstr("change every record as the job says; goes on where an earlier run stopped\n"
                             "Usage: bulk backfill run [OPTIONS] JOB\n"));
  EXPECT_THAT(run, HasSubstr("\n  --until HH:MM                   stop at this time of day, the next run goes on\n"));
  EXPECT_THAT(run, HasSubstr("\n  --limit N                       change at most so many records, the next run goes "
                             "on\n"));
  EXPECT_THAT(run, HasSubstr("Each flag has an environment variable: BULK_MAX_WCU for --max-wcu."));
  EXPECT_THAT(parse_command_line({"backfill", "status", "--help"}).text,
              HasSubstr("Usage: bulk backfill status [OPTIONS] [JOB]\n"));
}

}  // namespace
}  // namespace bulk
