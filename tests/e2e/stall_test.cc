// Runs in which nothing moves end by themselves and say what hangs; runs that are told to end do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"
#include "tests/support/held_pipe.h"
#include "tests/support/tiny_http_server.h"

namespace bulk::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

const Arguments kFromPipe{"restore", "-", "--to", "sqlite:x.db#t", "--create", "--key", "pk:S,sk:S"};

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(Stall, OfAPipeThatDeliversNothing) {
  Sandbox sandbox;
  const HeldPipe pipe(sandbox.path("pipe"));
  const RunResult result = sandbox.start(with(kFromPipe, {"--stall-timeout", "1"}), pipe.path())->wait();
  EXPECT_EQ(result.status, 5);
  EXPECT_THAT(result.err, MatchesRegex("bulk: no progress for 1 s: reading standard input has hung since "
                                       "[0-9:]{8}Z, after 0 records; try again\n"));
  EXPECT_FALSE(sandbox.exists("x.db"));
}

TEST(Stall, OfAPipeThatStopsHalfWay) {
  Sandbox sandbox;
  sandbox.environment["BULK_STALL_TIMEOUT"] = "1";
  const HeldPipe pipe(sandbox.path("pipe"));
  pipe.send(item_line(1) + "\n" + item_line(2) + "\n{\"Item\":");
  const RunResult result = sandbox.start(with(kFromPipe, {"--json"}), pipe.path())->wait();
  EXPECT_EQ(result.status, 5);
  const rapidjson::Document summary = parse_json(last_line(result.out));
  EXPECT_STREQ(member(summary, "error", "kind").GetString(), "remote");
  EXPECT_THAT(member(summary, "error", "message").GetString(), HasSubstr("reading standard input has hung since "));
}

// A table's description that is answered, and a Scan that is not.
class HangingTable {
 public:
  std::string url() const { return "dynamodb://hanging-table?region=us-east-1&endpoint=" + server_.url(); }
  static void sign(Sandbox& sandbox) {
    sandbox.environment["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE";
    sandbox.environment["AWS_SECRET_ACCESS_KEY"] = "secret";
  }
  bool was_scanned() const {
    for (const TinyHttpServer::Request& request : server_.requests()) {
      if (request.header("x-amz-target") == "DynamoDB_20120810.Scan") return true;
    }
    return false;
  }

 private:
  static TinyHttpServer::Reply reply(const TinyHttpServer::Request& request) {
    TinyHttpServer::Reply reply;
    const std::string operation = request.header("x-amz-target");
    if (operation == "DynamoDB_20120810.Scan") {
      reply.fault = TinyHttpServer::Reply::Fault::hang;
    } else if (operation == "DynamoDB_20120810.DescribeTable") {
      reply.body = R"({"Table":{"TableName":"hanging-table","TableStatus":"ACTIVE","ItemCount":1,"TableSizeBytes":100,)"
                   R"("TableId":"1","CreationDateTime":1.0,"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],)"
                   R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]}})";
    } else {
      reply.status = 400;
      reply.body = R"({"__type":"com.amazon.coral.service#UnknownOperationException"})";
    }
    return reply;
  }

  TinyHttpServer server_{reply};
};

TEST(Stall, OfARequestNamesTheSegment) {
  Sandbox sandbox;
  const HangingTable table;
  HangingTable::sign(sandbox);
  const RunResult result =
      sandbox.bulk({"backup", table.url(), "--to", "x.jsonl.zst", "--segments", "2", "--stall-timeout", "1"});
  EXPECT_EQ(result.status, 5);
  EXPECT_THAT(result.err, HasSubstr("bulk: no progress for 1 s: reading segment "));
  EXPECT_THAT(result.err, HasSubstr(" of dynamodb://hanging-table?"));
  EXPECT_FALSE(sandbox.exists("x.jsonl.zst"));
}

class Signalled : public testing::TestWithParam<int> {};

// What hangs here would hang for 30 s.
TEST_P(Signalled, EndsARunThatWaitsForAnAnswer) {
  Sandbox sandbox;
  const HangingTable table;
  HangingTable::sign(sandbox);
  const auto run = sandbox.start({"backup", table.url(), "--to", "x.jsonl.zst"});
  while (run->running() && !table.was_scanned()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  run->signal(GetParam());
  const auto asked = std::chrono::steady_clock::now();
  const RunResult result = run->wait();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(10));
  EXPECT_EQ(result.status, 128 + GetParam());
  EXPECT_THAT(result.err, HasSubstr(GetParam() == SIGTERM ? "bulk: terminated" : "bulk: interrupted"));
  EXPECT_FALSE(sandbox.exists("x.jsonl.zst"));
}

// Standard output that nobody reads cannot be told to stop waiting: the process ends all the same.
TEST_P(Signalled, EndsARunWhoseOutputNobodyTakes) {
  Sandbox sandbox;
  write_items(sandbox.path("items.jsonl"), 5'000);
  std::optional<HeldPipe> pipe(sandbox.path("pipe"));
  test::Run run({BULK_PROGRAM, "cat", "items.jsonl"}, sandbox.environment, sandbox.path(""), "/dev/null", pipe->path(),
                sandbox.path("err"));
  while (run.running() && !pipe->is_full()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  run.signal(GetParam());
  while (run.running()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  pipe.reset();
  std::filesystem::remove(sandbox.path("pipe"));
  sandbox.write("pipe", "");  // wait() reads what was printed
  const RunResult result = run.wait();
  EXPECT_EQ(result.status, 128 + GetParam());
  EXPECT_EQ(result.err, GetParam() == SIGTERM ? "bulk: terminated\n" : "bulk: interrupted\n");
}

INSTANTIATE_TEST_SUITE_P(Both, Signalled, testing::Values(SIGINT, SIGTERM),
                         [](const auto& given) { return given.param == SIGINT ? "SIGINT" : "SIGTERM"; });

}  // namespace
}  // namespace bulk::test
