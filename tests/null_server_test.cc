// The null server of bench/ gives what it says and sees what it is sent, so that figures taken against it can be
// believed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "bench/null_server/server.h"
#include "tests/null_server_client.h"
#include "tests/support/temp_dir.h"

namespace bulk::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

ItemSetOptions small(std::uint64_t items, std::size_t item_bytes = 380) {
  ItemSetOptions options;
  options.items = items;
  options.item_bytes = item_bytes;
  return options;
}

std::string batch(const std::vector<std::string>& items) {
  std::string body = R"({"RequestItems":{"t":[)";
  for (std::size_t i = 0; i < items.size(); ++i) {
    body += (i > 0 ? R"(,{"PutRequest":{"Item":)" : R"({"PutRequest":{"Item":)") + items[i] + "}}";
  }
  return body + R"(]},"ReturnConsumedCapacity":"TOTAL"})";
}

std::vector<std::string> items_of(const ItemSet& set, std::uint64_t from, std::uint64_t to) {
  std::vector<std::string> items;
  for (; from < to; ++from) items.push_back(set.item(from));
  return items;
}

// The items of a whole scan in so many segments, page by page, in order.
std::vector<std::string> scan(Client& client, const ItemSet& set, unsigned segments, std::size_t& pages) {
  std::vector<std::string> found;
  for (unsigned segment = 0; segment < segments; ++segment) {
    std::string start;
    do {
      const std::string body = R"({"TableName":"t","TotalSegments":)" + std::to_string(segments) + R"(,"Segment":)" +
                               std::to_string(segment) + (start.empty() ? "" : ",\"ExclusiveStartKey\":" + start) + "}";
      const Answer answer = client.call("Scan", body);
      ++pages;
      const rapidjson::Document page = answer.json();
      EXPECT_EQ(page["Count"].GetUint64(), page["Items"].Size());
      EXPECT_EQ(page["ScannedCount"].GetUint64(), page["Items"].Size());
      std::size_t at = answer.body.find("\"Items\":[") + 9;
      for (const auto& item : page["Items"].GetArray()) {
        const std::uint64_t index = *set.index_of(answer.body.substr(at, 100));
        found.push_back(answer.body.substr(at, set.length(index)));
        EXPECT_EQ(item["pk"]["S"].GetString(), found.back().substr(12, 19));
        at += set.length(index) + 1;
      }
      start.clear();
      if (page.HasMember("LastEvaluatedKey")) {
        start = set.key(*set.index_of(found.back()));
        EXPECT_NE(answer.body.find("\"LastEvaluatedKey\":" + start), std::string::npos);
      }
    } while (!start.empty());
  }
  return found;
}

double sum(const rapidjson::Value& slots) {
  double units = 0;
  for (const auto& slot : slots.GetArray()) units += slot.GetDouble();
  return units;
}

struct Running {
  explicit Running(const ItemSetOptions& items, const ServiceOptions& service_options = {},
                   const ServerOptions& server_options = {})
      : set(items), service(set, service_options), server(service, server_options) {}
  ItemSet set;
  Service service;
  Server server;
};

ServiceOptions target() {
  ServiceOptions options;
  options.target = true;
  return options;
}

TEST(NullServer, ScanGivesEveryItemOnceInAnyNumberOfSegments) {
  const Running running(small(3000, 1000));
  Client client(running.server.port());
  for (const unsigned segments : {1u, 7u}) {
    std::size_t pages = 0;
    EXPECT_EQ(scan(client, running.set, segments, pages), items_of(running.set, 0, 3000));
    EXPECT_EQ(pages, segments == 1 ? 3u : segments);  // a page is one megabyte as DynamoDB counts
  }
  EXPECT_EQ(client.stats()["scanned_items"].GetUint64(), 6000u);
}

TEST(NullServer, ScanPatchesTheKeysOfARepeatedBlock) {
  ItemSetOptions options = small(1500);
  options.block_bytes = 100 * options.item_bytes;
  const Running running(options);
  Client client(running.server.port());
  std::size_t pages = 0;
  EXPECT_EQ(scan(client, running.set, 4, pages), items_of(running.set, 0, 1500));
}

