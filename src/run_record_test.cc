// What whole runs leave in the history.
#include "src/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "io/error.h"
#include "src/program.h"
#include "tests/support/dump_fixture.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class Recorded : public testing::Test {
 protected:
  Recorded() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(directory_.path());
    variables_["HOME"] = directory_.file("home");
    std::filesystem::create_directory("home");
    test::write_empty_dump("d.jsonl.zst", "pr-5", "t", "2025-01-25T12:00:00Z");
  }
  ~Recorded() override { std::filesystem::current_path(before_); }

  int run(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = run_program(
        arguments,
        [this](const std::string& name) -> std::optional<std::string> {
          const auto found = variables_.find(name);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        },
        stop_);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return status;
  }
  std::vector<HistoryRun> runs() { return read_history("home/.local/state/bulk/history.jsonl", "", 100).runs; }

  test::TempDir directory_;
  std::map<std::string, std::string> variables_;
  Stop stop_;
  std::string out_, err_;

 private:
  std::filesystem::path before_;
};

TEST_F(Recorded, ARunThatIsDone) {
  variables_["SUDO_USER"] = "bob";
  ASSERT_EQ(run({"verify", "d.jsonl.zst"}), 0) << err_;
  ASSERT_EQ(runs().size(), 1u);
  const HistoryRun done = runs().front();
  EXPECT_EQ(done.command, "verify");
  EXPECT_EQ(done.source, "d.jsonl.zst");
  EXPECT_EQ(done.sudo_user, "bob");
  EXPECT_NE(done.user, "");
  EXPECT_EQ(done.process.pid, this_process().pid);
  EXPECT_EQ(done.outcome, "ok");
  EXPECT_EQ(done.exit_status, 0);
  EXPECT_EQ(done.verified, "content");
  EXPECT_EQ(done.digest, "00000000000000000000000000000000");
  EXPECT_EQ(done.dumps_read, std::vector<std::string>{canonical_path("d.jsonl.zst")});
  EXPECT_LE(done.started, done.ended);
}

TEST_F(Recorded, ARestoreWithItsReasonAndItsStage) {
  ASSERT_EQ(run({"restore", "d.jsonl.zst", "--stage", "local", "--create", "--key", "pk:S", "--reason", "ticket 4711"}),
            0)
      << err_;
  const HistoryRun done = runs().at(0);
  EXPECT_EQ(done.stage, "local");
  EXPECT_EQ(done.reason, "ticket 4711");
  EXPECT_THAT(done.target, MatchesRegex("sqlite:.*\\.bulk/local\\.db#local-main-table"));
  EXPECT_EQ(done.verified, "content");
}

TEST_F(Recorded, AFailureWithItsKindAndStatus) {
  EXPECT_EQ(run({"backup", "sqlite:nowhere.db#t", "--to", "x.jsonl.zst"}), 10);
  const HistoryRun failed = runs().at(0);
  EXPECT_EQ(failed.outcome, "failed");
  EXPECT_EQ(failed.error_kind, "not_found");
  EXPECT_EQ(failed.exit_status, 10);
  EXPECT_EQ(failed.dump_written, "");
}

TEST_F(Recorded, AnInterruption) {
  stop_.fail(std::make_exception_ptr(Error::interrupted(15)));
  EXPECT_EQ(run({"verify", "d.jsonl.zst"}), 143);
  EXPECT_EQ(runs().at(0).outcome, "interrupted");
  EXPECT_EQ(runs().at(0).exit_status, 143);
}

TEST_F(Recorded, NotWhatOnlyLooks) {
  run({"list"});
  run({"inspect", "d.jsonl.zst"});
  run({"cat", "d.jsonl.zst"});
  run({"history"});
  run({"restore"});
  run({"restore", "d.jsonl.zst", "--to", "sqlite:x.db#t", "--create", "--key", "pk:S", "--dry-run"});
  EXPECT_FALSE(std::filesystem::exists("home/.local/state/bulk/history.jsonl"));
}

TEST_F(Recorded, NoSecretOfTheCommandLine) {
  run({"backup", "dynamodb://table?endpoint=http://user:hunter2@127.0.0.1:1"});
  run({"copy", "postgresql://user:hunter2@host/db", "mysql://user:hunter2@host/db"});
  const std::string log = test::read_file("home/.local/state/bulk/history.jsonl");
  EXPECT_THAT(log, HasSubstr(R"("command":"copy")"));
  EXPECT_THAT(log, Not(HasSubstr("hunter2")));
}

