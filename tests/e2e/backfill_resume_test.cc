// Backfills that are killed, again and again, and backfills of a table that answers badly: each record is changed
// exactly once, the counts are right in the end, and the way back leads to where it began.
//
// The job counts up, so that a change made twice or not at all is seen; its marker is what makes it safe to repeat.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/e2e/expect.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"
#include "tests/fault_server.h"

namespace bulk::test {
namespace {

constexpr std::size_t kItems = 2'000;
constexpr const char* kTable = "counters";

class DisturbedBackfill : public testing::Test {
 protected:
  explicit DisturbedBackfill() {
    sandbox_.environment["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE";
    sandbox_.environment["AWS_SECRET_ACCESS_KEY"] = "secret";
    server_.create_table(
        R"({"TableName":"counters","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"})");
    for (std::size_t i = 0; i < kItems; ++i) {
      server_.put(kTable, R"({"pk":{"S":"item )" + std::to_string(i) + R"("},"n":{"N":")" + std::to_string(i) +
                              R"("},"text":{"S":")" + std::string(100, 't') + R"("}})");
    }
    before_ = server_.items(kTable);
    sandbox_.write("count.toml", "name = \"count\"\ntable = \"" + server_.url(kTable) + R"toml("
marker = "counted_by"
update = "SET n = n + :one"
[values]
":one" = { N = "1" }
)toml");
  }

  // Every item's n is one more than it was.
  void expect_counted_once() {
    std::size_t wrong = 0;
    for (const std::string& item : server_.items(kTable)) {
      const rapidjson::Document json = parse_json(item);
      const std::string key = member(member(json, "pk"), "S").GetString();
      const std::string expected = std::to_string(std::stoul(key.substr(5)) + 1);
      if (expected != member(member(json, "n"), "N").GetString()) ++wrong;
    }
    EXPECT_EQ(wrong, 0u);
    for (const auto& [key, times] : server_.updates(kTable)) {
      if (times != 1) ADD_FAILURE() << key << " was updated " << times << " times";
    }
    EXPECT_EQ(server_.updates(), kItems);
  }
  Arguments run() const { return {"backfill", "run", "count.toml", "--json", "--memory", "8M", "--segments", "3"}; }

  FaultServer server_;
  Sandbox sandbox_;
  std::vector<std::string> before_;
};

TEST_F(DisturbedBackfill, KilledAtFiftyMomentsChangesEachRecordExactlyOnce) {
  Faults slow;
  slow.latency = std::chrono::milliseconds(2);
  slow.page_items = 60;
  server_.set(slow);
  constexpr int kKills = 50;
  for (int kill = 0; kill < kKills; ++kill) {
    const auto going = sandbox_.start(run());
    // So many updates later, or a while after the start: some are killed before the first record.
    const std::uint64_t target =
        (static_cast<std::uint64_t>(kill) * kItems) / kKills + static_cast<std::uint64_t>(kill % 7);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::milliseconds(kill % 5 == 0 ? 30 : 3'000);
    while (server_.updates() < target && going->running() && std::chrono::steady_clock::now() < patience) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    going->signal(SIGKILL);
    EXPECT_EQ(going->wait().status, 128 + SIGKILL) << "kill " << kill;
  }
  const RunResult last = sandbox_.bulk(run());
  ASSERT_EQ(last.status, 0) << last.err;
  expect_counted_once();
  const rapidjson::Document summary = parse_json(last_line(last.out));
  EXPECT_EQ(member(summary, "records", "read").GetUint64(), kItems);
  EXPECT_EQ(member(summary, "records", "written").GetUint64(), kItems);

  // A rollback that is killed too.
  const auto going = sandbox_.start({"backfill", "rollback", "count.toml"});
  while (server_.updates() < kItems + kItems / 2 && going->running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  going->signal(SIGKILL);
  going->wait();
  expect_ok(sandbox_.bulk({"backfill", "rollback", "count.toml"}));
  EXPECT_EQ(server_.differences(kTable, before_), "");
}

TEST_F(DisturbedBackfill, HalfFinishedItCanBeTakenBack) {
  Faults slow;
  slow.latency = std::chrono::milliseconds(2);
  slow.page_items = 60;
  server_.set(slow);
  const auto going = sandbox_.start(run());
  while (server_.updates() < kItems / 3 && going->running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  going->signal(SIGKILL);
  going->wait();
  EXPECT_NE(server_.differences(kTable, before_), "");
  const RunResult back = sandbox_.bulk({"backfill", "rollback", "count.toml"});
  expect_ok(back);
  EXPECT_EQ(server_.differences(kTable, before_), "");
}

// Replies are lost after the change was carried out, or before; the table throttles; replies are cut and damaged.
TEST_F(DisturbedBackfill, OfATableThatAnswersBadlyChangesEachRecordExactlyOnce) {
  Faults faults;
  faults.operations = {"UpdateItem"};
  faults.error_after = 0.03;
  faults.drop_after = 0.03;
  faults.drop_before = 0.03;
  faults.truncate = 0.02;
  faults.wrong_crc = 0.02;
  faults.throttle = 0.02;
  faults.internal_error = 0.02;
  server_.set(faults);
  const RunResult done = sandbox_.bulk(run());
  ASSERT_EQ(done.status, 0) << done.err;
  expect_counted_once();
  const rapidjson::Document summary = parse_json(last_line(done.out));
  EXPECT_EQ(member(summary, "records", "read").GetUint64(), kItems);
  EXPECT_GT(member(summary, "backfill", "conflicts").GetUint64(), 0u);

  // Servers that do not say what they hold instead.
  faults.no_old_item = true;
  faults.seed = 2;
  server_.set(faults);
  expect_ok(sandbox_.bulk({"backfill", "rollback", "count.toml"}));
  EXPECT_EQ(server_.differences(kTable, before_), "");
}

}  // namespace
}  // namespace bulk::test