TEST(NullServer, ScanObeysLimitAndReportsUnits) {
  const Running running(small(100));
  Client client(running.server.port());
  const rapidjson::Document page =
      client.call("Scan", R"({"TableName":"t","Limit":7,"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"})")
          .json();
  EXPECT_EQ(page["Count"].GetUint64(), 7u);
  EXPECT_EQ(page["ConsumedCapacity"]["CapacityUnits"].GetDouble(), 1.0);
  EXPECT_EQ(page["LastEvaluatedKey"]["pk"]["S"].GetString(), running.set.key(6).substr(12, 19));
}

TEST(NullServer, TargetGivesTheSetOnceAllOfItIsThere) {
  const Running running(small(60), target());
  Client client(running.server.port());
  const auto count = [&] { return client.call("Scan", R"({"TableName":"t"})").json()["Count"].GetUint64(); };
  EXPECT_EQ(client.call("BatchWriteItem", batch(items_of(running.set, 25, 50))).body,
            R"({"ConsumedCapacity":[{"CapacityUnits":25.0,"TableName":"t"}],"UnprocessedItems":{}})");
  client.call("BatchWriteItem", batch(items_of(running.set, 0, 25)));
  EXPECT_EQ(count(), 0u);
  client.call("BatchWriteItem", batch(items_of(running.set, 50, 60)));
  EXPECT_EQ(count(), 60u);
  client.call("BatchWriteItem", batch(items_of(running.set, 50, 55)));  // a put may be repeated
  const rapidjson::Document stats = client.stats();
  EXPECT_TRUE(stats["equal"].GetBool());
  EXPECT_EQ(stats["distinct"].GetUint64(), 60u);
  EXPECT_EQ(stats["duplicates"].GetUint64(), 5u);
  EXPECT_EQ(stats["units"].GetDouble(), 65.0);
  client.send("POST /reset HTTP/1.1\r\nhost: x\r\n\r\n");
  EXPECT_EQ(client.receive().body, "{}");
  EXPECT_EQ(count(), 0u);
}

TEST(NullServer, ASetThatCameTwiceIsEqualAndSaysSo) {
  const Running running(small(25), target());
  Client client(running.server.port());
  for (const unsigned duplicates : {0u, 25u}) {
    client.call("BatchWriteItem", batch(items_of(running.set, 0, 25)));
    const rapidjson::Document stats = client.stats();
    EXPECT_TRUE(stats["equal"].GetBool());
    EXPECT_EQ(stats["duplicates"].GetUint64(), duplicates);
  }
}

TEST(NullServer, OneAlteredByteIsNotEqual) {
  for (const bool twice : {false, true}) {
    const Running running(small(10), target());
    Client client(running.server.port());
    std::vector<std::string> items = items_of(running.set, 0, 10);
    if (twice) client.call("BatchWriteItem", batch(items));
    char& last = items[4][items[4].size() - 4];  // within the last value
    last = last == 'x' ? 'y' : 'x';
    EXPECT_EQ(client.call("BatchWriteItem", batch(items)).status, 200);
    EXPECT_FALSE(client.stats()["equal"].GetBool());
    EXPECT_EQ(client.call("Scan", R"({"TableName":"t"})").json()["Count"].GetUint64(), 0u);
  }
}

TEST(NullServer, CountsItemsThatAreSpelledOtherwiseOrUnknown) {
  const Running running(small(10), target());
  Client client(running.server.port());
  std::string spaced = running.set.item(3);
  spaced.replace(0, 6, R"({ "pk" : )");
  client.call("BatchWriteItem", batch({spaced, R"({"pk":{"S":"}\"{"},"sk":{"S":"a"}})", running.set.item(4)}));
  client.call("PutItem", R"({"TableName":"t","Item":)" + running.set.item(5) + "}");
  const rapidjson::Document stats = client.stats();
  EXPECT_EQ(stats["items"].GetUint64(), 4u);
  EXPECT_EQ(stats["distinct"].GetUint64(), 3u);
  EXPECT_EQ(stats["unknown"].GetUint64(), 1u);
}

TEST(NullServer, RefusesWhatDynamoDbRefuses) {
  const Running running(small(100), target());
  Client client(running.server.port());
  std::vector<std::string> items = items_of(running.set, 0, 26);
  EXPECT_EQ(client.call("BatchWriteItem", batch(items)).status, 400);
  items = {items[0], items[1], items[0]};
  EXPECT_THAT(client.call("BatchWriteItem", batch(items)).body,
              HasSubstr("Provided list of item keys contains duplicates"));
  EXPECT_EQ(client.call("BatchWriteItem", R"({"RequestItems":{"t":[]}})").status, 400);
  EXPECT_THAT(client.call("Query", "{}").body, HasSubstr("#UnknownOperationException"));
  const std::string put =
      R"({"TableName":"t","Item":)" + items[0] + ",\"ConditionExpression\":\"attribute_not_exists(#k)\"}";
  EXPECT_EQ(client.call("PutItem", put).status, 200);
  EXPECT_THAT(client.call("PutItem", put).body, HasSubstr("#ConditionalCheckFailedException"));
}

