// The whole backend against real DynamoDB-compatible servers: what a table holds comes back with the same digest, and
// tables are made, described and dropped. The deviations of the two servers that the tests have to allow for stand in
// `Traits`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "backends/dynamodb/fixture.h"
#include "backends/schema.h"
#include "tests/support/dynamodb_servers.h"

namespace bulk {
namespace {

using test::Job;
using ::testing::Contains;
using ::testing::HasSubstr;
using Outcome = WriteResult::Outcome;

struct Traits {
  std::string name;
  bool has_late_settings;  // dynalite knows neither UpdateTimeToLive nor streams nor deletion protection
};

class RealServer : public ::testing::TestWithParam<Traits> {
 protected:
  static void TearDownTestSuite() { servers().clear(); }

  void SetUp() override {
    const std::string& name = GetParam().name;
    if (!servers().contains(name)) {
      auto server = test::DynamoDbServer::start(name);
      if (!server) {
        GTEST_SKIP() << "no " << test::dynamodb_server_program(name).string()
                     << " (npm ci in tests/servers; set BULK_TEST_SERVERS)";
      }
      servers().emplace(name, std::move(*server));
    }
    server_ = &servers().at(name);
  }

  DynamoDbTable table(const std::string& name) { return DynamoDbTable(job_.client(server_->url(name))); }

  Digest write_all(DynamoDbTable& table, const std::vector<std::string>& items) {
    const auto sink = table.sink({});
    const auto session = sink->open();
    Digest digest;
    for (std::size_t begin = 0; begin < items.size(); begin += 25) {
      const Batch batch =
          test::batch_of({items.begin() + static_cast<std::ptrdiff_t>(begin),
                          items.begin() + static_cast<std::ptrdiff_t>(std::min(begin + 25, items.size()))});
      const WriteResult result = session->write(test::refs_of(batch));
      EXPECT_EQ(result.outcome, Outcome::done) << result.reason;
      EXPECT_TRUE(result.unprocessed.empty());
      for (const Record& record : batch.records) digest += record.digest;
    }
    sink->finish();
    return digest;
  }

  // Writes the items to a new table, reads them back, and compares.
  void expect_round_trip(const std::string& name, const KeySchema& key, const std::vector<std::string>& items) {
    DynamoDbTable table = this->table(name);
    table.create(schema_from_key(key));
    const Digest written = write_all(table, items);
    const auto source = table.source({});
    const test::Everything everything = test::read_all(*source);
    EXPECT_EQ(everything.items.size(), items.size());
    EXPECT_EQ(everything.digest.hex(), written.hex());
    table.drop();
    EXPECT_FALSE(table.exists());
  }

  Job job_;
  const test::DynamoDbServer* server_ = nullptr;

 private:
  // One server per process, for all tests that run in it.
  static std::map<std::string, test::DynamoDbServer>& servers() {
    static std::map<std::string, test::DynamoDbServer> servers;
    return servers;
  }
};

std::string keyed(int number, const std::string& attributes) {
  return R"({"pk":{"S":"item )" + std::to_string(number) + "\"}" + (attributes.empty() ? "" : "," + attributes) + "}";
}

std::string nested(int levels, const std::string& open, const std::string& close) {
  std::string text = R"({"S":"deep"})";
  for (int i = 0; i < levels; ++i) text = open + text + close;
  return text;
}

std::vector<std::string> items_of_every_type() {
  std::vector<std::string> attributes = {
      "",
      R"("s":{"S":""},"b":{"B":""},"l":{"L":[]},"m":{"M":{}})",
      R"("s":{"S":"\u0000\u0001\b\t\n\f\r\u001f\"\\\/\u007f"})",
      R"("s":{"S":"\u00e9 é e\u0301 \ud83d\ude00 😀 \u2028"})",
      R"("n":{"N":"0"},"a":{"N":"-0"},"o":{"N":"1.0"},"e":{"N":"1e0"},"z":{"N":"0012.3400"})",
      R"("n":{"N":"99999999999999999999999999999999999999"},"m":{"N":"-0.00000000000000000000000000000000000001234567890123456789"})",
      R"("n":{"N":"1E-130"},"x":{"N":"9.9999999999999999999999999999999999999E+125"},"y":{"N":"-9.9999999999999999999999999999999999999E+125"})",
      R"("b":{"B":"AA=="},"c":{"B":"AAE="},"d":{"B":"AAEC"},"f":{"B":"//////79"})",
      R"("t":{"BOOL":true},"f":{"BOOL":false},"n":{"NULL":true})",
      R"("ss":{"SS":["b","a","","é","\n"]},"ns":{"NS":["3","-1","2.50","1e2"]},"bs":{"BS":["AQ==","AA==",""]})",
      R"("list":{"L":[{"N":"1"},{"S":"1"},{"L":[{"M":{"x":{"NULL":true}}}]},{"SS":["1"]}]})",
      R"("a.b":{"S":"dotted"},"a\"b":{"S":"quoted"},"a\\b":{"M":{"c.d":{"S":"x"},"":{"S":"empty name"}}},"#n":{"S":"#"},":v":{"S":":"},"size":{"S":"reserved"})",
      R"("deep":)" + nested(15, R"({"L":[)", "]}") + R"(,"deeper":)" + nested(15, R"({"M":{"m":)", "}}"),
  };
  std::string many;
  for (int i = 0; i < 300; ++i)
    many += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + R"(":{"N":")" + std::to_string(i) + "\"}";
  attributes.push_back(many);
  std::vector<std::string> items;
  for (std::size_t i = 0; i < attributes.size(); ++i) items.push_back(keyed(static_cast<int>(i), attributes[i]));
  return items;
}

