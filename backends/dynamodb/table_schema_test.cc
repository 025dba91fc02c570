#include "backends/dynamodb/table_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

rapidjson::Document parsed(const std::string& text) {
  rapidjson::Document document;
  std::string problem;
  EXPECT_TRUE(parse_json_object(text, document, problem)) << problem;
  return document;
}

// What the service answers for a table that has everything.
constexpr const char* kFull = R"({"Table":{
  "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},{"AttributeName":"g","AttributeType":"B"}],
  "TableName":"main","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
  "TableStatus":"ACTIVE","CreationDateTime":1737806400.123,
  "ProvisionedThroughput":{"LastIncreaseDateTime":1.7e9,"NumberOfDecreasesToday":0,"ReadCapacityUnits":5,"WriteCapacityUnits":6},
  "TableSizeBytes":123456789012,"ItemCount":4609,"TableArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/main",
  "TableId":"929490bf-a3d9-4ab9-883d-b0cc6460b736",
  "LocalSecondaryIndexes":[{"IndexName":"lsi","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"g","KeyType":"RANGE"}],
    "Projection":{"ProjectionType":"KEYS_ONLY"},"IndexSizeBytes":1,"ItemCount":2,"IndexArn":"x"}],
  "GlobalSecondaryIndexes":[{"IndexName":"gsi","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],
    "Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a"]},"IndexStatus":"ACTIVE",
    "ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":7,"WriteCapacityUnits":8},"IndexSizeBytes":1,"ItemCount":2,"IndexArn":"x"},
   {"IndexName":"old","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"},"IndexStatus":"DELETING"}],
  "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"},"LatestStreamLabel":"x",
  "SSEDescription":{"Status":"ENABLED","SSEType":"KMS","KMSMasterKeyArn":"arn:aws:kms:eu-west-1:123456789012:key/abc"},
  "TableClassSummary":{"TableClass":"STANDARD_INFREQUENT_ACCESS"},"DeletionProtectionEnabled":true,
  "Replicas":[{"RegionName":"us-east-1"}],"VectorIndexes":[{"IndexName":"v"}],"SomethingNew":{"x":[1,2]}}})";

constexpr const char* kFullSchema =
    R"({"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],)"
    R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},{"AttributeName":"g","AttributeType":"B"}],)"
    R"("LocalSecondaryIndexes":[{"IndexName":"lsi","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"g","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],)"
    R"("GlobalSecondaryIndexes":[{"IndexName":"gsi","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a"]},"ProvisionedThroughput":{"ReadCapacityUnits":7,"WriteCapacityUnits":8}}],)"
    R"("BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},)"
    R"("SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"arn:aws:kms:eu-west-1:123456789012:key/abc"},)"
    R"("TableClass":"STANDARD_INFREQUENT_ACCESS","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"},"DeletionProtectionEnabled":true,)"
    R"("TimeToLive":{"AttributeName":"ttl"},"Tags":[{"Key":"team","Value":"a \"b\""}],"PointInTimeRecovery":{"Enabled":true,"RecoveryPeriodInDays":7},)"
    R"("NotCopied":["Replicas","VectorIndexes","ResourcePolicy"]})";

SideSettings full_side() {
  SideSettings side;
  side.ttl_attribute = "ttl";
  side.tags = {{"team", "a \"b\""}};
  side.point_in_time_recovery = true;
  side.recovery_period_days = 7;
  side.not_copied = {"ResourcePolicy"};
  return side;
}

TEST(ReadDescription, TakesIdentitySizeAndCapacity) {
  const TableDescription table = read_description(parsed(kFull));
  EXPECT_EQ(table.identity.name, "main");
  EXPECT_EQ(table.identity.id, "929490bf-a3d9-4ab9-883d-b0cc6460b736");
  EXPECT_EQ(table.identity.created, "2025-01-25T12:00:00Z");
  EXPECT_EQ(table.identity.arn, "arn:aws:dynamodb:eu-west-1:123456789012:table/main");
  EXPECT_EQ(table.records, 4609u);
  EXPECT_EQ(table.bytes, 123456789012u);
  EXPECT_EQ(table.read_units, 5);
  EXPECT_EQ(table.write_units, 6);
  EXPECT_TRUE(table.deletion_protected);
  EXPECT_EQ(table.status, "ACTIVE");
  EXPECT_FALSE(table.active) << "an index is being deleted";
}

