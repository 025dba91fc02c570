#include "backends/dynamodb/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "backends/dynamodb/fixture.h"
#include "tests/fault_server.h"

namespace bulk {
namespace {

using test::Faults;
using test::FaultServer;
using test::Job;
using ::testing::HasSubstr;

ReadOptions in_segments(unsigned segments, std::size_t batch_bytes = 4u << 20) {
  ReadOptions options;
  options.segments = segments;
  options.batch_bytes = batch_bytes;
  return options;
}

void fill(FaultServer& server, int count, std::size_t padding = 10) {
  server.create_table(test::create_table_body("main"));
  for (int i = 0; i < count; ++i) server.put("main", test::simple_item(i, padding));
}

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

TEST(AutomaticSegments, FollowTheSizeButNeverTrustASmallOne) {
  EXPECT_EQ(automatic_segments(0, 0, 2), 8u);  // a new table counts zero for hours
  EXPECT_EQ(automatic_segments(100'000, 500, 2), 2u);
  EXPECT_EQ(automatic_segments(100u << 20, 500'000, 2), 8u);
  EXPECT_EQ(automatic_segments(std::uint64_t{2} << 30, 1, 2), 32u);
  EXPECT_EQ(automatic_segments(std::uint64_t{1} << 60, 1, 2), 64u);
  EXPECT_EQ(automatic_segments(0, 0, 32), 128u);
  EXPECT_EQ(automatic_segments(0, 0, 0), 1u);
}

TEST(DynamoDbSource, ReadsEveryItemOnceWhateverTheNumberOfSegments) {
  Faults faults;
  faults.page_items = 7;
  FaultServer server(faults);
  fill(server, 200);
  Job job;
  for (const unsigned segments : {1u, 2u, 13u, 300u}) {
    DynamoDbSource source(job.client(server.url("main")), in_segments(segments));
    EXPECT_EQ(source.plan().size(), segments);
    EXPECT_EQ(sorted(test::read_all(source).items), sorted(server.items("main"))) << segments;
  }
}

TEST(DynamoDbSource, GoesOnThroughEmptyPages) {
  Faults faults;
  faults.page_items = 3;
  faults.empty_page = 0.6;
  FaultServer server(faults);
  fill(server, 100);
  Job job;
  DynamoDbSource source(job.client(server.url("main")), in_segments(2));
  EXPECT_EQ(sorted(test::read_all(source).items), sorted(server.items("main")));
}

TEST(DynamoDbSource, SurvivesEveryFaultWithoutLosingOrRepeatingARecord) {
  for (double Faults::*fault :
       {&Faults::throttle, &Faults::internal_error, &Faults::drop_before, &Faults::drop_after, &Faults::wrong_crc,
        &Faults::cut_json, &Faults::empty_page, &Faults::unavailable, &Faults::error_after, &Faults::truncate,
        &Faults::dribble, &Faults::gzip, &Faults::corrupt_gzip}) {
    Faults faults;
    faults.page_items = 5;
    faults.operations = {"Scan"};
    faults.*fault = 0.3;
    FaultServer server(faults);
    fill(server, 120);
    Job job;
    DynamoDbSource source(job.client(server.url("main")), in_segments(3));
    EXPECT_EQ(sorted(test::read_all(source).items), sorted(server.items("main")));
    EXPECT_LE(job.stats.sent.load(), server.requests("Scan") + server.requests("DescribeTable"));
  }
}

TEST(DynamoDbSource, ResumesBehindEveryBatchAndEndsBehindTheLast) {
  Faults faults;
  faults.page_items = 4;
  FaultServer server(faults);
  fill(server, 50);
  Job job;
  DynamoDbSource source(job.client(server.url("main")), in_segments(1, 1));  // a batch is one page
  const Segment segment = source.plan().front();
  test::Everything everything;
  Cursor cursor;
  Batch batch;
  for (int rounds = 0; rounds < 100 && cursor != kEndCursor; ++rounds) {
    batch.reset();
    source.open(segment, cursor)->read(batch);
    for (const Record& record : batch.records) everything.items.emplace_back(item_of_line(batch.line(record)));
    cursor = batch.after;
  }
  EXPECT_EQ(cursor, kEndCursor);
  EXPECT_EQ(sorted(everything.items), sorted(server.items("main")));
  batch.reset();
  EXPECT_FALSE(source.open(segment, Cursor(kEndCursor))->read(batch));
  EXPECT_TRUE(batch.bytes.empty());
  EXPECT_THROW(source.open(segment, "from elsewhere"), Error);
}

TEST(DynamoDbSource, KeepsBatchesToTheirSize) {
  Faults faults;
  faults.page_items = 10;
  FaultServer server(faults);
  fill(server, 500, 100);
  Job job;
  DynamoDbSource source(job.client(server.url("main")), in_segments(1, 10'000));
  const test::Everything everything = test::read_all(source);
  EXPECT_EQ(everything.items.size(), 500u);
  EXPECT_LE(everything.greatest_batch, 10'000u);
  EXPECT_GT(everything.greatest_batch, 7'000u);
}

TEST(DynamoDbSource, AsksForConsistentReadsAndAddsUpTheUnits) {
  Faults faults;
  std::string seen;
  faults.reply = [&seen](const std::string& operation, const std::string& body) {
    if (operation == "Scan") seen = body;
    return std::nullopt;
  };
  FaultServer server(faults);
  fill(server, 20, 1000);
  Job job;
  ReadOptions options = in_segments(1);
  options.consistent = true;
  DynamoDbSource source(job.client(server.url("main")), options);
  test::read_all(source);
  EXPECT_EQ(
      seen,
      R"({"TableName":"main","TotalSegments":1,"Segment":0,"ReturnConsumedCapacity":"TOTAL","ConsistentRead":true})");
  EXPECT_EQ(job.stats.read_centiunits.load(), 300u);  // 20 KB: three units of the server's
  EXPECT_FALSE(source.consistent());
}

TEST(DynamoDbSource, NamesTableAndSegmentInItsErrors) {
  FaultServer server;
  fill(server, 1);
  Job job;
  DynamoDbSource source(job.client(server.url("main")), in_segments(8));
  const Segment segment = source.plan()[3];
  Faults faults;
  faults.reply = [](const std::string&, const std::string&) {
    return test::TinyHttpServer::Reply{400, R"({"__type":"x#ValidationException","message":"no"})", {}};
  };
  server.set(faults);
  try {
    Batch batch;
    source.open(segment, {})->read(batch);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.line(), "table 'main', segment 3 of 8: Scan on table 'main' failed: ValidationException: no");
  }
}

std::string failure_of(const std::string& reply) {
  FaultServer server;
  fill(server, 1);
  Job job;
  DynamoDbSource source(job.client(server.url("main")), in_segments(1));
  const Segment segment = source.plan().front();
  Faults faults;
  faults.reply = [reply](const std::string&, const std::string&) {
    return test::TinyHttpServer::Reply{200, reply, {}};
  };
  server.set(faults);
  try {
    Batch batch;
    source.open(segment, {})->read(batch);
    return "no error";
  } catch (const Error& error) {
    return error.line();
  }
}

TEST(DynamoDbSource, GivesUpOnRepliesThatStayMalformed) {
  for (const char* reply : {"", "{", "[]", "{}", "null", R"({"Items":{},"Count":0})", R"({"Items":[],"Count":1})",
                            R"({"Items":[{"pk":{"S":"a"}}],"Count":"1"})", R"({"Items":[{"pk":{"S":"a"}],"Count":1})",
                            R"({"Items":[5],"Count":1})", R"({"Items":[],"Count":0,"LastEvaluatedKey":"x"})"}) {
    EXPECT_THAT(failure_of(reply), HasSubstr("malformed reply: malformed Scan reply: ")) << reply;
  }
}

TEST(DynamoDbSource, NoticesAScanThatDoesNotAdvance) {
  EXPECT_EQ(failure_of(R"({"Items":[],"Count":0,"LastEvaluatedKey":{"pk":{"S":"a"}}})"),
            "table 'main', segment 0 of 1: the scan does not advance: a page ends at the key it began behind");
}

TEST(DynamoDbSource, SaysThatATableIsNotThere) {
  FaultServer server;
  Job job;
  DynamoDbSource source(job.client(server.url("main")), ReadOptions());
  try {
    source.plan();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
  }
}

TEST(DynamoDbSource, TellsTheRateLimiterWhatWasRefused) {
  Faults faults;
  faults.page_items = 20;
  int scans = 0;
  faults.reply = [&scans](const std::string& operation,
                          const std::string&) -> std::optional<test::TinyHttpServer::Reply> {
    if (operation != "Scan" || ++scans < 2 || scans > 6) return std::nullopt;
    return test::TinyHttpServer::Reply{400, R"({"__type":"x#ProvisionedThroughputExceededException"})", {}};
  };
  FaultServer server(faults);
  fill(server, 50);
  Job job;
  RateLimits limits;
  limits.start_units = 1'000;
  RateLimiter rate(limits);
  ReadOptions options = in_segments(1);
  options.rate = &rate;
  DynamoDbSource source(job.client(server.url("main")), options);
  EXPECT_EQ(test::read_all(source).items.size(), 50u);
  EXPECT_EQ(job.stats.throttled.load(), 5u);
  EXPECT_LT(rate.rate(), 1'000) << "five refusals in a row are congestion";
}

}  // namespace
}  // namespace bulk
