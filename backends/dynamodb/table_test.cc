#include "backends/dynamodb/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/dynamodb/fixture.h"
#include "backends/schema.h"
#include "tests/fault_server.h"

namespace bulk {
namespace {

using test::Faults;
using test::FaultServer;
using test::Job;
using test::TinyHttpServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string identity_of(const std::string& url, std::map<std::string, std::string> more = {}) {
  Job job;
  more.insert({{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY", "x"}});
  job.environment = test::environment_of(std::move(more));
  return DynamoDbTable(job.client(url)).identity_text();
}

TEST(DynamoDbTable, HasOneIdentityHoweverItIsNamed) {
  const std::string here = identity_of("dynamodb://main?region=eu-west-1&endpoint=http://127.0.0.1:8000");
  EXPECT_EQ(here, "dynamodb table main at this machine:8000");
  EXPECT_EQ(identity_of("dynamodb://main?region=us-east-1&endpoint=http://LOCALHOST:8000/"), here);
  EXPECT_NE(identity_of("dynamodb://main?region=eu-west-1&endpoint=http://127.0.0.1:8001"), here);
  EXPECT_NE(identity_of("dynamodb://other?region=eu-west-1&endpoint=http://127.0.0.1:8000"), here);

  const std::string there = identity_of("dynamodb://main?region=eu-west-1", {{"AWS_ACCOUNT_ID", "123456789012"}});
  EXPECT_EQ(there, "dynamodb table main in eu-west-1 of account 123456789012");
  EXPECT_EQ(identity_of("dynamodb://arn:aws:dynamodb:eu-west-1:123456789012:table/main"), there);
  EXPECT_EQ(identity_of("dynamodb://main?endpoint=https://dynamodb.eu-west-1.amazonaws.com",
                        {{"AWS_REGION", "eu-west-1"}, {"AWS_ACCOUNT_ID", "123456789012"}}),
            there);
  EXPECT_NE(identity_of("dynamodb://main?region=eu-west-1", {{"AWS_ACCOUNT_ID", "210987654321"}}), there);
}

TEST(DynamoDbTable, IsOpenedWithTheContextsSettingsUnlessTheUrlHasItsOwn) {
  Stop stop;
  RequestStats stats;
  StoreContext context{stop, stats, test::environment_of({}), "bulk-test", "", "eu-west-1", "http://localhost:8000"};
  EXPECT_EQ(DynamoDbTable(parse_dynamodb_url("dynamodb://main"), context).url(),
            "dynamodb://main?region=eu-west-1&endpoint=http://localhost:8000");
  EXPECT_EQ(DynamoDbTable(parse_dynamodb_url("dynamodb://main?region=us-west-2&endpoint=http://host"), context).url(),
            "dynamodb://main?region=us-west-2&endpoint=http://host");
  EXPECT_THROW(DynamoDbTable(parse_dynamodb_url("dynamodb://main?endpoint=http://u:p@host"), context), Error);
  EXPECT_THROW(DynamoDbTable(parse_dynamodb_url("dynamodb://x"), context), Error);
}

TEST(DynamoDbTable, IsCreatedWaitedForFilledDescribedAndDropped) {
  Faults faults;
  faults.creating_polls = 3;
  faults.throttle = faults.drop_before = 0.2;
  FaultServer server(faults);
  Job job;
  DynamoDbTable table(job.client(server.url("main")));
  EXPECT_FALSE(table.exists());
  EXPECT_THROW(table.describe(), Error);
  table.create(schema_from_key(KeySchema::parse("pk:S,sk:N")));
  EXPECT_TRUE(table.exists());
  EXPECT_TRUE(table.is_empty());
  server.put("main", R"({"pk":{"S":"a"},"sk":{"N":"1"}})");
  EXPECT_FALSE(table.is_empty());
  const TableFacts facts = table.describe();
  EXPECT_EQ(facts.identity.name, "main");
  EXPECT_EQ(facts.identity.id, "id-of-main");
  EXPECT_EQ(facts.identity.arn, "arn:aws:dynamodb:us-east-1:000000000000:table/main");
  EXPECT_EQ(facts.identity.created, "2025-01-25T12:00:00Z");
  EXPECT_EQ(facts.schema->key.text(), "pk:S,sk:N");
  EXPECT_FALSE(facts.records.has_value()) << "zero may be hours old";
  table.drop();
  EXPECT_FALSE(server.has_table("main"));
}

TEST(DynamoDbTable, IsNotEmptyWhenItsOnlyItemLiesBehindEmptyPages) {
  Faults faults;
  faults.empty_page = 0.8;
  FaultServer server(faults);
  server.create_table(test::create_table_body("main"));
  Job job;
  DynamoDbTable table(job.client(server.url("main")));
  EXPECT_TRUE(table.is_empty());
  server.put("main", test::simple_item(1));
  EXPECT_FALSE(table.is_empty());
}

TEST(DynamoDbTable, DoesNotCallATableEmptyOnAMalformedReply) {
  FaultServer server;
  server.create_table(test::create_table_body("main"));
  for (const char* reply : {"{}", R"({"Items":5})", R"({"Items":{},"Count":0})", "[]", ""}) {
    Faults faults;
    faults.reply = [reply](const std::string&, const std::string&) { return TinyHttpServer::Reply{200, reply, {}}; };
    server.set(faults);
    Job job;
    EXPECT_THROW(DynamoDbTable(job.client(server.url("main"))).is_empty(), Error) << reply;
  }
}

TEST(DynamoDbTable, RefusesToCreateWhatExists) {
  FaultServer server;
  server.create_table(test::create_table_body("main"));
  Job job;
  try {
    DynamoDbTable(job.client(server.url("main"))).create(schema_from_key(test::kStringKey));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.line(),
              "table 'main' exists or is being deleted; restore into it without --create, or choose another name");
  }
}

TEST(DynamoDbTable, SwitchesOnWhatItCanAndNamesTheRest) {
  FaultServer server;
  server.create_table(test::create_table_body("main"));
  Job job;
  TableSchema schema;
  schema.json =
      R"({"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],)"
      R"("TimeToLive":{"AttributeName":"ttl"},"Tags":[{"Key":"a","Value":"b"}],"PointInTimeRecovery":{"Enabled":true},)"
      R"("StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"},"DeletionProtectionEnabled":true,"NotCopied":["Replicas"]})";
  DynamoDbTable table(job.client(server.url("main")));
  EXPECT_THAT(table.finish_create(schema),
              ElementsAre("tags: not known to this endpoint", "point-in-time recovery: not known to this endpoint",
                          "Replicas", "auto-scaling and alarms: they belong to other services and are never copied"));
  const TableFacts facts = table.describe();
  EXPECT_THAT(facts.schema->json, HasSubstr(R"("TimeToLive":{"AttributeName":"ttl"})"));
  EXPECT_THAT(facts.schema->json, HasSubstr(R"("StreamViewType":"NEW_IMAGE")"));
  EXPECT_TRUE(facts.deletion_protected);
}

TEST(DynamoDbTable, TakesWhatALostReplyHasMadeForItsOwn) {
  Faults faults;
  faults.operations = {"CreateTable", "DeleteTable"};
  faults.lost_replies = 1;
  faults.creating_polls = 2;
  FaultServer server(faults);
  Job job;
  DynamoDbTable table(job.client(server.url("main")));
  table.create(schema_from_key(test::kStringKey));
  EXPECT_EQ(server.requests("CreateTable"), 2u);
  EXPECT_EQ(table.describe().schema->key, test::kStringKey);
  server.set(faults);
  table.drop();
  EXPECT_EQ(server.requests("DeleteTable"), 2u);
  EXPECT_FALSE(server.has_table("main"));
}

TEST(DynamoDbTable, NoticesALostReplyOnAConnectionThatWasInUse) {
  // Where nothing at all comes back on such a connection, the HTTP library would send the request again by itself.
  Faults faults;
  faults.operations = {"CreateTable"};
  faults.drop_after = 0.5;
  int made = 0;
  for (faults.seed = 1; faults.seed <= 20; ++faults.seed) {
    FaultServer server(faults);
    Job job;
    DynamoDbTable table(job.client(server.url("main")));
    EXPECT_FALSE(table.exists());
    try {
      table.create(schema_from_key(test::kStringKey));
      ++made;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::remote) << error.line();
    }
    EXPECT_EQ(job.stats.sent.load(), server.requests("CreateTable") + server.requests("DescribeTable"));
  }
  EXPECT_GT(made, 10);
}

TEST(DynamoDbTable, DoesNotTakeATableWithAnotherKeyForItsOwn) {
  FaultServer server;
  server.create_table(test::create_table_body("main", KeySchema::parse("other:S")));
  Faults faults;
  faults.operations = {"CreateTable"};
  faults.lost_replies = 1;
  server.set(faults);
  Job job;
  try {
    DynamoDbTable(job.client(server.url("main"))).create(schema_from_key(test::kStringKey));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(server.requests("CreateTable"), 2u);
  }
}

TEST(DynamoDbTable, DeletesATableThatIsNotThereOnlyAfterALostReply) {
  FaultServer server;
  Job job;
  EXPECT_THROW(DynamoDbTable(job.client(server.url("main"))).drop(), Error);
}

TEST(DynamoDbTable, GivesUpOnALimitOfTheAccountWithTheServicesText) {
  Faults faults;
  faults.operations = {"CreateTable", "DeleteTable"};
  faults.throttle = 1;
  faults.throttle_codes = {"LimitExceededException"};
  FaultServer server(faults);
  Job job;
  try {
    DynamoDbTable(job.client(server.url("main"))).create(schema_from_key(test::kStringKey));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_THAT(error.line(), HasSubstr("LimitExceededException: slow down; try again"));
  }
}

constexpr const char* kArn = "dynamodb://arn:aws:dynamodb:us-east-1:123456789012:table/main?endpoint=";

TEST(DynamoDbTable, IsNotCreatedWithTheCredentialsOfAnotherAccount) {
  FaultServer server;
  Job job;
  job.environment = test::environment_of(
      {{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY", "x"}, {"AWS_ACCOUNT_ID", "210987654321"}});
  try {
    DynamoDbTable(job.client(kArn + server.endpoint())).create(schema_from_key(test::kStringKey));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.line(),
              "table 'main' cannot be created: its ARN is of account 123456789012, the credentials are of account "
              "210987654321; use credentials of that account");
  }
  EXPECT_EQ(server.requests("CreateTable"), 0u);
}

TEST(DynamoDbTable, IsNotLoadedWhenItWasCreatedElsewhereThanItsArnSays) {
  std::string account = "210987654321";
  Faults faults;
  faults.reply = [&](const std::string& operation, const std::string&) {
    const std::string arn = "\"TableArn\":\"arn:aws:dynamodb:us-east-1:" + account + ":table/main\"";
    const std::string table = "{" + arn + ",\"TableStatus\":\"ACTIVE\"}";
    const char* member = operation == "CreateTable" ? "TableDescription" : "Table";
    return TinyHttpServer::Reply{200, std::string("{\"") + member + "\":" + table + "}", {}};
  };
  FaultServer server(faults);
  Job job;
  DynamoDbTable table(job.client(kArn + server.endpoint()));
  try {
    table.create(schema_from_key(test::kStringKey));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.line(),
              "table 'main' was created as arn:aws:dynamodb:us-east-1:210987654321:table/main and not as "
              "arn:aws:dynamodb:us-east-1:123456789012:table/main; nothing was written to it: delete it, and use "
              "credentials of account 123456789012");
  }
  account = "123456789012";
  EXPECT_NO_THROW(table.create(schema_from_key(test::kStringKey)));
}

TEST(DynamoDbTable, NamesSettingsThatItMayNotLookAt) {
  Faults faults;
  faults.reply = [](const std::string& operation, const std::string&) -> std::optional<TinyHttpServer::Reply> {
    if (operation == "DescribeTable") return std::nullopt;
    if (operation == "GetResourcePolicy") return TinyHttpServer::Reply{200, R"({"Policy":"{}"})", {}};
    if (operation == "ListTagsOfResource") {
      return TinyHttpServer::Reply{
          200, R"({"Tags":[{"Key":"aws:cloudformation:stack-id","Value":"x"},{"Key":"team","Value":"y"}]})", {}};
    }
    return TinyHttpServer::Reply{400, R"({"__type":"x#AccessDeniedException"})", {}};
  };
  FaultServer server(faults);
  server.create_table(test::create_table_body("main"));
  Job job;
  const std::string schema = DynamoDbTable(job.client(server.url("main"))).describe().schema->json;
  EXPECT_THAT(schema, HasSubstr(R"("Tags":[{"Key":"team","Value":"y"}])"));
  EXPECT_THAT(schema,
              HasSubstr(R"x("NotCopied":["TimeToLive (no permission to read it)","Tags of AWS services (aws:...)",)x"
                        R"x("PointInTimeRecovery (no permission to read it)","ResourcePolicy",)x"
                        R"x("KinesisStreamingDestination (no permission to read it)",)x"
                        R"x("ContributorInsights (no permission to read it)"])x"));
}

TEST(DynamoDbTable, SaysThatDeletionProtectionIsOn) {
  Faults faults;
  faults.reply = [](const std::string& operation, const std::string&) -> std::optional<TinyHttpServer::Reply> {
    if (operation != "DeleteTable") return std::nullopt;
    return TinyHttpServer::Reply{
        400,
        R"({"__type":"x#ValidationException","message":"Resource cannot be deleted as it is currently )"
        R"(protected against deletion. Disable deletion protection first."})",
        {}};
  };
  FaultServer server(faults);
  server.create_table(test::create_table_body("main"));
  Job job;
  try {
    DynamoDbTable(job.client(server.url("main"))).drop();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.line(), "table 'main' is protected against deletion; turn its deletion protection off first");
  }
}

}  // namespace
}  // namespace bulk