TEST_F(Recorded, NoSecretOfAnEndpointThatIsNone) {
  for (const char* mistyped : {"postgres:u:hunter2@h/d", "dynamodb:/u:hunter2@h/tab", "dynamodb://u:hunter2@h/t",
                               "dynamodb://tab?endpoint=http://127.0.0.1:1/?token=hunter2"}) {
    EXPECT_EQ(run({"backup", mistyped, "--to", "x.jsonl.zst"}), 2) << mistyped;
    EXPECT_EQ(runs().at(0).source, "") << mistyped;
  }
}

TEST_F(Recorded, NothingWhereNothingSaysWhere) {
  variables_.clear();
  EXPECT_EQ(run({"verify", "d.jsonl.zst", "-q"}), 0);
  EXPECT_EQ(err_, "");
  EXPECT_TRUE(std::filesystem::is_empty("home"));
  EXPECT_EQ(run({"history"}), 0);
  EXPECT_EQ(err_, "no runs in the history\n");
}

TEST_F(Recorded, WithAWarningWhereItCannotBe) {
  std::ofstream("state") << "a file";
  std::ofstream("bulk.toml") << "state_dir = \"state\"\n";
  EXPECT_EQ(run({"verify", "d.jsonl.zst", "--json"}), 0);
  EXPECT_EQ(err_,
            "bulk: warning: this run is not recorded: cannot make folder 'state': Not a directory; set state_dir in "
            "bulk.toml\n");
  EXPECT_THAT(out_, HasSubstr(R"("warnings":["this run is not recorded: )"));
}

TEST_F(Recorded, ShownAsATableForPeople) {
  run({"verify", "d.jsonl.zst"});
  run({"backup", "sqlite:nowhere.db#t", "--to", "x.jsonl.zst", "--reason", "why"});
  ASSERT_EQ(run({"history"}), 0);
  EXPECT_THAT(
      out_,
      MatchesRegex("TIME +USER +COMMAND  FROM -> TO +ITEMS  OUTCOME +TOOK  REASON\n"
                   "[^ ]+Z  [^ ]+ +backup   sqlite:[^ ]*nowhere.db#t -> x.jsonl.zst +0  failed \\(10 not_found\\)  "
                   "[0-9.]+ s  why\n"
                   "[^ ]+Z  [^ ]+ +verify   d.jsonl.zst +0  ok +[0-9.]+ s  -\n"));
  ASSERT_EQ(run({"history", "--limit", "1"}), 0);
  EXPECT_THAT(out_, Not(HasSubstr("verify")));
  ASSERT_EQ(run({"history", "--stage", "pr-5"}), 0);
  EXPECT_EQ(err_, "no runs of stage pr-5 in the history\n");
}

TEST_F(Recorded, ShownAsJsonLinesAndASummary) {
  run({"verify", "d.jsonl.zst"});
  std::ofstream("home/.local/state/bulk/history.jsonl", std::ios::app) << "\x1b[2J\n";
  ASSERT_EQ(run({"history", "--json"}), 0);
  EXPECT_TRUE(out_.starts_with(R"({"message_type":"run","run":")")) << out_;
  EXPECT_THAT(out_, HasSubstr(R"("command":"verify","source":"d.jsonl.zst","outcome":"ok")"));
  EXPECT_THAT(out_, HasSubstr(R"("runs":1,"warnings":["1 line of ')"));
}

TEST_F(Recorded, TellsListWhenADumpWasVerified) {
  std::filesystem::create_directory("backups");
  std::filesystem::rename("d.jsonl.zst", "backups/d.jsonl.zst");
  run({"list"});
  EXPECT_THAT(out_, HasSubstr("B  -         backups/d.jsonl.zst\n"));
  run({"verify", "./backups/../backups/d.jsonl.zst"});
  const std::string when = runs().at(0).ended;
  run({"list"});
  EXPECT_THAT(out_, HasSubstr("B  " + when + "  backups/d.jsonl.zst\n"));
  run({"list", "--json"});
  EXPECT_THAT(out_, HasSubstr("\"verified\":\"" + when + "\"}"));
}

}  // namespace
}  // namespace bulk