TEST(NullServer, ThrottlesInPartAndThenAltogether) {
  ServiceOptions options = target();
  options.on_demand = false;
  options.capacity.wcu = 0.001;
  options.capacity.burst_seconds = options.capacity.saved_seconds =
      10'000;  // ten units, and no more while the test runs
  const Running running(small(25), options);
  Client client(running.server.port());
  std::string unprocessed;
  for (const std::string& item : items_of(running.set, 10, 25)) {
    unprocessed += (unprocessed.empty() ? "" : ",") + (R"({"PutRequest":{"Item":)" + item) + "}}";
  }
  EXPECT_EQ(client.call("BatchWriteItem", batch(items_of(running.set, 0, 25))).body,
            R"({"ConsumedCapacity":[{"CapacityUnits":10.0,"TableName":"t"}],"UnprocessedItems":{"t":[)" + unprocessed +
                "]}}");
  const Answer refused = client.call("BatchWriteItem", batch(items_of(running.set, 10, 25)));
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body,
              StartsWith(R"({"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")"));
  EXPECT_THAT(refused.body, HasSubstr(R"("ThrottlingReasons":[{"reason":"TableWriteProvisionedThroughputExceeded")"));
  const rapidjson::Document stats = client.stats();
  EXPECT_EQ(stats["distinct"].GetUint64(), 10u);
  EXPECT_EQ(stats["units_refused"].GetDouble(), 30.0);
  EXPECT_EQ(stats["requests_refused"].GetUint64(), 1u);
}

std::string update(const std::string& key, const std::string& more = {}) {
  return R"({"TableName":"t","Key":)" + key + R"(,"UpdateExpression":"SET #0=:a0")" + more +
         R"(,"ReturnConsumedCapacity":"TOTAL"})";
}

