#include "tests/fault_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/http.h"

namespace bulk::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTable = R"({"TableName":"t","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],)"
                               R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]})";

std::string put_body(int from, int to) {
  std::string puts;
  for (int i = from; i < to; ++i) {
    puts += (i == from ? "" : ",") + (R"({"PutRequest":{"Item":{"pk":{"S":")" + std::to_string(i) + "\"}}}}");
  }
  return R"({"RequestItems":{"t":[)" + puts + "]}}";
}

class FaultServerTest : public ::testing::Test {
 protected:
  FaultServerTest() { server_.create_table(kTable); }

  HttpResult send(const std::string& operation, const std::string& body) {
    HttpRequest request;
    request.url = server_.endpoint();
    request.headers = {{"x-amz-target", "DynamoDB_20120810." + operation}};
    request.body = body;
    return client_.send(request);
  }
  std::string ask(const std::string& operation, const std::string& body) {
    return std::string(send(operation, body).reply.body.view());
  }

  Stop stop_;
  HttpClient client_{stop_, "test"};
  FaultServer server_;
};

TEST_F(FaultServerTest, HoldsTheTruth) {
  EXPECT_THAT(ask("BatchWriteItem", put_body(1, 3)), HasSubstr("\"UnprocessedItems\":{}"));
  EXPECT_THAT(server_.items("t"), ElementsAre(R"({"pk":{"S":"1"}})", R"({"pk":{"S":"2"}})"));
  EXPECT_EQ(server_.puts(), 2u);
  ask("BatchWriteItem", put_body(2, 3));
  EXPECT_EQ(server_.puts(), 3u);
  EXPECT_EQ(server_.items("t").size(), 2u);
  EXPECT_THAT(
      ask("PutItem", R"x({"TableName":"t","Item":{"pk":{"S":"1"}},"ConditionExpression":"attribute_not_exists(#k)"})x"),
      HasSubstr("ConditionalCheckFailedException"));
}

TEST_F(FaultServerTest, ChecksEverythingBeforeItWritesAnything) {
  EXPECT_THAT(ask("BatchWriteItem", put_body(0, 26)), HasSubstr("ValidationException"));
  EXPECT_THAT(
      ask("BatchWriteItem",
          R"({"RequestItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"1"}}}},{"PutRequest":{"Item":{"pk":{"S":"1"}}}}]}})"),
      HasSubstr("duplicates"));
  EXPECT_THAT(
      ask("BatchWriteItem",
          R"({"RequestItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"1"}}}},{"PutRequest":{"Item":{"pk":{"N":"1"}}}}]}})"),
      HasSubstr("Type mismatch"));
  EXPECT_THAT(ask("BatchWriteItem", R"({"RequestItems":{"x":[{"PutRequest":{"Item":{"pk":{"S":"1"}}}}]}})"),
              HasSubstr("ResourceNotFoundException"));
  EXPECT_THAT(server_.items("t"), IsEmpty());
}

TEST_F(FaultServerTest, RepeatsItsFaultsForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    Faults faults;
    faults.seed = seed;
    faults.throttle = 0.3;
    FaultServer server(faults);
    Stop stop;
    HttpClient client(stop, "test");
    std::string statuses;
    for (int i = 0; i < 40; ++i) {
      HttpRequest request;
      request.url = server.endpoint();
      request.headers = {{"x-amz-target", "DynamoDB_20120810.BatchWriteItem"}};
      request.body = "{}";
      const HttpResult result = client.send(request);
      statuses += result.reply.body.view().find("slow down") != std::string_view::npos ? 't' : '.';
    }
    return statuses;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
  EXPECT_THAT(run(1), HasSubstr("t"));
  EXPECT_THAT(run(1), HasSubstr("."));
}

TEST_F(FaultServerTest, DropsAConnectionBeforeOrAfterTheWork) {
  Faults faults;
  faults.drop_before = 1;
  server_.set(faults);
  EXPECT_EQ(send("BatchWriteItem", put_body(0, 1)).failure, HttpFailure::broken);
  EXPECT_THAT(server_.items("t"), IsEmpty());
  faults.drop_before = 0;
  faults.drop_after = 1;
  server_.set(faults);
  EXPECT_EQ(send("BatchWriteItem", put_body(0, 1)).failure, HttpFailure::broken);
  EXPECT_EQ(server_.items("t").size(), 1u);
}

TEST_F(FaultServerTest, KeepsToItsCapacity) {
  Faults faults;
  faults.wcu_per_second = 10;
  server_.set(faults);
  const std::string reply = ask("BatchWriteItem", put_body(0, 25));
  EXPECT_THAT(reply, HasSubstr("\"UnprocessedItems\":{\"t\":["));
  EXPECT_GE(server_.items("t").size(), 10u);
  EXPECT_LT(server_.items("t").size(), 25u);
}

TEST_F(FaultServerTest, CutsAScanIntoSegmentsAndPages) {
  ask("BatchWriteItem", put_body(0, 20));
  std::size_t found = 0;
  for (int segment = 0; segment < 3; ++segment) {
    const std::string reply =
        ask("Scan", R"({"TableName":"t","TotalSegments":3,"Segment":)" + std::to_string(segment) + "}");
    for (std::size_t at = 0; (at = reply.find("\"pk\"", at)) != std::string::npos; ++at) ++found;
  }
  EXPECT_EQ(found, 20u);
  EXPECT_THAT(
      ask("Scan", R"({"TableName":"t","Limit":2,"ExclusiveStartKey":{"pk":{"S":"1"}}})"),
      HasSubstr(
          R"("Items":[{"pk":{"S":"10"}},{"pk":{"S":"11"}}],"Count":2,"ScannedCount":2,"LastEvaluatedKey":{"pk":{"S":"11"}})"));
}

}  // namespace
}  // namespace bulk::test