TEST(ReadDescription, TakesWhatATableOnDemandMayAndCanTake) {
  const TableDescription table = read_description(parsed(
      R"({"Table":{"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},
        "ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":5},
        "OnDemandThroughput":{"MaxReadRequestUnits":100,"MaxWriteRequestUnits":-1},
        "WarmThroughput":{"ReadUnitsPerSecond":12000,"WriteUnitsPerSecond":4000,"Status":"ACTIVE"}}})"));
  EXPECT_EQ(table.read_units, 0);
  EXPECT_EQ(table.write_units, 0);
  EXPECT_EQ(table.most_read_units, 100);
  EXPECT_EQ(table.most_write_units, 0) << "-1: none";
  EXPECT_EQ(table.warm_read_units, 12'000);
  EXPECT_EQ(table.warm_write_units, 4'000);
  const TableDescription unsaid =
      read_description(parsed(R"({"Table":{"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"}}})"));
  EXPECT_EQ(unsaid.most_read_units, 0);
  EXPECT_EQ(unsaid.warm_write_units, 0);
}

TEST(ReadDescription, SurvivesRepliesOfAnyShape) {
  EXPECT_THROW(read_description(parsed("{}")), Error);
  EXPECT_THROW(read_description(parsed(R"({"Table":[]})")), Error);
  const TableDescription table = read_description(parsed(
      R"({"Table":{"TableName":5,"CreationDateTime":1e300,"ItemCount":-1,"TableSizeBytes":1.5,"ProvisionedThroughput":"x","GlobalSecondaryIndexes":[7]}})"));
  EXPECT_EQ(table.identity.name, "");
  EXPECT_EQ(table.identity.created, "");
  EXPECT_EQ(table.records, 0u);
  EXPECT_FALSE(table.active);
}

TEST(ReadSchema, KeepsWhatCreateTableTakesAndNamesTheRest) {
  const TableSchema schema = read_schema(parsed(kFull), full_side());
  EXPECT_EQ(schema.json, kFullSchema);
  EXPECT_EQ(schema.key.text(), "pk:S,sk:N");
}

TEST(ReadSchema, OfAnOnDemandTableHasNoThroughput) {
  const TableSchema schema = read_schema(
      parsed(
          R"({"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
        "BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},"ProvisionedThroughput":{"ReadCapacityUnits":0,"WriteCapacityUnits":0},
        "OnDemandThroughput":{"MaxReadRequestUnits":100,"MaxWriteRequestUnits":-1}}})"),
      {});
  EXPECT_EQ(
      schema.json,
      R"({"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],)"
      R"("BillingMode":"PAY_PER_REQUEST","OnDemandThroughput":{"MaxReadRequestUnits":100}})");
}

TEST(ReadSchema, KeepsLimitsOfOnDemandThroughputOnlyWhereThereAreAny) {
  const auto schema_of = [](const std::string& members) {
    return read_schema(
               parsed(
                   R"({"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],)" +
                   members + "}}"),
               {})
        .json;
  };
  const std::string limits = R"("OnDemandThroughput":{"MaxReadRequestUnits":-1,"MaxWriteRequestUnits":7})";
  const std::string index =
      R"("GlobalSecondaryIndexes":[{"IndexName":"g","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],)" + limits +
      "}]";
  const std::string on_demand = R"("BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},)";
  EXPECT_THAT(schema_of(on_demand + limits), HasSubstr(R"("OnDemandThroughput":{"MaxWriteRequestUnits":7})"));
  EXPECT_THAT(schema_of(on_demand + index), HasSubstr(R"("OnDemandThroughput":{"MaxWriteRequestUnits":7})"));
  EXPECT_THAT(schema_of(on_demand + R"("OnDemandThroughput":{"MaxReadRequestUnits":-1,"MaxWriteRequestUnits":-1})"),
              Not(HasSubstr("OnDemandThroughput")));
  EXPECT_THAT(schema_of(limits), Not(HasSubstr("OnDemandThroughput"))) << "billed for provisioned capacity";
  EXPECT_THAT(schema_of(index), Not(HasSubstr("OnDemandThroughput")));
}

TEST(ReadSchema, NamesWarmThroughputAboveWhatTheServiceGivesAnywayAndTheConsistencyOfRegions) {
  const auto schema_of = [](const std::string& members) {
    return read_schema(
               parsed(
                   R"({"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],)" +
                   members + "}}"),
               {})
        .json;
  };
  const auto warm = [](int reads, int writes) {
    return R"("WarmThroughput":{"ReadUnitsPerSecond":)" + std::to_string(reads) + R"(,"WriteUnitsPerSecond":)" +
           std::to_string(writes) + "}";
  };
  const std::string on_demand = R"("BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},)";
  const std::string provisioned = R"("ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},)";
  const std::string named = R"("NotCopied":["WarmThroughput"])";
  EXPECT_THAT(schema_of(on_demand + warm(12'000, 4'000)), Not(HasSubstr("NotCopied")));
  EXPECT_THAT(schema_of(on_demand + warm(12'001, 4'000)), HasSubstr(named));
  EXPECT_THAT(schema_of(on_demand + warm(12'000, 4'001)), HasSubstr(named));
  EXPECT_THAT(schema_of(provisioned + warm(5, 6)), Not(HasSubstr("NotCopied")));
  EXPECT_THAT(schema_of(provisioned + warm(5, 7)), HasSubstr(named));
  EXPECT_THAT(schema_of(on_demand + R"("GlobalSecondaryIndexes":[{"IndexName":"g",)" + warm(13'000, 1) + "}]"),
              HasSubstr(named));
  EXPECT_THAT(schema_of(on_demand + R"("MultiRegionConsistency":"STRONG")"),
              HasSubstr(R"("NotCopied":["MultiRegionConsistency"])"));
}

TEST(ReadSchema, RefusesATableWithoutAKey) {
  try {
    read_schema(parsed(R"({"Table":{"TableName":"main"}})"), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::failed);
    EXPECT_STREQ(error.what(),
                 "malformed DescribeTable reply: table schema: AttributeDefinitions is missing or no list");
  }
}

TEST(CreateRequest, HasKeysIndexesAndBillingButNothingThatWouldActDuringTheLoad) {
  const CreateRequest request =
      make_create_request(read_schema(parsed(kFull), full_side()), {"copy", "eu-west-1", "123456789012"});
  EXPECT_EQ(
      request.body,
      R"({"TableName":"copy","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],)"
      R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},{"AttributeName":"g","AttributeType":"B"}],)"
      R"("LocalSecondaryIndexes":[{"IndexName":"lsi","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"g","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],)"
      R"("GlobalSecondaryIndexes":[{"IndexName":"gsi","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a"]},"ProvisionedThroughput":{"ReadCapacityUnits":7,"WriteCapacityUnits":8}}],)"
      R"("BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},"TableClass":"STANDARD_INFREQUENT_ACCESS",)"
      R"("SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"arn:aws:kms:eu-west-1:123456789012:key/abc"}})");
  EXPECT_THAT(request.not_copied, ElementsAre("Replicas", "VectorIndexes", "ResourcePolicy"));
}

