// What `bulk history` and `bulk list` say about real runs: done, failed, under way, killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"
#include "tests/support/held_pipe.h"

namespace bulk::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class HistoryOfRuns : public testing::Test {
 protected:
  void fill() {
    write_items(sandbox_.path("items.jsonl"), 100);
    expect_ok(sandbox_.bulk({"restore", "items.jsonl", "--stage", "local", "--create", "--key", "pk:S,sk:S"}));
  }
  // The lines of `bulk history --json`, newest first, without the summary.
  std::vector<rapidjson::Document> runs() {
    const RunResult result = sandbox_.bulk({"history", "--json"});
    EXPECT_EQ(result.status, 0) << result.err;
    std::vector<rapidjson::Document> all;
    for (std::size_t begin = 0, end; (end = result.out.find('\n', begin)) != std::string::npos; begin = end + 1) {
      all.push_back(parse_json(result.out.substr(begin, end - begin)));
    }
    all.pop_back();
    return all;
  }

  Sandbox sandbox_;
};

TEST_F(HistoryOfRuns, ABackupAndARestoreSayEverything) {
  fill();
  expect_ok(sandbox_.bulk({"backup", "--stage", "local", "--to", "d.jsonl.zst", "--reason", "before the deploy"}));
  const auto all = runs();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_STREQ(member(all[0], "command").GetString(), "backup");
  EXPECT_STREQ(member(all[0], "stage").GetString(), "local");
  EXPECT_STREQ(member(all[0], "reason").GetString(), "before the deploy");
  EXPECT_STREQ(member(all[0], "outcome").GetString(), "ok");
  EXPECT_STREQ(member(all[0], "verified").GetString(), "content");
  EXPECT_EQ(member(all[0], "records", "written").GetUint64(), 100u);
  EXPECT_EQ(member(all[0], "dump_written").GetString(), std::filesystem::canonical(sandbox_.path("d.jsonl.zst")));
  EXPECT_THAT(member(all[0], "source").GetString(), MatchesRegex("sqlite:.*#local-main-table"));
  EXPECT_STREQ(member(all[1], "command").GetString(), "restore");
  EXPECT_EQ(member(all[1], "records", "written").GetUint64(), 100u);
}

TEST_F(HistoryOfRuns, IsPrivateAndLiesWhereTheFileSays) {
  fill();
  sandbox_.write("bulk.toml", "state_dir = \"${STATE}/runs\"\n");
  sandbox_.environment["STATE"] = sandbox_.path("deep/state");
  expect_ok(sandbox_.bulk({"backup", "--stage", "local", "--to", "d.jsonl.zst"}));
  namespace fs = std::filesystem;
  EXPECT_EQ(fs::status(sandbox_.path("deep/state/runs")).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(sandbox_.path("deep/state/runs/history.jsonl")).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(HistoryOfRuns, ARunIsRunningUntilItIsKilled) {
  const HeldPipe pipe(sandbox_.path("pipe"));
  const auto run = sandbox_.start({"restore", "-", "--to", "sqlite:x.db#t", "--create", "--key", "pk:S"}, pipe.path());
  const std::string log = sandbox_.environment.at("HOME") + "/.local/state/bulk/history.jsonl";
  while (run->running() && !(std::filesystem::exists(log) && std::filesystem::file_size(log) > 0)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_STREQ(member(runs().at(0), "outcome").GetString(), "running");
  run->signal(SIGKILL);
  run->wait();
  EXPECT_STREQ(member(runs().at(0), "outcome").GetString(), "killed");
}

TEST_F(HistoryOfRuns, AnInterruptedRunSaysSo) {
  const HeldPipe pipe(sandbox_.path("pipe"));
  const auto run = sandbox_.start({"restore", "-", "--to", "sqlite:x.db#t", "--create", "--key", "pk:S"}, pipe.path());
  const std::string log = sandbox_.environment.at("HOME") + "/.local/state/bulk/history.jsonl";
  while (run->running() && !(std::filesystem::exists(log) && std::filesystem::file_size(log) > 0)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  run->signal(SIGTERM);
  EXPECT_EQ(run->wait().status, 143);
  EXPECT_STREQ(member(runs().at(0), "outcome").GetString(), "interrupted");
  EXPECT_EQ(member(runs().at(0), "exit_status").GetInt(), 143);
}

TEST_F(HistoryOfRuns, ListShowsWhenADumpWasVerified) {
  fill();
  expect_ok(sandbox_.bulk({"backup", "--stage", "local"}));
  const RunResult listed = sandbox_.bulk({"list", "--json"});
  const auto dump = parse_json(listed.out.substr(0, listed.out.find('\n')));
  EXPECT_STREQ(member(dump, "verified").GetString(), member(runs().at(0), "ended").GetString());
  // Elsewhere it is another file.
  expect_ok(sandbox_.shell("mkdir other && mv backups/* other/ && mv other backups/../moved && rmdir backups"));
  sandbox_.write("bulk.toml", "backup_dir = \"moved\"\n");
  EXPECT_THAT(sandbox_.bulk({"list", "--json"}).out, HasSubstr("\"verified\":null"));
  expect_ok(sandbox_.shell("bulk verify moved/*.zst"));
  EXPECT_THAT(sandbox_.bulk({"list", "--json"}).out, HasSubstr("\"verified\":\"2"));
}

}  // namespace
}  // namespace bulk::test
