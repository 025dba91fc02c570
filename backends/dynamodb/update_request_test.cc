#include "backends/dynamodb/update_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulk {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string body_of(const std::string& line) {
  ChangeReader reader;
  Change change;
  EXPECT_TRUE(reader.read(line, change)) << reader.problem();
  Buffer body;
  const std::string problem = append_update_request(body, "\"main\"", "\"pk\"", change);
  return problem.empty() ? std::string(body.view()) : "refused: " + problem;
}

TEST(UpdateRequest, SetsAndRemovesOnConditionOfTheFormerValues) {
  EXPECT_EQ(
      body_of(R"({"Key":{"pk":{"S":"a"},"sk":{"N":"1"}},"Before":{"old":{"S":"x"},"n":{"N":"1"}},)"
              R"("After":{"n":{"N":"2"},"new":{"L":[]}},"Given":{"kind":{"S":"k"},"none":{}}})"),
      R"x({"TableName":"main","Key":{"pk":{"S":"a"},"sk":{"N":"1"}},"UpdateExpression":"SET #1=:a1,#2=:a2 REMOVE #0",)x"
      R"x("ConditionExpression":"attribute_exists(#k) AND #0=:b0 AND #1=:b1 AND attribute_not_exists(#2) AND #3=:b3)x"
      R"x( AND attribute_not_exists(#4)",)x"
      R"x("ExpressionAttributeNames":{"#k":"pk","#0":"old","#1":"n","#2":"new","#3":"kind","#4":"none"},)x"
      R"x("ExpressionAttributeValues":{":a1":{"N":"2"},":a2":{"L":[]},":b0":{"S":"x"},":b1":{"N":"1"},":b3":{"S":"k"}},)x"
      R"x("ReturnValuesOnConditionCheckFailure":"ALL_OLD","ReturnConsumedCapacity":"TOTAL"})x");
}

TEST(UpdateRequest, SaysNothingThatItNeedNot) {
  EXPECT_EQ(body_of(R"({"Key":{"pk":{"S":"a"}},"Before":{},"After":{"x\u0041 \"":{"S":"\u0041"}}})"),
            R"x({"TableName":"main","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET #0=:a0",)x"
            R"x("ConditionExpression":"attribute_exists(#k) AND attribute_not_exists(#0)",)x"
            R"x("ExpressionAttributeNames":{"#k":"pk","#0":"x\u0041 \""},)x"
            R"x("ExpressionAttributeValues":{":a0":{"S":"\u0041"}},)x"
            R"x("ReturnValuesOnConditionCheckFailure":"ALL_OLD","ReturnConsumedCapacity":"TOTAL"})x");
  EXPECT_THAT(
      body_of(R"({"Key":{"pk":{"S":"a"}},"Before":{"x":{"S":"b"},"y":{"S":"c"}},"After":{}})"),
      HasSubstr(R"x("UpdateExpression":"REMOVE #0,#1","ConditionExpression":"attribute_exists(#k) AND #0=:b0 AND)x"));
}

std::string many(int count, bool made, const std::string& value = R"({"S":"v"})", int given = 0) {
  std::string members;
  std::string others;
  for (int i = 0; i < count; ++i) members += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\":" + value;
  for (int i = 0; i < given; ++i) others += (i == 0 ? "\"g" : ",\"g") + std::to_string(i) + R"(":{"S":"v"})";
  return R"({"Key":{"pk":{"S":"a"}},"Before":{)" + (made ? "" : members) + "},\"After\":{" + members + "}" +
         (others.empty() ? "" : ",\"Given\":{" + others + "}") + "}";
}

TEST(UpdateRequest, IsRefusedWhereOneRequestCannotSayIt) {
  EXPECT_THAT(body_of(many(149, false)), StartsWith("{\"TableName\""));
  EXPECT_EQ(body_of(many(150, false)),
            "refused: a change of 150 attributes does not fit into one UpdateItem: operators in its condition: 301, "
            "the service takes 300");
  EXPECT_EQ(body_of(many(1, false, R"({"S":"v"})", 149)),
            "refused: a change of 1 attributes on condition of 149 others does not fit into one UpdateItem: operators "
            "in its condition: 301, the service takes 300");
  EXPECT_THAT(body_of(many(135, true)), StartsWith("{\"TableName\""));
  EXPECT_EQ(body_of(many(136, true)),
            "refused: a change of 136 attributes does not fit into one UpdateItem: bytes of its longest expression: "
            "4126, the service takes 4096");
  // Measured by value: 2,000,000 bytes of text are 300,000 bytes here.
  std::string nulls;
  for (int i = 0; i < 149'000; ++i) nulls += i == 0 ? R"({"NULL":true})" : R"(,{"NULL":true})";
  EXPECT_THAT(body_of(many(1, false, "{\"L\":[" + nulls + "]}")), StartsWith("{\"TableName\""));
  EXPECT_EQ(body_of(many(3, false, R"({"S":")" + std::string(400'000, 'x') + "\"}")),
            "refused: a change of 3 attributes does not fit into one UpdateItem: bytes of its names and values: "
            "2400006, the service takes 2097152");
}

}  // namespace
}  // namespace bulk
