#include "src/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "io/error.h"
#include "io/file.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

std::string id_of(int number) {
  std::string digits = std::to_string(number);
  return std::string(16 - digits.size(), '0') + digits;
}

std::string second_of(int number) {
  const std::string digits = std::to_string(number % 60);
  return "2025-01-25T12:" + std::string(number / 60 < 10 ? "0" : "") + std::to_string(number / 60) + ":" +
         std::string(2 - digits.size(), '0') + digits + "Z";
}

HistoryRun started(int number) {
  HistoryRun run;
  run.id = id_of(number);
  run.started = second_of(number);
  run.user = "ann";
  run.process = {"elsewhere", 4711, "1@b"};
  run.command = "backup";
  run.stage = number % 2 == 0 ? "even" : "odd";
  run.source = "dynamodb://t";
  return run;
}

HistoryRun ended(int number) {
  HistoryRun run = started(number);
  run.ended = second_of(number + 1);
  run.outcome = "ok";
  run.read = run.written = static_cast<std::uint64_t>(number);
  return run;
}

class History : public testing::Test {
 protected:
  void add(const HistoryRun& run) { append_history(path_, history_line(run)); }
  void add(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }
  std::vector<std::string> ids(const HistoryPage& page) {
    std::vector<std::string> ids;
    for (const HistoryRun& run : page.runs) ids.push_back(run.id);
    return ids;
  }

  test::TempDir folder_;
  const std::string path_ = folder_.file("history.jsonl");
};

TEST_F(History, ALineSaysWhatTheRunWas) {
  HistoryRun run = ended(3);
  run.sudo_user = "bob";
  run.target = "x \"quoted\".jsonl.zst";
  run.reason = "why é";
  run.outcome = "failed";
  run.error_kind = "remote";
  run.exit_status = 5;
  run.rejected = 2;
  run.digest = "0a";
  run.verified = "content";
  run.dump_written = "/x";
  run.dumps_read = {"/y", "/z"};
  run.resumed = true;
  run.seconds = 1.2344;
  const std::string line = history_line(run);
  EXPECT_EQ(line,
            R"({"bulk":"history","format":1,"event":"end","run":"0000000000000003","started":"2025-01-25T12:00:03Z",)"
            R"("ended":"2025-01-25T12:00:04Z","user":"ann","sudo_user":"bob","host":"elsewhere","pid":4711,)"
            R"("process":"1@b","command":"backup","stage":"odd","source":"dynamodb://t",)"
            R"("target":"x \"quoted\".jsonl.zst","reason":"why é","outcome":"failed","error":"remote",)"
            R"("exit_status":5,"records":{"read":3,"written":3,"rejected":2},"digest":"0a","verified":"content",)"
            R"("dump_written":"/x","dumps_read":["/y","/z"],"resumed":true,"seconds":1.234})"
            "\n");
  const auto parsed = parse_history_line(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(history_line(*parsed), line);
}