TEST(CreateRequest, LeavesOutDefinitionsThatNoKeyUses) {
  TableSchema schema;
  schema.json =
      R"({"KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"b","AttributeType":"S"},{"AttributeName":"a","AttributeType":"S"}]})";
  EXPECT_EQ(
      make_create_request(schema, {"copy", "eu-west-1", ""}).body,
      R"({"TableName":"copy","KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"})");
}

TEST(CreateRequest, UsesAKeyOfKmsOnlyWhereItBelongs) {
  const TableSchema schema = read_schema(parsed(kFull), {});
  const auto keeps = [&](const CreateTarget& target) {
    return make_create_request(schema, target).body.find("KMSMasterKeyId") != std::string::npos;
  };
  EXPECT_TRUE(keeps({"copy", "eu-west-1", ""}));
  EXPECT_FALSE(keeps({"copy", "us-east-1", ""}));
  EXPECT_FALSE(keeps({"copy", "eu-west-1", "210987654321"}));
  EXPECT_EQ(make_create_request(schema, {"copy", "us-east-1", ""}).not_copied.front(),
            "encryption key arn:aws:kms:eu-west-1:123456789012:key/abc: of another region or account, the account's "
            "own key for "
            "DynamoDB is used");
}

TEST(CreateRequest, IsMadeFromABareKeyToo) {
  TableSchema schema;
  schema.key = KeySchema::parse("pk:S,sk:N");
  EXPECT_EQ(
      make_create_request(schema, {"copy", "eu-west-1", ""}).body,
      R"({"TableName":"copy","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],)"
      R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"}],"BillingMode":"PAY_PER_REQUEST"})");
}

TEST(IgnoredMembers, AreThoseThatTheEndpointDidNotKeep) {
  const TableSchema wanted = read_schema(parsed(kFull), {});
  EXPECT_THAT(ignored_members(wanted, wanted), IsEmpty());
  TableSchema bare;
  EXPECT_THAT(ignored_members(bare, wanted), IsEmpty());
  TableSchema made;
  made.json = R"({"BillingMode":"PROVISIONED","ProvisionedThroughput":{"WriteCapacityUnits":6,"ReadCapacityUnits":5},)"
              R"("LocalSecondaryIndexes":[]})";
  EXPECT_THAT(ignored_members(wanted, made), ElementsAre("LocalSecondaryIndexes: the endpoint has not kept it",
                                                         "GlobalSecondaryIndexes: the endpoint has not kept it",
                                                         "TableClass: the endpoint has not kept it"));
}

TEST(LateSettings, AreReadBackFromTheSchema) {
  const LateSettings late = read_late_settings(read_schema(parsed(kFull), full_side()));
  EXPECT_EQ(late.side.ttl_attribute, "ttl");
  EXPECT_THAT(late.side.tags, ElementsAre(std::pair<std::string, std::string>("team", "a \"b\"")));
  EXPECT_TRUE(late.side.point_in_time_recovery);
  EXPECT_EQ(late.side.recovery_period_days, 7);
  EXPECT_EQ(late.stream_view, "NEW_IMAGE");
  EXPECT_TRUE(late.deletion_protected);
  TableSchema bare;
  EXPECT_THAT(read_late_settings(bare).side.tags, IsEmpty());
}

TEST(LateSettings, RefuseASchemaThatIsNone) {
  TableSchema schema;
  schema.json = "{\"KeySchema\":";
  EXPECT_THROW(read_late_settings(schema), Error);
  schema.json = R"({"Tags":[1],"PointInTimeRecovery":{"Enabled":true,"RecoveryPeriodInDays":-1e300},"TimeToLive":[]})";
  EXPECT_EQ(read_late_settings(schema).side.recovery_period_days, 0);
}

}  // namespace
}  // namespace bulk
