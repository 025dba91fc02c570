#include "backends/dynamodb/sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "backends/dynamodb/fixture.h"
#include "tests/fault_server.h"

namespace bulk {
namespace {

using test::batch_of;
using test::Faults;
using test::FaultServer;
using test::Job;
using test::refs_of;
using Outcome = WriteResult::Outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> simple_items(int from, int to) {
  std::vector<std::string> items;
  for (int i = from; i < to; ++i) items.push_back(test::simple_item(i, 10));
  return items;
}

class DynamoDbSinkTest : public ::testing::Test {
 protected:
  DynamoDbSinkTest() { server_.create_table(test::create_table_body("main")); }

  WriteResult write(const Batch& batch, bool only_missing = false) {
    WriteOptions options;
    options.only_missing = only_missing;
    DynamoDbSink sink(job_.client(server_.url("main")), test::kStringKey, options);
    return sink.open()->write(refs_of(batch));
  }
  void set(const std::function<void(Faults&)>& change) {
    Faults faults;
    change(faults);
    server_.set(faults);
  }

  FaultServer server_;
  Job job_;
};

TEST_F(DynamoDbSinkTest, WritesABatchAsItStandsAndReportsItsUnits) {
  const Batch batch = batch_of(simple_items(0, 25));
  const WriteResult result = write(batch);
  EXPECT_EQ(result.outcome, Outcome::done);
  EXPECT_THAT(result.unprocessed, IsEmpty());
  EXPECT_EQ(result.units, 25);
  EXPECT_EQ(job_.stats.write_centiunits.load(), 2500u);
  EXPECT_EQ(server_.items("main").size(), 25u);
  EXPECT_EQ(server_.requests("BatchWriteItem"), 1u);
}

TEST_F(DynamoDbSinkTest, ReportsExactlyWhatCameBackUnprocessed) {
  set([](Faults& faults) { faults.unprocessed = 0.4; });
  for (int round = 0; round < 20; ++round) {
    const Batch batch = batch_of(simple_items(round * 25, round * 25 + 25));
    const std::size_t before = server_.items("main").size();
    const WriteResult result = write(batch);
    ASSERT_EQ(result.outcome, Outcome::done);
    EXPECT_EQ(server_.items("main").size() - before, 25 - result.unprocessed.size());
    for (const std::uint32_t position : result.unprocessed) {
      const std::string item(item_of_line(batch.line(batch.records[position])));
      for (const std::string& written : server_.items("main")) EXPECT_NE(written, item);
    }
  }
}

TEST_F(DynamoDbSinkTest, MakesOneAttemptAndSaysHowItFailed) {
  const Batch batch = batch_of(simple_items(0, 3));
  const auto outcome = [&](const std::function<void(Faults&)>& change) {
    set(change);
    const std::uint64_t before = server_.requests("BatchWriteItem");
    const WriteResult result = write(batch);
    EXPECT_EQ(server_.requests("BatchWriteItem"), before + 1);
    return std::pair(result.outcome, result.reason);
  };
  const auto one_code = [](Faults& f) {
    f.throttle = 1;
    f.throttle_codes = {"ProvisionedThroughputExceededException"};
  };
  EXPECT_EQ(outcome(one_code),
            std::pair(Outcome::throttled, std::string("ProvisionedThroughputExceededException: slow down")));
  EXPECT_EQ(
      outcome([](Faults& f) { f.unprocessed = 1; }),
      std::pair(Outcome::throttled, std::string("ProvisionedThroughputExceededException: nothing could be written")));
  EXPECT_EQ(outcome([](Faults& f) { f.internal_error = 1; }),
            std::pair(Outcome::unavailable, std::string("InternalServerError: the server has stumbled")));
  EXPECT_EQ(outcome([](Faults& f) { f.drop_before = 1; }).first, Outcome::unavailable);
  EXPECT_EQ(server_.items("main").size(), 0u);
  EXPECT_EQ(outcome([](Faults& f) { f.drop_after = 1; }).first, Outcome::unavailable);
  EXPECT_EQ(server_.items("main").size(), 3u);
  EXPECT_THAT(outcome([](Faults& f) { f.wrong_crc = 1; }).second,
              StartsWith("malformed reply: the reply's checksum is wrong"));
  EXPECT_THAT(outcome([](Faults& f) { f.cut_json = 1; }).second, StartsWith("malformed BatchWriteItem reply: "));
  EXPECT_EQ(outcome([](Faults& f) { f.wcu_per_second = 1e-9; }).first, Outcome::throttled);
  EXPECT_THAT(outcome([](Faults& f) { f.truncate = 1; }).second, HasSubstr(": reply ended early, after "));
  EXPECT_EQ(outcome([](Faults& f) { f.partial_write = 1; }).first, Outcome::unavailable);
  EXPECT_EQ(outcome([](Faults& f) { f.gzip = f.dribble = 1; }).first, Outcome::done);
}

TEST_F(DynamoDbSinkTest, TakesAnyNumberOfUnprocessedPutsAsThrottling) {
  set([](Faults& faults) { faults.none_processed = 1; });
  const WriteResult result = write(batch_of(simple_items(0, 3)));
  EXPECT_EQ(result.outcome, Outcome::done);
  EXPECT_THAT(result.unprocessed, ElementsAre(0, 1, 2));
  EXPECT_EQ(result.units, 0);
  EXPECT_EQ(server_.puts(), 0u);
}

TEST_F(DynamoDbSinkTest, ReportsARequestThatIsRefusedForItsContent) {
  set([](Faults& faults) { faults.poison_attribute = "poison"; });
  const WriteResult result = write(batch_of({test::simple_item(1), R"({"pk":{"S":"bad"},"poison":{"BOOL":true}})"}));
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_EQ(result.reason, "ValidationException: the item holds poison");
  EXPECT_THAT(server_.items("main"), IsEmpty());
  for (const int status : {413, 400}) {
    set([status](Faults& faults) {
      faults.reply = [status](const std::string&, const std::string&) {
        return test::TinyHttpServer::Reply{
            status, status == 413 ? "too big" : R"({"__type":"SerializationException","Message":"m"})", {}};
      };
    });
    EXPECT_EQ(write(batch_of({test::simple_item(1)})).outcome, Outcome::invalid);
  }
}

TEST_F(DynamoDbSinkTest, EndsTheJobOnWhatNoOtherRecordWouldFareBetterWith) {
  const auto kind_for = [&](const std::string& code) {
    set([code](Faults& faults) {
      faults.reply = [code](const std::string&, const std::string&) {
        return test::TinyHttpServer::Reply{400, "{\"__type\":\"" + code + "\",\"message\":\"m\"}", {}};
      };
    });
    try {
      write(batch_of({test::simple_item(1)}));
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::interrupted;
  };
  EXPECT_EQ(kind_for("AccessDeniedException"), ErrorKind::usage);
  EXPECT_EQ(kind_for("ResourceNotFoundException"), ErrorKind::not_found);
  EXPECT_EQ(kind_for("ResourceInUseException"), ErrorKind::failed);
}

TEST_F(DynamoDbSinkTest, LeavesExistingRecordsAloneWhenOnlyMissingOnesAreWanted) {
  server_.put("main", R"({"pk":{"S":"k1"},"v":{"S":"old"}})");
  WriteOptions options;
  options.only_missing = true;
  EXPECT_EQ(DynamoDbSink(job_.client(server_.url("main")), test::kStringKey, options).limits().records, 1u);
  WriteResult result = write(batch_of({test::simple_item(1)}), true);
  EXPECT_EQ(result.outcome, Outcome::done);
  EXPECT_THAT(result.skipped, ElementsAre(0));
  result = write(batch_of({test::simple_item(2)}), true);
  EXPECT_EQ(result.outcome, Outcome::done);
  EXPECT_THAT(result.skipped, IsEmpty());
  EXPECT_THAT(server_.items("main"),
              ElementsAre(R"({"pk":{"S":"k1"},"v":{"S":"old"}})", R"({"pk":{"S":"k2"},"v":{"S":""}})"));
  set([](Faults& faults) { faults.throttle = 1; });
  EXPECT_EQ(write(batch_of({test::simple_item(3)}), true).outcome, Outcome::throttled);
  set([](Faults& faults) { faults.cut_json = 1; });
  EXPECT_EQ(write(batch_of({test::simple_item(3)}), true).outcome, Outcome::unavailable);
  for (const char* body : {"{}", R"({"message":"Service Unavailable"})"}) {
    set([&](Faults& faults) {
      faults.reply = [body](const std::string&, const std::string&) {
        return test::TinyHttpServer::Reply{200, body, {}};
      };
    });
    result = write(batch_of({test::simple_item(3)}), true);
    EXPECT_EQ(result.outcome, Outcome::unavailable);
    EXPECT_EQ(result.reason, "malformed PutItem reply: it has no ConsumedCapacity");
  }
}

TEST_F(DynamoDbSinkTest, KnowsTheLimitsOfARequestAndWhatARecordCosts) {
  DynamoDbSink sink(job_.client(server_.url("main")), test::kStringKey, {});
  EXPECT_EQ(sink.limits().records, 25u);
  EXPECT_LT(sink.limits().bytes, 16u << 20);
  EXPECT_GT(sink.limits().bytes, 15u << 20);
  Record record;
  for (const auto& [size, units] :
       std::vector<std::pair<std::uint32_t, double>>{{0, 1}, {1, 1}, {1024, 1}, {1025, 2}, {409'600, 400}}) {
    record.size_bytes = size;
    EXPECT_EQ(sink.estimate_units(record), units) << size;
  }
}

WriteResult read_reply(const std::string& reply, const Batch& batch) {
  return read_batch_write_reply(reply, "main", test::kStringKey, refs_of(batch));
}

std::string put_of(const std::string& item) {
  return "{\"PutRequest\":{\"Item\":" + item + "}}";
}

TEST(BatchWriteReply, FindsUnprocessedRecordsByTheValueOfTheirKeys) {
  const KeySchema key{{"pk", 'N'}, KeyAttribute{"sk", 'S'}};
  const Batch batch = batch_of({R"({"pk":{"N":"1000"},"sk":{"S":"a"}})", R"({"pk":{"N":"7"},"sk":{"S":"\u00e9"}})"});
  const WriteResult result = read_batch_write_reply(
      R"({"UnprocessedItems":{"main":[{"PutRequest":{"Item":{"sk":{"S":"é"},"pk":{"N":"7.0"}}}},)"
      R"({"PutRequest":{"Item":{"sk":{"S":"a"},"pk":{"N":"1e3"}}}}]}})",
      "main", key, refs_of(batch));
  EXPECT_EQ(result.outcome, Outcome::done) << result.reason;
  EXPECT_THAT(result.unprocessed, ElementsAre(0, 1));
  EXPECT_EQ(result.units, 0);
}

TEST(BatchWriteReply, EstimatesTheUnitsWhereNoneAreReported) {
  const Batch batch = batch_of({test::simple_item(0), test::simple_item(1, 3000), test::simple_item(2)});
  EXPECT_EQ(read_reply("{\"UnprocessedItems\":{}}", batch).units, 5);
  EXPECT_EQ(read_reply("{\"UnprocessedItems\":{\"main\":[" + put_of(test::simple_item(0)) + "]}}", batch).units, 4);
  EXPECT_EQ(
      read_reply(R"({"UnprocessedItems":{},"ConsumedCapacity":[{"CapacityUnits":2.5},{"CapacityUnits":4}]})", batch)
          .units,
      6.5);
  EXPECT_EQ(read_reply(R"({"UnprocessedItems":{},"ConsumedCapacity":[{"CapacityUnits":-2}]})", batch).units, 5);
}

TEST(BatchWriteReply, IsTakenForAttemptsOfUnknownOutcomeWhenItCannotBeTrue) {
  const Batch batch = batch_of({test::simple_item(0), test::simple_item(1)});
  const std::string other = put_of(test::simple_item(7));
  const std::string own = put_of(test::simple_item(1));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "malformed BatchWriteItem reply: "},
      {"[]", "malformed BatchWriteItem reply: not a JSON object"},
      {"{}", "malformed BatchWriteItem reply: it has no UnprocessedItems"},
      {R"({"UnprocessedItems":null})", "malformed BatchWriteItem reply: it has no UnprocessedItems"},
      {R"({"UnprocessedItems":[]})", "malformed BatchWriteItem reply: it has no UnprocessedItems"},
      {R"({"UnprocessedItems":{"other":[]}})",
       "malformed BatchWriteItem reply: UnprocessedItems is not a list for table 'main'"},
      {R"({"UnprocessedItems":{"main":{}}})",
       "malformed BatchWriteItem reply: UnprocessedItems is not a list for table 'main'"},
      {R"({"UnprocessedItems":{"main":[],"main":[]}})",
       "malformed BatchWriteItem reply: UnprocessedItems is not a list for table 'main'"},
      {R"({"UnprocessedItems":{"main":[5]}})",
       "malformed BatchWriteItem reply: UnprocessedItems holds something that is no put of an item"},
      {R"({"UnprocessedItems":{"main":[{"DeleteRequest":{"Key":{"pk":{"S":"k1"}}}}]}})",
       "malformed BatchWriteItem reply: UnprocessedItems holds something that is no put of an item"},
      {R"({"UnprocessedItems":{"main":[{"PutRequest":{"Item":{"v":{"S":"a"}}}}]}})",
       "malformed BatchWriteItem reply: UnprocessedItems holds something that is no put of an item"},
      {"{\"UnprocessedItems\":{\"main\":[" + other + "]}}",
       R"(malformed BatchWriteItem reply: UnprocessedItems holds a key that was not sent, or one twice: {"pk":{"S":"k7"}})"},
      {"{\"UnprocessedItems\":{\"main\":[" + own + "," + own + "]}}",
       R"(malformed BatchWriteItem reply: UnprocessedItems holds a key that was not sent, or one twice: {"pk":{"S":"k1"}})"},
      {"{\"UnprocessedItems\":{\"main\":" + std::string(100'000, '['), "malformed BatchWriteItem reply: "},
  };
  for (const auto& [reply, reason] : cases) {
    const WriteResult result = read_reply(reply, batch);
    EXPECT_EQ(result.outcome, Outcome::unavailable) << reply.substr(0, 200);
    EXPECT_THAT(result.reason, StartsWith(reason));
    EXPECT_THAT(result.reason, Not(HasSubstr("\n")));
  }
}

TEST(BatchWriteReply, NeverClaimsMoreThanADamagedReplySays) {
  std::mt19937 random(7);
  const Batch batch = batch_of(simple_items(0, 5));
  const std::string sound = "{\"UnprocessedItems\":{\"main\":[" + put_of(test::simple_item(1, 10)) + "," +
                            put_of(test::simple_item(3, 10)) +
                            "]},\"ConsumedCapacity\":[{\"TableName\":\"main\",\"CapacityUnits\":3.0}]}";
  ASSERT_THAT(read_reply(sound, batch).unprocessed, ElementsAre(1, 3));
  for (std::size_t length = 0; length < sound.size(); ++length) {
    EXPECT_EQ(read_reply(sound.substr(0, length), batch).outcome, Outcome::unavailable) << length;
  }
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = sound;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    const WriteResult result = read_reply(damaged, batch);
    if (result.outcome == Outcome::done) {
      EXPECT_EQ(result.unprocessed.size(), 2u) << damaged;
    } else {
      EXPECT_EQ(result.outcome, Outcome::unavailable);
    }
  }
}

}  // namespace
}  // namespace bulk