TEST_P(RealServer, GivesBackEveryTypeUnchanged) {
  expect_round_trip("types", test::kStringKey, items_of_every_type());
}

TEST_P(RealServer, GivesBackItemsNestedAsDeepAsTheServiceAllows) {
  // A value that stands inside 31 others.
  expect_round_trip(
      "deep", test::kStringKey,
      {keyed(1, "\"d\":" + nested(31, R"({"L":[)", "]}")), keyed(2, "\"d\":" + nested(31, R"({"M":{"m":)", "}}"))});
}

TEST_P(RealServer, TakesAnItemOfTheGreatestSizeAndNoByteMore) {
  const std::size_t padding = kMaxItemBytes - std::string("pkk0v").size();
  expect_round_trip("large", test::kStringKey, {test::simple_item(0, padding)});
  DynamoDbTable table = this->table("larger");
  table.create(schema_from_key(test::kStringKey));
  const Batch batch = test::batch_of({test::simple_item(0, padding + 1)});
  const WriteResult result = table.sink({})->open()->write(test::refs_of(batch));
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_THAT(result.reason, HasSubstr("Item size has exceeded the maximum allowed size"));
  EXPECT_TRUE(table.is_empty());
}

TEST_P(RealServer, KeepsKeysOfTypesNumberAndBinary) {
  expect_round_trip("numbers", KeySchema::parse("n:N,b:B"),
                    {R"({"n":{"N":"1E-130"},"b":{"B":"AA=="}})", R"({"n":{"N":"-12.50"},"b":{"B":"AA=="}})",
                     R"({"n":{"N":"-12.5"},"b":{"B":"AAA="}})",
                     R"({"n":{"N":"99999999999999999999999999999999999999"},"b":{"B":"/w=="}})"});
  expect_round_trip("strings", KeySchema::parse("a.b:S,c\"d:N"),
                    {R"({"a.b":{"S":"\u0000"},"c\"d":{"N":"1e2"}})", R"({"a.b":{"S":"\u0000"},"c\"d":{"N":"-1e2"}})"});
}

