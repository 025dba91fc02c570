#include "backends/dynamodb/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "backends/dynamodb/fixture.h"
#include "tests/fault_server.h"
#include "tests/support/process.h"
#include "tests/support/tiny_http_server.h"

namespace bulk {
namespace {

using test::Faults;
using test::FaultServer;
using test::TinyHttpServer;
using Kind = DynamoDbReply::Kind;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr const char* kDescribe = R"({"TableName":"main"})";

TinyHttpServer::Reply error_reply(const std::string& code, const std::string& message = "") {
  TinyHttpServer::Reply reply;
  reply.status = 400;
  reply.body = "{\"__type\":\"x#" + code + "\",\"message\":\"" + message + "\"}";
  return reply;
}

std::string url_at(const TinyHttpServer& server) {
  return "dynamodb://main?region=eu-west-1&endpoint=" + server.url();
}

Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::failed, "no error");
}

TEST(DynamoDbClient, SendsASignedRequestAndAsksForNoCompressionOnThisMachine) {
  TinyHttpServer server([](const auto&) { return TinyHttpServer::Reply{200, "{}", {}}; });
  test::Job job;
  EXPECT_EQ(job.client(url_at(server))->attempt("Scan", "{\"a\":1}").kind, Kind::ok);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].target, "/");
  EXPECT_EQ(requests[0].body, "{\"a\":1}");
  EXPECT_EQ(requests[0].header("x-amz-target"), "DynamoDB_20120810.Scan");
  EXPECT_EQ(requests[0].header("content-type"), "application/x-amz-json-1.0");
  EXPECT_EQ(requests[0].header("x-amz-security-token"), "the-session-token");
  EXPECT_EQ(requests[0].header("accept-encoding"), "");
  EXPECT_THAT(requests[0].header("authorization"),
              MatchesRegex("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/[0-9]{8}/eu-west-1/dynamodb/aws4_request, ?"
                           "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, ?"
                           "Signature=[0-9a-f]{64}"));
  EXPECT_EQ(job.stats.sent.load(), 1u);
}

TEST(DynamoDbClient, RepairsAWrongClockOnceAndRemembersTheOffset) {
  int number = 0;
  std::vector<std::string> dates;
  TinyHttpServer server([&](const TinyHttpServer::Request& request) {
    dates.push_back(request.header("x-amz-date"));
    TinyHttpServer::Reply reply =
        ++number == 1 ? error_reply("InvalidSignatureException", "Signature expired: 2025 is now earlier than")
                      : TinyHttpServer::Reply{200, "{}", {}};
    reply.headers.emplace_back("Date", "Wed, 01 Jan 2031 00:00:00 GMT");
    return reply;
  });
  test::Job job;
  const auto client = job.client(url_at(server));
  EXPECT_EQ(client->attempt("Scan", "{}").kind, Kind::ok);
  EXPECT_EQ(client->attempt("Scan", "{}").kind, Kind::ok);
  ASSERT_EQ(dates.size(), 3u);
  EXPECT_THAT(dates[0], Not(HasSubstr("20310101T00")));
  EXPECT_THAT(dates[1], HasSubstr("20310101T00"));
  EXPECT_THAT(dates[2], HasSubstr("20310101T00"));
}

TEST(DynamoDbClient, RepairsAClockThatAnotherThreadHasRepairedMeanwhile) {
  std::atomic<bool> repaired{false};
  std::atomic<bool> waiting{false};
  TinyHttpServer server([&](const TinyHttpServer::Request& request) {
    if (request.header("x-amz-date").starts_with("2031")) {
      repaired = true;
      return TinyHttpServer::Reply{200, "{}", {}};
    }
    // The slow one is refused only after the fast one has been repaired.
    if (request.body == "{\"slow\":1}") {
      waiting = true;
      while (!repaired) std::this_thread::yield();
    }
    TinyHttpServer::Reply reply = error_reply("RequestTimeTooSkewed", "no");
    reply.headers.emplace_back("Date", "Wed, 01 Jan 2031 00:00:00 GMT");
    return reply;
  });
  test::Job job;
  const auto client = job.client(url_at(server));
  Kind slow = Kind::stopped;
  std::thread thread([&] { slow = client->attempt("Scan", "{\"slow\":1}").kind; });
  while (!waiting) std::this_thread::yield();
  EXPECT_EQ(client->attempt("Scan", "{\"fast\":1}").kind, Kind::ok);
  thread.join();
  EXPECT_EQ(slow, Kind::ok);
}

