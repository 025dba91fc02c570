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

TEST_F(FaultServerTest, RefusesABatchInTheServicesWords) {
  const auto message = [&](const std::string& requests) {
    rapidjson::Document reply;
    reply.Parse(ask("BatchWriteItem", "{\"RequestItems\":" + requests + "}").c_str());
    return std::string(reply["message"].GetString());
  };
  const auto put = [&](const std::string& item) { return message(R"({"t":[{"PutRequest":{"Item":)" + item + "}}]}"); };
  EXPECT_EQ(message("{}"),
            "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1");
  EXPECT_THAT(message(R"({"t":[]})"), HasSubstr("Member must have length less than or equal to 25"));
  EXPECT_EQ(put(R"({"v":{"S":"1"}})"), "One or more parameter values were invalid: Missing the key pk in the item");
  EXPECT_EQ(put(R"({"pk":{"N":"1"}})"),
            "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N");
  EXPECT_EQ(
      put(R"({"pk":{"S":""}})"),
      "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
      "string value. Key: pk");
  EXPECT_EQ(put(R"({"pk":{"S":")" + std::string(2'049, 'k') + "\"}}"),
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 "
            "bytes");
  EXPECT_EQ(put(R"({"pk":{"S":"1"},"v":{"S":"a","N":"1"}})"),
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
            "datatypes");
  EXPECT_EQ(put(R"({"pk":{"S":"1"},"v":{"L":[{"SS":["a","a"]}]}})"),
            "One or more parameter values were invalid: Input collection [\"a\",\"a\"] contains duplicates.");
  // 409,600 bytes with the names are the most.
  EXPECT_EQ(put(R"({"pk":{"S":"1"},"v":{"S":")" + std::string(409'597, 'x') + "\"}}"),
            "Item size has exceeded the maximum allowed size");
  EXPECT_THAT(server_.items("t"), IsEmpty());
  EXPECT_THAT(ask("BatchWriteItem", R"({"RequestItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"1"},"v":{"S":")" +
                                        std::string(409'596, 'x') + "\"}}}}]}}"),
              HasSubstr("\"UnprocessedItems\":{}"));
  EXPECT_EQ(send("BatchWriteItem", std::string((16u << 20) + 1, ' ')).reply.status, 413);
}

TEST_F(FaultServerTest, TakesNumbersThatAreEqualForOneKey) {
  server_.create_table(R"({"TableName":"n","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],)"
                       R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"N"}]})");
  EXPECT_THAT(ask("BatchWriteItem", R"({"RequestItems":{"n":[{"PutRequest":{"Item":{"pk":{"N":"1000"}}}},)"
                                    R"({"PutRequest":{"Item":{"pk":{"N":"1e3"}}}}]}})"),
              HasSubstr("Provided list of item keys contains duplicates"));
}

TEST_F(FaultServerTest, RefusesAStartKeyOfAnotherSegment) {
  std::size_t refused = 0;
  for (int segment = 0; segment < 4; ++segment) {
    const std::string reply = ask("Scan", R"({"TableName":"t","TotalSegments":4,"Segment":)" + std::to_string(segment) +
                                              R"(,"ExclusiveStartKey":{"pk":{"S":"1"}}})");
    if (reply.find("\"Count\":0") != std::string::npos) continue;
    ++refused;
    EXPECT_THAT(reply, HasSubstr("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
                                 "ExclusiveStartKey with correct Segment. TotalSegments: 4 Segment: " +
                                 std::to_string(segment)));
  }
  EXPECT_EQ(refused, 3u);
}

TEST_F(FaultServerTest, TellsATableThatWasMadeAgainFromTheFirstOne) {
  const std::string before = ask("DescribeTable", R"({"TableName":"t"})");
  EXPECT_THAT(before, HasSubstr(R"("TableId":"id-of-t","CreationDateTime":1737806400.5)"));
  ask("DeleteTable", R"({"TableName":"t"})");
  server_.create_table(kTable);
  EXPECT_THAT(ask("DescribeTable", R"({"TableName":"t"})"),
              HasSubstr(R"("TableId":"id-of-t-2","CreationDateTime":1737806401.5)"));
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
