// The client against faults that take more than one request to show: credentials that expire under many threads, a
// server that falls silent, a service whose clock differs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "backends/dynamodb/client.h"
#include "backends/dynamodb/fixture.h"
#include "backends/registry.h"
#include "tests/fault_server.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_http_server.h"

namespace bulk {
namespace {

using test::Faults;
using test::FaultServer;
using test::TinyHttpServer;

constexpr const char* kDescribe = R"({"TableName":"main"})";

TEST(DynamoDbClientFaults, FetchesExpiredCredentialsOnceForAllThreads) {
  test::TempDir home;
  // Prints a new key each time, and leaves a line for each.
  const std::string script = home.file("fetch.sh");
  const std::string count = home.file("fetched");
  std::ofstream(script)
      << "echo >> '" << count << "'; n=$(wc -l < '" << count << "'); "
      << R"(echo '{"Version":1,"AccessKeyId":"AKID'$n'","SecretAccessKey":"s","SessionToken":"t'$n'"}')";
  std::ofstream(home.file("config")) << "[default]\ncredential_process = /bin/sh " << script << "\n";
  constexpr int kThreads = 8;
  std::atomic<int> refused{0};
  TinyHttpServer server([&](const TinyHttpServer::Request& request) {
    if (request.header("x-amz-security-token") != "t1") return TinyHttpServer::Reply{200, "{}", {}};
    // Nobody is refused before all have signed with the old key.
    ++refused;
    while (refused < kThreads) std::this_thread::yield();
    return TinyHttpServer::Reply{400, R"({"__type":"x#ExpiredTokenException","message":"expired"})", {}};
  });
  test::Job job;
  job.environment = test::environment_of({{"AWS_CONFIG_FILE", home.file("config")},
                                          {"AWS_SHARED_CREDENTIALS_FILE", home.file("none")},
                                          {"AWS_EC2_METADATA_DISABLED", "true"}});
  const auto client = job.client("dynamodb://main?region=eu-west-1&endpoint=" + server.url());
  std::atomic<int> answered{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] { answered += client->attempt("Scan", "{}").kind == DynamoDbReply::Kind::ok ? 1 : 0; });
    }
  }
  EXPECT_EQ(answered, kThreads);
  EXPECT_EQ(refused, kThreads);
  std::ifstream fetched(count);
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(fetched), {}, '\n'), 2);
}

TEST(DynamoDbClientFaults, WaitsForABodyOnlyAsLongAsItWasTold) {
  Faults faults;
  faults.operations = {"DescribeTable"};
  faults.hang = 1;
  FaultServer server(faults);
  server.create_table(test::create_table_body("main"));
  test::Job job;
  HttpTimeouts brief;
  brief.stall_ms = 50;
  DynamoDbClient client(parse_dynamodb_url(server.url("main")), job.environment, "bulk-test", job.stop, job.stats,
                        test::impatient(), brief);
  DynamoDbReply reply = client.attempt("DescribeTable", kDescribe);
  EXPECT_EQ(reply.kind, DynamoDbReply::Kind::transient);
  EXPECT_EQ(reply.text(), "no reply: " + server.endpoint().substr(7) + ": no data for 0.05 s");
  faults.hang = 0;
  faults.stall = 1;
  server.set(faults);
  reply = client.attempt("DescribeTable", kDescribe);
  EXPECT_EQ(reply.text(), "no reply: " + server.endpoint().substr(7) + ": no data for 0.05 s");
}

TEST(DynamoDbClientFaults, FollowsAServiceWhoseClockDiffers) {
  for (const std::int64_t offset_s : {-3'600, 3'600}) {
    Faults faults;
    faults.clock_offset_s = offset_s;
    FaultServer server(faults);
    server.create_table(test::create_table_body("main"));
    test::Job job;
    const auto client = job.client(server.url("main"));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->call("DescribeTable", kDescribe).HasMember("Table"));
    EXPECT_EQ(server.requests("DescribeTable"), 4u);
    ASSERT_EQ(server.injected().size(), 1u);
    EXPECT_EQ(server.injected()[0].kind, test::FaultKind::skew);
  }
}

TEST(DynamoDbClientFaults, HasThePatienceOfItsStoreContext) {
  Faults faults;
  faults.internal_error = 1;
  FaultServer server(faults);
  test::Job job;
  StoreContext context{job.stop, job.stats, job.environment, "bulk-test", "", "", ""};
  context.retry.give_up_after = std::chrono::milliseconds(0);
  context.retry.min_attempts = 2;
  const auto store = open_store(server.url("main"), context);
  EXPECT_THROW(store->exists(), Error);
  EXPECT_EQ(server.requests("DescribeTable"), 2u);

  faults.internal_error = 0;
  faults.hang = 1;
  server.set(faults);
  context.timeouts.stall_ms = 20;
  EXPECT_THROW(open_store(server.url("main"), context)->exists(), Error);
  EXPECT_EQ(server.requests("DescribeTable"), 4u);
}

}  // namespace
}  // namespace bulk