TEST(DynamoDbClient, DoesNotRepairAClockForEver) {
  TinyHttpServer server([](const auto&) {
    TinyHttpServer::Reply reply = error_reply("RequestTimeTooSkewed", "no");
    reply.headers.emplace_back("Date", "Wed, 01 Jan 2031 00:00:00 GMT");
    return reply;
  });
  test::Job job;
  EXPECT_EQ(job.client(url_at(server))->attempt("Scan", "{}").kind, Kind::refused);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST(DynamoDbClient, FetchesExpiredCredentialsAgainOnce) {
  int number = 0;
  TinyHttpServer server([&](const auto&) {
    return ++number == 1 ? error_reply("ExpiredTokenException", "expired") : TinyHttpServer::Reply{200, "{}", {}};
  });
  test::Job job;
  EXPECT_EQ(job.client(url_at(server))->attempt("Scan", "{}").kind, Kind::ok);
  EXPECT_EQ(number, 2);

  TinyHttpServer always([](const auto&) { return error_reply("ExpiredTokenException", "expired"); });
  const auto client = job.client(url_at(always));
  const Error error = error_of([&] { client->call("Scan", "{}"); });
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_EQ(error.line(),
            "Scan on table 'main' was refused: ExpiredTokenException: expired; "
            "check the credentials in force and their permission dynamodb:Scan");
  EXPECT_EQ(always.requests().size(), 2u);
}

TEST(DynamoDbClient, MapsRefusalsToKindsOfError) {
  std::string code;
  TinyHttpServer server([&](const auto&) { return error_reply(code, "because"); });
  test::Job job;
  const auto client = job.client(url_at(server));
  const auto refusal = [&](const std::string& with) {
    code = with;
    return error_of([&] { client->call("DescribeTable", kDescribe); });
  };
  EXPECT_EQ(refusal("ResourceNotFoundException").kind(), ErrorKind::not_found);
  EXPECT_EQ(refusal("ResourceNotFoundException").line(), "table 'main' does not exist in region eu-west-1 at " +
                                                             server.url() +
                                                             "; check the name, the region and the endpoint");
  for (const char* credentials : {"AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException",
                                  "MissingAuthenticationTokenException"}) {
    EXPECT_EQ(refusal(credentials).kind(), ErrorKind::usage) << credentials;
  }
  EXPECT_EQ(refusal("ValidationException").kind(), ErrorKind::failed);
  EXPECT_EQ(refusal("ValidationException").line(),
            "DescribeTable on table 'main' failed: ValidationException: because");
}

TEST(DynamoDbClient, NeverShowsTheSessionToken) {
  TinyHttpServer server([](const TinyHttpServer::Request& request) {
    return error_reply("InvalidSignatureException",
                       "The request signature we calculated does not match. The Canonical String for "
                       "this request should have been 'x-amz-security-token:" +
                           request.header("x-amz-security-token") + "'");
  });
  test::Job job;
  const auto client = job.client(url_at(server));
  EXPECT_THAT(error_of([&] { client->call("Scan", "{}"); }).line(), Not(HasSubstr("the-session-token")));
}

TEST(DynamoDbClient, RepeatsWhatIsWorthItAndCountsIt) {
  Faults faults;
  faults.throttle = faults.internal_error = faults.drop_before = faults.drop_after = faults.wrong_crc =
      faults.cut_json = 0.15;
  FaultServer server(faults);
  server.create_table(test::create_table_body("main"));
  test::Job job;
  const auto client = job.client(server.url("main"));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(client->call("DescribeTable", kDescribe).HasMember("Table"));
  // libcurl itself repeats a request whose kept-alive connection turns out to be closed.
  EXPECT_LE(job.stats.sent.load(), server.requests("DescribeTable"));
  EXPECT_EQ(job.stats.sent.load() - 50, job.stats.retried.load());
  EXPECT_GT(job.stats.throttled.load(), 0u);
}

TEST(DynamoDbClient, GivesUpWithAnErrorThatSaysTryAgain) {
  Faults faults;
  faults.internal_error = 1;
  FaultServer server(faults);
  test::Job job;
  const auto client = job.client(server.url("main"));
  const Error error = error_of([&] { client->call("DescribeTable", kDescribe); });
  EXPECT_EQ(error.kind(), ErrorKind::remote);
  EXPECT_THAT(error.line(),
              MatchesRegex("DescribeTable on table 'main' at 127.0.0.1:[0-9]+: gave up after [0-9]+ attempts "
                           "over 0 s: InternalServerError: the server has stumbled; try again"));
  EXPECT_GE(server.requests("DescribeTable"), 4u);
}

TEST(DynamoDbClient, HasLittlePatienceWithAnEndpointThatNeverAnswered) {
  test::Job job;
  RetryPolicy patient;  // without the shorter patience of the first contact this test would not end
  patient.give_up_after = std::chrono::hours(10);
  const auto client = job.client(
      "dynamodb://main?region=eu-west-1&endpoint=http://127.0.0.1:" + std::to_string(test::free_port()), patient);
  const Error error = error_of([&] { client->call("DescribeTable", kDescribe); });
  EXPECT_EQ(error.kind(), ErrorKind::remote);
  EXPECT_THAT(error.line(), HasSubstr("check the endpoint and the network, then try again"));
}

TEST(DynamoDbClient, EndsItsWaitsWhenTheJobStops) {
  Faults faults;
  faults.throttle = 1;
  FaultServer server(faults);
  test::Job job;
  RetryPolicy slow;
  slow.throttled_base = slow.cap = std::chrono::hours(1);
  const auto client = job.client(server.url("main"), slow);
  std::thread stopper([&] {
    while (server.requests("DescribeTable") == 0) std::this_thread::yield();
    job.stop.fail(std::make_exception_ptr(Error::interrupted(2)));
  });
  EXPECT_EQ(error_of([&] { client->call("DescribeTable", kDescribe); }).kind(), ErrorKind::interrupted);
  stopper.join();
}

TEST(DynamoDbClient, FillsInRegionAndEndpointFromTheEnvironment) {
  test::Job job;
  job.environment =
      test::environment_of({{"AWS_REGION", "ap-south-1"}, {"AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:9"}});
  EXPECT_EQ(format_dynamodb_url(job.client("dynamodb://main")->resolved_url()),
            "dynamodb://main?region=ap-south-1&endpoint=http://localhost:9");
}

TEST(DynamoDbClient, TakesTheRegionOfAnArnBeforeThatOfTheEnvironment) {
  const std::string arn = "dynamodb://arn:aws:dynamodb:eu-west-1:123456789012:table/main";
  test::Job job;
  job.environment = test::environment_of({{"AWS_REGION", "us-east-1"}, {"AWS_EC2_METADATA_DISABLED", "true"}});
  EXPECT_EQ(job.client(arn)->region(), "eu-west-1");
  EXPECT_EQ(job.client(arn + "?region=eu-west-1")->region(), "eu-west-1");
  EXPECT_EQ(error_of([&] { job.client(arn + "?region=us-east-1"); }).line(),
            "table 'main' is in region eu-west-1 by its ARN, but region us-east-1 is asked for; "
            "leave the region out or set it to eu-west-1");
}

TEST(DynamoDbClient, NeedsARegionOnlyForTheService) {
  test::Job job;
  job.environment = test::environment_of({{"AWS_EC2_METADATA_DISABLED", "true"}});
  EXPECT_EQ(job.client("dynamodb://main?endpoint=http://localhost:9")->region(), "us-east-1");
  EXPECT_EQ(error_of([&] { job.client("dynamodb://main"); }).line(),
            "no AWS region is set for table 'main'; give --region, AWS_REGION or ?region= in the table's URL");
}

TEST(DynamoDbClient, AsksTheInstanceForItsRegionWhenNobodyElseSaysIt) {
  std::string region = "ap-south-1\n";
  TinyHttpServer metadata([&](const TinyHttpServer::Request& request) {
    if (request.method == "PUT") return TinyHttpServer::Reply{200, "the-token", {}};
    EXPECT_EQ(request.target, "/latest/meta-data/placement/region");
    EXPECT_EQ(request.header("x-aws-ec2-metadata-token"), "the-token");
    return TinyHttpServer::Reply{200, region, {}};
  });
  test::Job job;
  job.environment = test::environment_of({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url()}});
  EXPECT_EQ(job.client("dynamodb://main")->region(), "ap-south-1");
  EXPECT_EQ(job.client("dynamodb://main?region=eu-west-1")->region(), "eu-west-1");
  EXPECT_EQ(metadata.requests().size(), 2u);
  for (const char* unsound : {"", "evil.example.com/", "a b", "this-is-longer-than-any-region-can-be"}) {
    region = unsound;
    EXPECT_THAT(error_of([&] { job.client("dynamodb://main"); }).line(), HasSubstr("no AWS region is set")) << unsound;
  }
}

TEST(DynamoDbClient, CountsAttemptsWhoseOutcomeIsNotKnown) {
  int number = 0;
  TinyHttpServer server([&](const auto&) {
    ++number;
    if (number == 1) return TinyHttpServer::Reply{500, "", {}};
    if (number == 2) return error_reply("ThrottlingException");  // certainly not carried out
    return error_reply("ResourceInUseException");
  });
  test::Job job;
  rapidjson::Document document;
  const DynamoDbReply reply = job.client(url_at(server))->try_call("CreateTable", "{}", document);
  EXPECT_EQ(reply.code, "ResourceInUseException");
  EXPECT_EQ(reply.unanswered, 1);
  EXPECT_EQ(number, 3);
}

}  // namespace
}  // namespace bulk
