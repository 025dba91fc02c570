#include "backends/schema.h"

#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

std::string refusal(std::string_view json) {
  try {
    schema_from_json(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    return error.line();
  }
  return "accepted";
}

TEST(TableSchemaJson, FindsTheKeyAndKeepsTheText) {
  const std::string json =
      R"({"AttributeDefinitions":[{"AttributeName":"sk","AttributeType":"N"},{"AttributeName":"g","AttributeType":"B"},)"
      R"({"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},)"
      R"({"AttributeName":"sk","KeyType":"RANGE"}],"Tags":[]})";
  const TableSchema schema = schema_from_json(json);
  EXPECT_EQ(schema.json, json);
  EXPECT_EQ(schema.key, (KeySchema{{"pk", 'S'}, KeyAttribute{"sk", 'N'}}));
}

TEST(TableSchemaJson, IsMadeFromAKey) {
  const KeySchema key{{"a\"b", 'B'}, KeyAttribute{"sk", 'N'}};
  EXPECT_EQ(schema_from_json(schema_from_key(key).json).key, key);
  EXPECT_EQ(schema_from_key({{"id", 'S'}, std::nullopt}).json,
            R"({"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id",)"
            R"("AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"})");
}

TEST(TableSchemaJson, FillsInOnlyWhatIsMissing) {
  EXPECT_EQ(with_json({{{"id", 'S'}, std::nullopt}, "{\"x\":1}"}).json, "{\"x\":1}");
  EXPECT_EQ(with_json({{{"id", 'S'}, std::nullopt}, ""}).json, schema_from_key({{"id", 'S'}, std::nullopt}).json);
}

TEST(TableSchemaJson, RefusesWhatNamesNoKey) {
  EXPECT_EQ(refusal("[]"), "table schema: not a JSON object");
  EXPECT_EQ(refusal("{}"), "table schema: AttributeDefinitions is missing or no list");
  EXPECT_EQ(refusal(R"({"AttributeDefinitions":[]})"), "table schema: KeySchema is missing or no list");
  EXPECT_EQ(refusal(R"({"AttributeDefinitions":[],"KeySchema":[]})"), "table schema: KeySchema names no partition key");
  EXPECT_EQ(refusal(R"({"AttributeDefinitions":[],"KeySchema":[7]})"),
            "table schema: an element without AttributeName");
  EXPECT_EQ(refusal(R"({"AttributeDefinitions":[],"KeySchema":[{"AttributeName":"a","KeyType":"HASH"}]})"),
            "table schema: key attribute 'a' has no definition");
  EXPECT_EQ(refusal(R"({"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"SS"}],)"
                    R"("KeySchema":[{"AttributeName":"a","KeyType":"HASH"}]})"),
            "table schema: key attribute 'a' is of type 'SS'");
  EXPECT_EQ(refusal(R"({"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"}],)"
                    R"("KeySchema":[{"AttributeName":"a","KeyType":"HASH"},{"AttributeName":"a","KeyType":"HASH"}]})"),
            "table schema: KeySchema has an unexpected element for 'a'");
}

TEST(TableSchemaJson, SurvivesDeepNesting) {
  const std::string deep(100'000, '[');
  EXPECT_TRUE(refusal(deep).starts_with("table schema: ")) << refusal(deep);
}

TEST(Schema, NamesSettingsThatDiffer) {
  const TableSchema wanted{
      {},
      R"({"KeySchema":[1],"BillingMode":"PROVISIONED","Tags":[{"Key":"a","Value":"b"}],"TimeToLive":{"AttributeName":"t"}})"};
  const TableSchema found{{}, R"({"KeySchema":[2],"Tags":[{"Value":"b","Key":"a"}],"BillingMode":"PAY_PER_REQUEST"})"};
  EXPECT_EQ(differing_settings(wanted, found), (std::vector<std::string>{"BillingMode", "TimeToLive"}));
  EXPECT_TRUE(differing_settings(wanted, wanted).empty());
  EXPECT_TRUE(differing_settings(wanted, {}).empty());
}

TEST(Schema, ListsWhatWasNotCopied) {
  EXPECT_EQ(settings_not_copied({{}, R"({"NotCopied":["Replicas",7,"VectorIndexes"]})"}),
            (std::vector<std::string>{"Replicas", "VectorIndexes"}));
  EXPECT_TRUE(settings_not_copied({{}, R"({"KeySchema":[]})"}).empty());
}

}  // namespace
}  // namespace bulk