TEST_F(History, TextsAreCutAndMadeUtf8) {
  HistoryRun run = started(1);
  run.source = "a\xff" + std::string(3'000, 'b');
  run.target = std::string(1'999, 'c') + "é";
  const auto parsed = parse_history_line(history_line(run));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->source, "a?" + std::string(1'998, 'b') + "...");
  EXPECT_EQ(parsed->target, std::string(1'999, 'c') + "...");
}

TEST_F(History, IsForItsOwnerOnly) {
  add(started(1));
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(History, GivesTheNewestRunsFirst) {
  for (int i = 0; i < 300; ++i) {
    add(started(i));
    add(ended(i));
  }
  EXPECT_EQ(ids(read_history(path_, "", 3)), (std::vector<std::string>{id_of(299), id_of(298), id_of(297)}));
  EXPECT_EQ(ids(read_history(path_, "even", 2)), (std::vector<std::string>{id_of(298), id_of(296)}));
  const HistoryPage all = read_history(path_, "", 1'000);
  EXPECT_EQ(all.runs.size(), 300u);
  EXPECT_EQ(all.unreadable, 0u);
  EXPECT_EQ(all.runs.back().id, id_of(0));
  EXPECT_EQ(all.runs.front().written, 299u);
}

TEST_F(History, OrdersByTheStartWhateverEndedWhen) {
  for (const int number : {1, 2, 3}) add(started(number));
  for (const int number : {2, 3, 1}) add(ended(number));
  EXPECT_EQ(ids(read_history(path_, "", 10)), (std::vector<std::string>{id_of(3), id_of(2), id_of(1)}));
  for (const HistoryRun& run : read_history(path_, "", 10).runs) EXPECT_EQ(run.outcome, "ok");
}

TEST_F(History, AnEndWithoutItsStartIsARunToo) {
  add(ended(1));
  EXPECT_EQ(ids(read_history(path_, "", 10)), std::vector<std::string>{id_of(1)});
}

TEST_F(History, OfAFileThatIsNotThereIsEmpty) {
  EXPECT_TRUE(read_history(path_, "", 10).runs.empty());
}

TEST_F(History, PassesOverAndCountsWhatIsNoLineOfOurs) {
  add(ended(1));
  add("{\"bulk\":\"history\",\"format\":1,\"event\":\"start\",\"run\":\"torn");  // and no newline
  add(ended(2));
  add(R"({"bulk":"history","format":2,"event":"start","run":"0000000000000009","started":"2025-01-25T12:00:00Z"})"
      "\n");
  add("\xff\xfe\n" + std::string(60'000, '[') + "\n" + std::string(300'000, 'x') + "\n\n");
  add(R"({"bulk":"history","format":1,"event":"start","run":"../etc","started":"2025-01-25T12:00:00Z","command":"x"})"
      "\n");
  add(ended(3));
  add("no newline at the end");
  const HistoryPage page = read_history(path_, "", 10);
  EXPECT_EQ(ids(page), (std::vector<std::string>{id_of(3), id_of(2), id_of(1)}));
  EXPECT_EQ(page.unreadable, 8u);
}

TEST_F(History, DoesNotKeepEndsWithoutNumber) {
  std::string many;
  for (int i = 0; i < 5'000; ++i) {
    HistoryRun run = ended(1);
    run.id = id_of(i);
    many += history_line(run);
  }
  add(many);
  const HistoryPage page = read_history(path_, "", 10'000);
  EXPECT_EQ(page.runs.size() + page.unreadable, 5'000u);
  EXPECT_EQ(page.unreadable, 5'000u - 4'096u);
}

TEST_F(History, TellsWhoIsRunningFromWhoWasKilled) {
  HistoryRun here = started(1);
  here.process = this_process();
  add(here);
  HistoryRun reused = started(2);  // the pid is ours, but its owner began at another time
  reused.process = this_process();
  reused.process.start = "1" + reused.process.start;
  add(reused);
  add(started(3));
  const HistoryPage page = read_history(path_, "", 10);
  ASSERT_EQ(page.runs.size(), 3u);
  EXPECT_EQ(page.runs[0].outcome, "unknown");  // of another host
  EXPECT_EQ(page.runs[1].outcome, "killed");
  EXPECT_EQ(page.runs[2].outcome, "running");
}

TEST_F(History, ManyWritersDoNotTearEachOthersLines) {
  std::vector<std::jthread> writers;
  writers.reserve(4);
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([this, w] {
      for (int i = 0; i < 25; ++i) {
        HistoryRun run = ended(w * 25 + i);
        run.reason = std::string(500, 'r');
        add(run);
      }
    });
  }
  writers.clear();
  const HistoryPage page = read_history(path_, "", 1'000);
  EXPECT_EQ(page.runs.size(), 100u);
  EXPECT_EQ(page.unreadable, 0u);
}

TEST_F(History, RefusesWhatIsNoFile) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  for (const auto& action :
       std::vector<std::function<void()>>{[&] { add(started(1)); }, [&] { read_history(path_, "", 1); }}) {
    try {
      action();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.line(), "'" + path_ + "' is no file");
    }
  }
}

TEST_F(History, TakesBackWhatDidNotFit) {
  add(ended(1));
  const std::string before = test::read_file(path_);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = old;
  small.rlim_cur = before.size() + 10;
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(add(ended(2)), Error);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(test::read_file(path_), before);
}

TEST_F(History, KnowsWhenADumpWasLastVerified) {
  const auto proof = [&](int number, const std::string& verified, const std::string& outcome, const std::string& dump,
                         const std::string& digest) {
    HistoryRun run = ended(number);
    run.verified = verified;
    run.outcome = outcome;
    run.digest = digest;
    run.dumps_read = {dump};
    add(run);
  };
  HistoryRun backup = ended(1);
  backup.verified = "content";
  backup.digest = "d1";
  backup.dump_written = "/b/one";
  add(backup);
  proof(2, "content", "ok", "/b/two", "d2");
  proof(3, "content", "ok", "/b/two", "d2");
  proof(4, "content", "ok", "/b/two", "other content");
  proof(5, "content", "failed", "/b/two", "d2");
  proof(6, "acknowledged", "ok", "/b/two", "d2");
  proof(7, "content", "ok", "/elsewhere/two", "d2");
  std::vector<DumpProof> dumps{{"/b/one", "d1", ""}, {"/b/two", "d2", ""}, {"/b/three", "d3", ""}};
  find_verified(path_, dumps);
  EXPECT_EQ(dumps[0].verified, second_of(2));
  EXPECT_EQ(dumps[1].verified, second_of(4));
  EXPECT_EQ(dumps[2].verified, "");
}

}  // namespace
}  // namespace bulk