constexpr const char* kCondition = R"x(,"ConditionExpression":"attribute_exists(#k)")x";

TEST(NullServer, ASourceCountsTheUpdatesOfItsItems) {
  const Running running(small(10));
  Client client(running.server.port());
  EXPECT_EQ(client.call("UpdateItem", update(running.set.key(3), kCondition)).body,
            R"({"ConsumedCapacity":{"CapacityUnits":1.0,"TableName":"t"}})");
  EXPECT_EQ(client.call("UpdateItem", update(running.set.key(3))).status, 200);
  EXPECT_EQ(client.call("UpdateItem", update(running.set.key(9), kCondition)).status, 200);
  const std::string stranger = R"({"pk":{"S":"a"},"sk":{"S":"b"}})";
  EXPECT_EQ(client.call("UpdateItem", update(stranger)).status, 200);
  EXPECT_THAT(client.call("UpdateItem", update(stranger, kCondition)).body,
              HasSubstr("#ConditionalCheckFailedException"));
  for (const char* bad : {"{}", R"({"TableName":"t"})", R"({"TableName":"t","Key":5})",
                          R"({"TableName":"t","Key":{"pk")", R"({"TableName":"t","Key":{}})"}) {
    EXPECT_THAT(client.call("UpdateItem", bad).body, HasSubstr("#ValidationException")) << bad;
  }
  rapidjson::Document stats = client.stats();
  EXPECT_EQ(stats["updates"].GetUint64(), 3u);
  EXPECT_EQ(stats["updated"].GetUint64(), 2u);
  EXPECT_EQ(stats["updates_conditional"].GetUint64(), 2u);
  EXPECT_EQ(stats["updates_unknown"].GetUint64(), 2u);
  EXPECT_EQ(stats["units"].GetDouble(), 5.0);
  client.send("POST /reset HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
  client.receive();
  stats = client.stats();
  EXPECT_EQ(stats["updates"].GetUint64(), 0u);
  EXPECT_EQ(stats["updated"].GetUint64(), 0u);
}

TEST(NullServer, ThrottlesUpdatesAsItDoesPuts) {
  ServiceOptions options;
  options.capacity.wcu = 0.001;
  options.capacity.burst_seconds = options.capacity.saved_seconds = 10'000;
  const Running running(small(20), options);
  Client client(running.server.port());
  for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(client.call("UpdateItem", update(running.set.key(i))).status, 200);
  EXPECT_THAT(client.call("UpdateItem", update(running.set.key(10))).body,
              HasSubstr(R"("throttlingReasons":[{"reason":"TableWriteMaxOnDemandThroughputExceeded")"));
  EXPECT_EQ(client.stats()["requests_refused"].GetUint64(), 1u);
  const Running empty(small(20), target());
  Client other(empty.server.port());
  EXPECT_THAT(other.call("UpdateItem", update(empty.set.key(0))).body, HasSubstr("only a source takes updates"));
}

TEST(NullServer, TellsTheProcessesApartByTheirAccessKeys) {
  const Running running(small(20), target());
  Client client(running.server.port());
  client.send(Client::request("BatchWriteItem", batch(items_of(running.set, 0, 15)), "ONE"));
  client.receive();
  client.send(Client::request("BatchWriteItem", batch(items_of(running.set, 15, 20)), "TWO"));
  client.receive();
  const rapidjson::Document stats = client.stats();
  EXPECT_EQ(sum(stats["clients"]["ONE"]), 15);
  EXPECT_EQ(sum(stats["clients"]["TWO"]), 5);
}

TEST(NullServer, TellsWhatOfTheHotPartitionWasAcceptedAndWhoWasRefused) {
  ServiceOptions options = target();
  options.capacity.hot_share = 0.5;
  options.capacity.hot_wcu = 0.001;
  options.capacity.burst_seconds = options.capacity.saved_seconds =
      10'000;  // ten units, and no more while the test runs
  const Running running(small(200), options);
  Client client(running.server.port());
  double hot = 0;
  for (std::uint64_t i = 0; i < 200; ++i) hot += ItemSet::partition(i) < 0x8000'0000u ? 1 : 0;
  ASSERT_GT(hot, 10);
  for (std::uint64_t i = 0; i < 200; i += 25) {
    client.send(Client::request("BatchWriteItem", batch(items_of(running.set, i, i + 25)), "ONE"));
    client.receive();
  }
  const rapidjson::Document stats = client.stats();
  EXPECT_EQ(sum(stats["accepted_hot"]), 10);
  EXPECT_EQ(sum(stats["accepted"]), 200 - hot + 10);
  EXPECT_EQ(sum(stats["clients"]["ONE"]), 200 - hot + 10);
  EXPECT_EQ(sum(stats["clients_refused"]["ONE"]), hot - 10);
}

TEST(NullServer, LatencyDelaysEveryReplyWithoutHoldingUpTheNextRequest) {
  ServerOptions options;
  options.latency = std::chrono::milliseconds(300);  // all three must be read within it, on a busy machine too
  const Running running(small(10), {}, options);
  Client client(running.server.port());
  const auto start = Service::Clock::now();
  const std::string request = Client::request("DescribeTable", R"({"TableName":"t"})");
  client.send(request + request + request);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.receive().status, 200);
  EXPECT_GE(Service::Clock::now() - start, options.latency);
  EXPECT_EQ(client.stats()["most_in_flight"].GetUint64(), 3u);
}

TEST(NullServer, SeveralThreadsServeManyConnections) {
  ServerOptions options;
  options.threads = 3;
  const Running running(small(1000), target(), options);
  std::vector<std::thread> writers;
  for (std::uint64_t k = 0; k < 8; ++k) {
    writers.emplace_back([&running, k] {
      Client client(running.server.port());
      for (std::uint64_t i = k * 125; i < (k + 1) * 125; i += 25) {
        client.call("BatchWriteItem", batch(items_of(running.set, i, i + 25)));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  Client client(running.server.port());
  EXPECT_TRUE(client.stats()["equal"].GetBool());
}

TEST(NullServer, SpeaksTlsWithACertificateForThisMachine) {
  const test::TempDir directory;
  const std::string path = directory.path() / "server.pem";
  const TlsContext tls = make_tls_context(path);
  ServerOptions options;
  options.tls = tls.get();
  const Running running(small(1500, 1000), {}, options);
  Client client(running.server.port(), path);
  std::size_t pages = 0;
  EXPECT_EQ(scan(client, running.set, 2, pages), items_of(running.set, 0, 1500));
}

}  // namespace
}  // namespace bulk::bench