TEST_P(RealServer, IsReadInSegmentsAndPagesWithoutLossOrRepetition) {
  DynamoDbTable table = this->table("pages");
  table.create(schema_from_key(KeySchema::parse("pk:S")));
  std::vector<std::string> items;
  for (int i = 0; i < 700; ++i) items.push_back(test::simple_item(i, 5'000));  // 3.5 MB: several pages
  const Digest written = write_all(table, items);
  for (const unsigned segments : {1u, 3u, 16u}) {
    ReadOptions options;
    options.segments = segments;
    options.consistent = segments == 3;
    options.batch_bytes = 1u << 20;
    const auto source = table.source(options);
    const test::Everything everything = test::read_all(*source);
    EXPECT_EQ(std::set<std::string>(everything.items.begin(), everything.items.end()).size(), 700u);
    EXPECT_EQ(everything.items.size(), 700u);
    EXPECT_EQ(everything.digest.hex(), written.hex());
  }
  EXPECT_GT(job_.stats.read_centiunits.load(), 0u);
  EXPECT_GT(job_.stats.write_centiunits.load(), 0u);
}

TEST_P(RealServer, ReadsOnFromACursorWhoseItemHasTheOddestKey) {
  DynamoDbTable table = this->table("cursor");
  table.create(schema_from_key(KeySchema::parse("pk:S,n:N")));
  std::vector<std::string> items;
  for (int i = 0; i < 60; ++i) {
    items.push_back(R"({"pk":{"S":"\u0000\"é😀"},"n":{"N":")" + std::to_string(i) + R"(e-3"},"v":{"S":")" +
                    std::string(60'000, 'x') + "\"}}");
  }
  const Digest written = write_all(table, items);
  ReadOptions options;
  options.segments = 1;
  options.batch_bytes = 1;  // a page a batch
  const auto source = table.source(options);
  const Segment segment = source->plan().front();
  test::Everything everything;
  Cursor cursor;
  ItemScanner scanner;
  Batch batch;
  int batches = 0;
  while (batch.reset(), source->open(segment, cursor)->read(batch)) {
    ++batches;
    for (const Record& record : batch.records) {
      ItemFacts facts;
      ASSERT_TRUE(scanner.scan(item_of_line(batch.line(record)), facts));
      everything.digest += facts.digest;
    }
    cursor = batch.after;
  }
  EXPECT_GE(batches, 3);
  EXPECT_EQ(everything.digest.hex(), written.hex());
}

TEST_P(RealServer, SkipsExistingRecordsWhenOnlyMissingOnesAreWanted) {
  DynamoDbTable table = this->table("missing");
  table.create(schema_from_key(test::kStringKey));
  write_all(table, {R"({"pk":{"S":"k1"},"v":{"S":"old"}})"});
  WriteOptions options;
  options.only_missing = true;
  const auto sink = table.sink(options);
  const auto session = sink->open();
  for (const int number : {1, 2}) {
    const Batch batch = test::batch_of({test::simple_item(number)});
    const WriteResult result = session->write(test::refs_of(batch));
    EXPECT_EQ(result.outcome, Outcome::done) << result.reason;
    EXPECT_EQ(result.skipped.size(), number == 1 ? 1u : 0u);
  }
  ReadOptions read;
  read.segments = 1;
  const auto source = table.source(read);
  EXPECT_THAT(test::read_all(*source).items, Contains(HasSubstr("old")));
}

TEST_P(RealServer, RefusesAWholeRequestForOneBadRecord) {
  DynamoDbTable table = this->table("bad");
  table.create(schema_from_key(test::kStringKey));
  const Batch batch = test::batch_of({test::simple_item(1), R"({"pk":{"S":"k2"},"empty":{"SS":[]}})"});
  const WriteResult result = table.sink({})->open()->write(test::refs_of(batch));
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_THAT(result.reason, HasSubstr("ValidationException"));
  EXPECT_TRUE(table.is_empty());
}

TEST_P(RealServer, MakesATableAgainFromItsDescription) {
  DynamoDbTable first = table("first");
  TableSchema schema;
  schema.json =
      R"({"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],)"
      R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},)"
      R"({"AttributeName":"g","AttributeType":"S"},{"AttributeName":"unused","AttributeType":"S"}],)"
      R"("LocalSecondaryIndexes":[{"IndexName":"lsi","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"g","KeyType":"RANGE"}],)"
      R"("Projection":{"ProjectionType":"KEYS_ONLY"}}],)"
      R"("GlobalSecondaryIndexes":[{"IndexName":"gsi","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],)"
      R"("Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a"]},"ProvisionedThroughput":{"ReadCapacityUnits":3,"WriteCapacityUnits":4}}],)"
      R"("BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},)"
      R"("StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"},"TimeToLive":{"AttributeName":"ttl"},)"
      R"("Tags":[{"Key":"team","Value":"a \"b\""}],"PointInTimeRecovery":{"Enabled":true}})";
  first.create(schema);
  const std::vector<std::string> missing = first.finish_create(schema);
  EXPECT_THAT(missing, Contains("point-in-time recovery: not known to this endpoint"));
  EXPECT_EQ(missing.size(), GetParam().has_late_settings ? 2u : 4u) << ::testing::PrintToString(missing);

  const TableFacts facts = first.describe();
  EXPECT_EQ(facts.schema->key.text(), "pk:S,sk:N");
  EXPECT_EQ(facts.read_units, 5);
  EXPECT_EQ(facts.write_units, 6);
  EXPECT_FALSE(facts.identity.id.empty());
  EXPECT_THAT(facts.identity.arn, HasSubstr("table/first"));
  EXPECT_THAT(facts.schema->json, HasSubstr(R"("Tags":[{"Key":"team","Value":"a \"b\""}])"));
  if (GetParam().has_late_settings) {
    EXPECT_THAT(facts.schema->json, HasSubstr(R"("TimeToLive":{"AttributeName":"ttl"})"));
  }

  DynamoDbTable second = table("second");
  second.create(*facts.schema);
  second.finish_create(*facts.schema);
  EXPECT_EQ(second.describe().schema->json, facts.schema->json);
  first.drop();
  second.drop();
}

TEST_P(RealServer, KeepsATableThatIsProtectedAgainstDeletion) {
  if (!GetParam().has_late_settings) GTEST_SKIP() << GetParam().name << " knows no deletion protection";
  DynamoDbTable table = this->table("protected");
  TableSchema schema = schema_from_key(test::kStringKey);
  schema.json.insert(schema.json.size() - 1, R"(,"DeletionProtectionEnabled":true)");
  table.create(schema);
  EXPECT_FALSE(table.describe().deletion_protected);
  table.finish_create(schema);
  EXPECT_TRUE(table.describe().deletion_protected);
  try {
    table.drop();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
  }
  EXPECT_TRUE(table.exists());
}

INSTANTIATE_TEST_SUITE_P(Dynamo, RealServer,
                         ::testing::Values(Traits{test::kDynoxide, true}, Traits{test::kDynalite, false}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace bulk
