#include "tests/fault_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/http.h"

namespace bulk::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

std::string update_body(const std::string& key, const std::string& update, const std::string& condition,
                        const std::string& names, const std::string& values) {
  const auto member = [](const char* name, const std::string& json) {
    return json.empty() ? std::string() : std::string(",\"") + name + "\":" + json;
  };
  const auto text = [](const std::string& plain) { return plain.empty() ? plain : "\"" + plain + "\""; };
  return R"({"TableName":"t","Key":)" + key + member("UpdateExpression", text(update)) +
         member("ConditionExpression", text(condition)) + member("ExpressionAttributeNames", names) +
         member("ExpressionAttributeValues", values) +
         R"(,"ReturnValuesOnConditionCheckFailure":"ALL_OLD","ReturnConsumedCapacity":"TOTAL"})";
}

TEST_F(FaultServerTest, UpdatesAnItemWhereItsConditionHolds) {
  server_.put("t", R"({"pk":{"S":"1"},"old":{"S":"a"},"n":{"N":"1.50"}})");
  const std::string key = R"({"pk":{"S":"1"}})";
  const std::string body = update_body(key, "SET #0=:a0 REMOVE #1", "attribute_exists(#k) AND #1=:b1 AND #2=:b2",
                                       R"({"#k":"pk","#0":"new","#1":"old","#2":"n"})",
                                       R"({":a0":{"N":"2"},":b1":{"S":"a"},":b2":{"N":"15e-1"}})");
  EXPECT_EQ(ask("UpdateItem", body), R"({"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.000000}})");
  EXPECT_THAT(server_.items("t"), ElementsAre(R"({"pk":{"S":"1"},"n":{"N":"1.50"},"new":{"N":"2"}})"));
  EXPECT_EQ(server_.updates(), 1u);
  EXPECT_THAT(server_.updates("t"), ElementsAre(std::pair(key, 1u)));
  const std::string failed = ask("UpdateItem", body);
  EXPECT_THAT(failed, HasSubstr("ConditionalCheckFailedException"));
  EXPECT_THAT(failed, HasSubstr(R"("Item":{"pk":{"S":"1"},"n":{"N":"1.50"},"new":{"N":"2"}})"));
  Faults faults;
  faults.no_old_item = true;
  server_.set(faults);
  EXPECT_THAT(ask("UpdateItem", body), Not(HasSubstr("\"Item\"")));
  EXPECT_EQ(server_.updates(), 1u);
  EXPECT_EQ(server_.puts(), 0u);
}

TEST_F(FaultServerTest, MakesAnItemByAnUpdateThatAllowsIt) {
  const std::string key = R"({"pk":{"S":"1"}})";
  const std::string names = R"({"#0":"v"})";
  const std::string values = R"({":a0":{"S":"x"}})";
  EXPECT_THAT(ask("UpdateItem", update_body(key, "SET #0=:a0", "attribute_exists(#0)", names, values)),
              HasSubstr("ConditionalCheckFailedException"));
  EXPECT_THAT(server_.items("t"), IsEmpty());
  EXPECT_EQ(send("UpdateItem", update_body(key, "SET #0=:a0", "", names, values)).reply.status, 200);
  EXPECT_THAT(server_.items("t"), ElementsAre(R"({"pk":{"S":"1"},"v":{"S":"x"}})"));
}

TEST_F(FaultServerTest, RefusesAnUpdateInTheServicesWords) {
  server_.put("t", R"({"pk":{"S":"1"},"v":{"S":"a"}})");
  const auto message = [&](const std::string& key, const std::string& update, const std::string& names,
                           const std::string& values) {
    rapidjson::Document reply;
    reply.Parse(ask("UpdateItem", update_body(key, update, "", names, values)).c_str());
    EXPECT_STREQ(reply["__type"].GetString(), "com.amazonaws.dynamodb.v20120810#ValidationException");
    return std::string(reply["message"].GetString());
  };
  const std::string key = R"({"pk":{"S":"1"}})";
  const std::string v = R"({"#v":"v"})";
  for (const char* wrong : {"{}", R"({"v":{"S":"1"}})", R"({"pk":{"S":"1"},"v":{"S":"1"}})"}) {
    EXPECT_EQ(message(wrong, "SET #v=:v", v, R"({":v":{"S":"1"}})"),
              "The provided key element does not match the schema");
  }
  EXPECT_EQ(message(key, "REMOVE #v", R"({"#v":"pk"})", ""),
            "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key");
  EXPECT_EQ(message(key, "REMOVE #v", R"({"#v":"v","#w":"w"})", ""),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#w}");
  EXPECT_EQ(message(key, "REMOVE #v", v, R"({":v":{"S":"1"}})"),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}");
  EXPECT_EQ(message(key, "REMOVE #v", v, "{}"), "ExpressionAttributeValues must not be empty");
  EXPECT_EQ(message(key, "SET #v=:v", v, R"({":v":{"SS":["a","a"]}})"),
            "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: Input "
            "collection [\"a\",\"a\"] contains duplicates.");
  EXPECT_EQ(
      send("UpdateItem", update_body(key, "SET #v=:v", "", v, R"({":v":{"S":")" + std::string(409'596, 'x') + "\"}}"))
          .reply.status,
      200);
  EXPECT_EQ(message(key, "SET #v=:v", v, R"({":v":{"S":")" + std::string(409'597, 'x') + "\"}}"),
            "Item size to update has exceeded the maximum allowed size");
  EXPECT_NE(message(key, "SET #v", v, ""), "");
  EXPECT_EQ(server_.updates(), 1u);
}

TEST_F(FaultServerTest, LosesTheReplyOfAnUpdateThatItHasMade) {
  server_.put("t", R"({"pk":{"S":"1"},"v":{"S":"a"}})");
  Faults faults;
  faults.drop_after = 1;
  server_.set(faults);
  const std::string body =
      update_body(R"({"pk":{"S":"1"}})", "SET #v=:b", "#v=:a", R"({"#v":"v"})", R"({":a":{"S":"a"},":b":{"S":"b"}})");
  EXPECT_EQ(send("UpdateItem", body).failure, HttpFailure::broken);
  EXPECT_THAT(server_.items("t"), ElementsAre(R"({"pk":{"S":"1"},"v":{"S":"b"}})"));
  faults.drop_after = 0;
  faults.wcu_per_second = 1e-9;
  server_.set(faults);
  EXPECT_THAT(ask("UpdateItem", update_body(R"({"pk":{"S":"1"}})", "REMOVE #v", "", R"({"#v":"v"})", "")),
              HasSubstr("ProvisionedThroughputExceededException"));
  EXPECT_EQ(server_.updates(), 1u);
}

TEST_F(FaultServerTest, GetsAnItem) {
  server_.put("t", R"({"pk":{"S":"1"},"v":{"S":"a"}})");
  const std::string rest = R"(,"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"})";
  EXPECT_EQ(ask("GetItem", R"({"TableName":"t","Key":{"pk":{"S":"1"}})" + rest),
            R"({"Item":{"pk":{"S":"1"},"v":{"S":"a"}},"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.000000}})");
  EXPECT_EQ(ask("GetItem", R"({"TableName":"t","Key":{"pk":{"S":"2"}}})"), "{}");
  EXPECT_THAT(ask("GetItem", R"({"TableName":"t","Key":{"pk":{"N":"2"}}})"), HasSubstr("Type mismatch"));
}

}  // namespace
}  // namespace bulk::test
