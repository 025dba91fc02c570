// Runs that are cut short and gone on with, as users do it: what they are told, what is left lying in between, and that
// nothing is lost. The same at every moment and boundary is tests/crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"
#include "tests/fault_server.h"

namespace bulk::test {
namespace {

using testing::HasSubstr;

constexpr int kItems = 3'000;
constexpr const char* kTable = "orders";

class ResumedRun : public testing::Test {
 protected:
  ResumedRun() {
    sandbox_.environment["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE";
    sandbox_.environment["AWS_SECRET_ACCESS_KEY"] = "secret";
    std::string lines;
    for (int i = 0; i < kItems; ++i) {
      lines += R"({"Item":{"pk":{"S":"customer )" + std::to_string(i) + R"("},"v":{"S":")" + std::string(200, 'v') +
               "\"}}}\n";
    }
    sandbox_.write("in.jsonl", lines);
    RunResult made = sandbox_.bulk({"restore", "in.jsonl", "--to", "sqlite:a.db#t", "--create", "--key", "pk:S"});
    EXPECT_EQ(made.status, 0) << made.err;
  }

  Faults slow() const {
    Faults faults;
    faults.latency = std::chrono::milliseconds(5);
    return faults;
  }
  // Starts a load, interrupts it when the server has taken some items, and gives what it said.
  RunResult interrupted_load(FaultServer& server, const Arguments& arguments, std::uint64_t after_puts = 200) {
    const auto run = sandbox_.start(arguments);
    while (server.puts() < after_puts && run->running()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    run->signal(SIGINT);
    return run->wait();
  }
  // Until a journal somewhere in the sandbox tells of something to go on from.
  void wait_for_progress(test::Run& run) {
    const auto told = [&] {
      for (const std::string& file : sandbox_.files()) {
        if (file.ends_with(".journal") && sandbox_.read(file).find("progress") != std::string::npos) return true;
      }
      return false;
    };
    while (!told() && run.running()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::string dump() {
    const RunResult made = sandbox_.bulk({"backup", "sqlite:a.db#t", "--to", "x.jsonl.zst", "--memory", "8M"});
    EXPECT_EQ(made.status, 0) << made.err;
    return "x.jsonl.zst";
  }

  Sandbox sandbox_;
};

TEST_F(ResumedRun, AnInterruptedRestoreNamesTheCommandThatGoesOn) {
  FaultServer server(slow());
  const Arguments restore = {"restore", dump(), "--to", server.url(kTable), "--create", "--memory", "8M"};
  const RunResult cut = interrupted_load(server, restore);
  EXPECT_EQ(cut.status, 130);
  EXPECT_THAT(cut.err, HasSubstr("bulk: interrupted; go on with: bulk restore x.jsonl.zst --to '" + server.url(kTable) +
                                 "' --create --memory 8M --resume\n"));
  EXPECT_LT(server.items(kTable).size(), kItems);

  // Without --resume the half-filled table is what it looks like: a table that holds data.
  const RunResult again = sandbox_.bulk(restore);
  EXPECT_EQ(again.status, 13);
  EXPECT_THAT(again.err,
              HasSubstr("holds data; --resume goes on with the unfinished run of this load, --force merges"));

  Arguments resume = restore;
  resume.insert(resume.end(), {"--resume", "--json"});
  const RunResult done = sandbox_.bulk(resume);
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(last_line(done.out), HasSubstr(R"("read":3000,"written":3000,)"));
  EXPECT_THAT(last_line(done.out), HasSubstr(R"("verified":"content")"));
  EXPECT_EQ(server.items(kTable).size(), kItems);
}

TEST_F(ResumedRun, ARecreatedTableStartsAfresh) {
  FaultServer server(slow());
  const Arguments restore = {"restore", dump(), "--to", server.url(kTable), "--create", "--memory", "8M"};
  EXPECT_EQ(interrupted_load(server, restore).status, 130);
  const RunResult dropped =
      sandbox_.shell("bulk backup '" + server.url(kTable) + "' --to half.jsonl.zst -q && bulk drop '" +
                     server.url(kTable) + "' --backed-up-by half.jsonl.zst --yes -q");
  ASSERT_EQ(dropped.status, 0) << dropped.err;
  Arguments resume = restore;
  resume.emplace_back("--resume");
  const RunResult done = sandbox_.bulk(resume);
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("the target is gone: starting afresh"));
  EXPECT_EQ(server.items(kTable).size(), kItems);
}

TEST_F(ResumedRun, AForeignFileIsWrittenAgainFromItsFirstLine) {
  FaultServer server(slow());
  const Arguments restore = {"restore", "in.jsonl", "--to", server.url(kTable), "--create", "--key",
                             "pk:S",    "--memory", "8M"};
  const RunResult cut = interrupted_load(server, restore);
  EXPECT_EQ(cut.status, 130);
  Arguments resume = restore;
  resume.emplace_back("--resume");
  const RunResult done = sandbox_.bulk(resume);
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(server.items(kTable).size(), kItems);
}

TEST_F(ResumedRun, ABackupOfAStageFindsItsUnfinishedDump) {
  sandbox_.write("bulk.toml", "[stages.pr-5]\nsource = \"sqlite:a.db#t\"\n");
  sandbox_.write("backups/.keep", "");
  const auto run = sandbox_.start({"backup", "--stage", "pr-5", "--memory", "8M", "--bwlimit", "400K"});
  wait_for_progress(*run);
  const RunResult locked = sandbox_.bulk({"backup", "--stage", "pr-5", "--resume"});
  run->signal(SIGTERM);
  const RunResult cut = run->wait();
  EXPECT_EQ(cut.status, 143) << cut.err;
  EXPECT_EQ(locked.status, 11) << locked.err;
  EXPECT_THAT(locked.err, HasSubstr(".jsonl.zst.partial' is being written by another run"));
  EXPECT_THAT(cut.err, HasSubstr("bulk: terminated; go on with: bulk backup --stage pr-5 --memory 8M --bwlimit 400K "
                                 "--resume\n"));

  const RunResult done = sandbox_.bulk({"backup", "--stage", "pr-5", "--resume", "--json"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(last_line(done.out), HasSubstr(R"("read":3000,"written":3000,)"));
  EXPECT_THAT(last_line(done.out), HasSubstr(R"("consistent":false)"));
  int dumps = 0;
  for (const std::string& file : sandbox_.files()) {
    EXPECT_FALSE(file.ends_with(".partial") || file.ends_with(".journal")) << file;
    dumps += file.starts_with("backups/") && file.ends_with(".jsonl.zst") ? 1 : 0;
  }
  EXPECT_EQ(dumps, 1);
  const RunResult verified = sandbox_.bulk({"verify", "latest", "--against", "sqlite:a.db#t"});
  EXPECT_EQ(verified.status, 0) << verified.err;
}

TEST_F(ResumedRun, ADamagedPartialDumpIsNotGoneOnWith) {
  const auto run =
      sandbox_.start({"backup", "sqlite:a.db#t", "--to", "x.jsonl.zst", "--memory", "8M", "--bwlimit", "400K"});
  wait_for_progress(*run);
  run->signal(SIGKILL);
  ASSERT_EQ(run->wait().status, 128 + SIGKILL);
  std::string bytes = sandbox_.read("x.jsonl.zst.partial");
  ASSERT_GT(bytes.size(), 500u);
  bytes[bytes.size() / 2] ^= 1;
  sandbox_.write("x.jsonl.zst.partial", bytes);
  const RunResult resumed = sandbox_.bulk({"backup", "sqlite:a.db#t", "--to", "x.jsonl.zst", "--resume"});
  EXPECT_EQ(resumed.status, 4) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("start afresh, without --resume"));
  EXPECT_FALSE(sandbox_.exists("x.jsonl.zst"));
  const RunResult afresh = sandbox_.bulk({"backup", "sqlite:a.db#t", "--to", "x.jsonl.zst"});
  EXPECT_EQ(afresh.status, 0) << afresh.err;
  EXPECT_FALSE(sandbox_.exists("x.jsonl.zst.journal"));
}

TEST_F(ResumedRun, SeveralProcessesLoadOneTableWithDifferentDumps) {
  FaultServer server(slow());
  sandbox_.write("first.jsonl", R"({"Item":{"pk":{"S":"one"}}})"
                                "\n");
  const RunResult made =
      sandbox_.bulk({"restore", "first.jsonl", "--to", server.url(kTable), "--create", "--key", "pk:S", "--no-verify"});
  ASSERT_EQ(made.status, 0) << made.err;
  const Arguments first = {"restore", dump(), "--to", server.url(kTable), "--force"};
  Faults very_slow;
  very_slow.latency = std::chrono::milliseconds(700);
  server.set(very_slow);
  const auto run = sandbox_.start(first);
  while (server.requests("BatchWriteItem") < 2 && run->running())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const RunResult same = sandbox_.bulk(first);
  EXPECT_EQ(same.status, 11) << same.err;
  EXPECT_THAT(same.err,
              HasSubstr("bulk: the same load into " + server.url(kTable) + " is being done by another run (process "));
  server.set(slow());
  const RunResult other = sandbox_.bulk({"restore", "first.jsonl", "--to", server.url(kTable), "--force"});
  EXPECT_EQ(other.status, 0) << other.err;
  EXPECT_EQ(run->wait().status, 0);
  EXPECT_EQ(server.items(kTable).size(), kItems + 1u);
}

}  // namespace
}  // namespace bulk::test
