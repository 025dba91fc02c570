#include "backends/dynamodb/update_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "backends/dynamodb/fixture.h"
#include "tests/fault_server.h"

namespace bulk {
namespace {

using test::Faults;
using test::FaultServer;
using test::Job;
using Outcome = WriteResult::Outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;
using Reply = test::TinyHttpServer::Reply;

class DynamoDbUpdateSinkTest : public ::testing::Test {
 protected:
  DynamoDbUpdateSinkTest() { server_.create_table(test::create_table_body("main")); }

  WriteResult update(const std::string& line, std::uint32_t size_bytes = 100) {
    Batch batch;
    Record record;
    record.length = static_cast<std::uint32_t>(line.size());
    record.size_bytes = size_bytes;
    batch.bytes.append(line);
    batch.bytes.push_back('\n');
    batch.records.push_back(record);
    const RecordRef ref{&batch, 0};
    return DynamoDbUpdateSink(job_.client(server_.url("main")), test::kStringKey, {}).open()->write({&ref, 1});
  }
  void set(const std::function<void(Faults&)>& change) {
    Faults faults;
    change(faults);
    server_.set(faults);
  }
  // A server that answers UpdateItem and GetItem so.
  void answer(const std::string& update, const std::string& read = R"({"ConsumedCapacity":{}})") {
    set([&](Faults& faults) {
      faults.reply = [update, read](const std::string& operation, const std::string&) {
        const std::string& body = operation == "GetItem" ? read : update;
        return Reply{body.find("\"__type\"") == std::string::npos ? 200 : 400, body, {}};
      };
    });
  }
  static std::string change(const std::string& to, const std::string& from = "a") {
    return R"({"Key":{"pk":{"S":"k"}},"Before":{"v":{"S":")" + from + R"("}},"After":{"v":{"S":")" + to + "\"}}}";
  }
  void put(const std::string& v) { server_.put("main", R"({"pk":{"S":"k"},"v":{"S":")" + v + "\"}}"); }
  void expect_conflict(const WriteResult& result, const std::string& item) {
    EXPECT_EQ(result.outcome, Outcome::done) << result.reason;
    ASSERT_EQ(result.conflicts.size(), 1u);
    EXPECT_EQ(result.conflicts[0].item, item);
  }

  FaultServer server_;
  Job job_;
};

TEST_F(DynamoDbUpdateSinkTest, ChangesAnItemAndReportsItsUnits) {
  put("a");
  const WriteResult result = update(change("b"));
  EXPECT_EQ(result.outcome, Outcome::done) << result.reason;
  EXPECT_THAT(result.conflicts, IsEmpty());
  EXPECT_EQ(result.units, 1);
  EXPECT_EQ(job_.stats.write_centiunits.load(), 100u);
  EXPECT_THAT(server_.items("main"), ElementsAre(R"({"pk":{"S":"k"},"v":{"S":"b"}})"));
  EXPECT_THAT(server_.updates("main"), ElementsAre(Pair(R"({"pk":{"S":"k"}})", 1u)));
  EXPECT_EQ(server_.requests("UpdateItem"), 1u);
  answer(R"({"ConsumedCapacity":{}})");
  EXPECT_EQ(update(change("b"), 5'000).units, 5);
  answer(R"({"ConsumedCapacity":{"CapacityUnits":7.5}})");
  EXPECT_EQ(update(change("b"), 5'000).units, 7.5);
}

TEST_F(DynamoDbUpdateSinkTest, FindsTheItemOfAConflictInTheReply) {
  server_.put("main", R"({"pk":{"S":"k"},"v":{"S":"theirs"},"more":{"S":")" + std::string(2'000, 'x') + "\"}}");
  const WriteResult result = update(change("b"));
  expect_conflict(result, server_.items("main").at(0));
  EXPECT_EQ(result.units, 2);
  EXPECT_EQ(job_.stats.write_centiunits.load(), 200u);
  EXPECT_EQ(server_.requests("GetItem"), 0u);
  EXPECT_EQ(server_.updates(), 0u);
}

TEST_F(DynamoDbUpdateSinkTest, ReadsTheItemOfAConflictWhereTheReplyHasNone) {
  set([](Faults& faults) { faults.no_old_item = true; });
  expect_conflict(update(change("b")), "");
  EXPECT_EQ(server_.requests("GetItem"), 1u);
  EXPECT_EQ(job_.stats.read_centiunits.load(), 100u);
  put("theirs");
  expect_conflict(update(change("b")), R"({"pk":{"S":"k"},"v":{"S":"theirs"}})");
  EXPECT_EQ(server_.requests("GetItem"), 2u);
  EXPECT_EQ(server_.requests("UpdateItem"), 2u);
  for (const bool throttled : {true, false}) {
    set([&](Faults& faults) {
      faults.no_old_item = true;
      faults.operations = {"GetItem"};
      (throttled ? faults.throttle : faults.internal_error) = 1;
    });
    const WriteResult result = update(change("b"));
    EXPECT_EQ(result.outcome, throttled ? Outcome::throttled : Outcome::unavailable);
    EXPECT_THAT(result.conflicts, IsEmpty());
  }
  EXPECT_EQ(server_.updates(), 0u);
}

TEST_F(DynamoDbUpdateSinkTest, FindsItsOwnWorkWhenTheReplyWasLost) {
  put("a");
  set([](Faults& faults) { faults.lost_replies = 1; });
  const WriteResult lost = update(change("b"));
  EXPECT_EQ(lost.outcome, Outcome::unavailable);
  EXPECT_EQ(lost.reason, "InternalServerError: the reply is lost");
  expect_conflict(update(change("b")), R"({"pk":{"S":"k"},"v":{"S":"b"}})");
  EXPECT_EQ(server_.updates(), 1u);
}

TEST_F(DynamoDbUpdateSinkTest, MakesOneAttemptAndSaysHowItFailed) {
  const auto outcome = [&](const std::function<void(Faults&)>& faults) {
    put("a");
    set(faults);
    const std::uint64_t before = server_.requests("UpdateItem");
    const WriteResult result = update(change("b"));
    EXPECT_EQ(server_.requests("UpdateItem"), before + 1);
    return result.outcome;
  };
  EXPECT_EQ(outcome([](Faults& f) { f.throttle = 1; }), Outcome::throttled);
  EXPECT_EQ(outcome([](Faults& f) { f.wcu_per_second = 1e-9; }), Outcome::throttled);
  EXPECT_EQ(outcome([](Faults& f) { f.unavailable = 1; }), Outcome::unavailable);
  EXPECT_EQ(outcome([](Faults& f) { f.drop_before = 1; }), Outcome::unavailable);
  EXPECT_EQ(server_.updates(), 0u);
  for (double Faults::*fault : {&Faults::drop_after, &Faults::truncate, &Faults::wrong_crc, &Faults::corrupt_gzip,
                                &Faults::cut_json, &Faults::error_after}) {
    const std::uint64_t before = server_.updates();
    EXPECT_EQ(outcome([fault](Faults& f) { f.*fault = 1; }), Outcome::unavailable);
    EXPECT_EQ(server_.updates(), before + 1);
  }
  EXPECT_EQ(outcome([](Faults& f) { f.gzip = f.dribble = 1; }), Outcome::done);
}

TEST_F(DynamoDbUpdateSinkTest, TakesAConflictWithATransactionForPassing) {
  for (const char* code : {"TransactionConflictException", "ReplicatedWriteConflictException"}) {
    answer("{\"__type\":\"com.amazonaws.dynamodb.v20120810#" + std::string(code) + "\",\"message\":\"m\"}");
    const WriteResult result = update(change("b"));
    EXPECT_EQ(result.outcome, Outcome::unavailable);
    EXPECT_EQ(result.reason, std::string(code) + ": m");
  }
}

TEST_F(DynamoDbUpdateSinkTest, RefusesBeforeItSendsWhatCannotBeSent) {
  std::string members;
  for (int i = 0; i < 150; ++i) members += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + R"(":{"S":"v"})";
  WriteResult result = update(R"({"Key":{"pk":{"S":"k"}},"Before":{},"After":{)" + members + "}}");
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_THAT(result.reason, StartsWith("a change of 150 attributes does not fit into one UpdateItem"));
  EXPECT_FALSE(result.sent);
  result = update(R"({"Item":{"pk":{"S":"k"}}})");
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_THAT(result.reason, StartsWith("it is no change: "));
  EXPECT_EQ(server_.requests("UpdateItem"), 0u);
}

TEST_F(DynamoDbUpdateSinkTest, ReportsWhatTheServiceRefuses) {
  put("a");
  set([](Faults& faults) { faults.poison_attribute = "p"; });
  const WriteResult result = update(R"({"Key":{"pk":{"S":"k"}},"Before":{},"After":{"p":{"S":""}}})");
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_EQ(result.reason, "ValidationException: the item holds poison");
  answer(R"({"__type":"x#AccessDeniedException","message":"m"})");
  EXPECT_THROW(update(change("b")), Error);
}

constexpr const char* kFailed =
    R"({"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no")";

std::string failed_with(const std::string& item) {
  return kFailed + (item.empty() ? std::string() : ",\"Item\":" + item) + "}";
}

TEST_F(DynamoDbUpdateSinkTest, DoesNotTryForEverWhatTheServerComparesOtherwise) {
  const std::string document = R"({"Key":{"pk":{"S":"k"}},"Before":{"m":{"M":{"a":{"N":"1"}}}},"After":{}})";
  const std::string as_read = R"({"m":{"M":{"a":{"N":"1.0"}}},"pk":{"S":"k"}})";
  const std::string reason =
      "the server does not find the list or map 'm' equal to itself: it cannot be changed safely there";
  answer(failed_with(as_read));
  WriteResult result = update(document);
  EXPECT_EQ(std::pair(result.outcome, result.reason), std::pair(Outcome::invalid, reason));
  EXPECT_EQ(server_.requests("UpdateItem"), 1u);
  // Read by itself the item may have been changed back meanwhile.
  answer(failed_with(""), "{\"Item\":" + as_read + "}");
  result = update(document);
  EXPECT_EQ(std::pair(result.outcome, result.reason), std::pair(Outcome::invalid, reason));
  EXPECT_EQ(server_.requests("UpdateItem"), 3u);
  EXPECT_EQ(server_.requests("GetItem"), 2u);
  answer(failed_with(R"({"v":{"S":"a"},"pk":{"S":"k"}})"));
  result = update(change("b"));
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_EQ(result.reason, "the server says that the item has changed, but it is as it was read");
}

TEST_F(DynamoDbUpdateSinkTest, SendsAgainWhatFailedForAChangeThatIsUndone) {
  int updates = 0;
  set([&](Faults& faults) {
    faults.reply = [&](const std::string& operation, const std::string&) {
      if (operation == "GetItem") return Reply{200, R"({"Item":{"pk":{"S":"k"},"v":{"S":"a"}}})", {}};
      return ++updates == 1 ? Reply{400, failed_with(""), {}} : Reply{200, R"({"ConsumedCapacity":{}})", {}};
    };
  });
  const WriteResult result = update(change("b"));
  EXPECT_EQ(result.outcome, Outcome::done);
  EXPECT_THAT(result.conflicts, IsEmpty());
  EXPECT_EQ(result.units, 2);
  EXPECT_EQ(updates, 2);
}

TEST_F(DynamoDbUpdateSinkTest, TakesRepliesThatCannotBeTrueForAttemptsOfUnknownOutcome) {
  const std::vector<std::pair<std::string, std::string>> items = {
      {"5", "its Item is none"},
      {"[]", "its Item is none"},
      {"{}", "its Item is none"},
      {R"({"v":{"S":"z"}})", "its Item is none"},
      {R"({"pk":{"S":"k"},"v":{"S":"z","N":"1"}})", "its Item is none"},
      {R"({"pk":{"S":"k"},"v":{"S":"z"},"v":{"S":"z"}})", "its Item is none"},
      {R"({"pk":{"S":"other"},"v":{"S":"z"}})", R"(its Item has another key: {"pk":{"S":"other"}})"},
  };
  for (const auto& [item, problem] : items) {
    answer(failed_with(item));
    WriteResult result = update(change("b"));
    EXPECT_EQ(result.outcome, Outcome::unavailable) << item;
    EXPECT_EQ(result.reason, "malformed UpdateItem reply: " + problem);
    answer(failed_with(""), "{\"Item\":" + item + "}");
    result = update(change("b"));
    EXPECT_EQ(result.outcome, Outcome::unavailable) << item;
    EXPECT_EQ(result.reason, "malformed GetItem reply: " + problem);
    EXPECT_THAT(result.conflicts, IsEmpty());
  }
  for (const char* reply : {"", "[]", "nothing", "{\"ConsumedCapacity\":"}) {
    answer(reply);
    EXPECT_THAT(update(change("b")).reason, StartsWith("malformed UpdateItem reply: ")) << reply;
    answer(failed_with(""), reply);
    EXPECT_THAT(update(change("b")).reason, StartsWith("malformed GetItem reply: ")) << reply;
  }
}

TEST_F(DynamoDbUpdateSinkTest, BelievesNoObjectThatTheServiceWouldNotAnswer) {
  const std::vector<std::pair<std::string, std::string>> replies = {
      {"{}", "it has no ConsumedCapacity"},
      {R"({"message":"Service Unavailable"})", "it has no ConsumedCapacity"},
      {R"({"ConsumedCapacity":1})", "it has no ConsumedCapacity"},
      {R"({"ConsumedCapacity":{"CapacityUnits":1},"message":"Service Unavailable"})", "it has a member 'message'"},
  };
  put("a");
  for (const auto& [reply, problem] : replies) {
    answer(reply);
    WriteResult result = update(change("b"));
    EXPECT_EQ(result.outcome, Outcome::unavailable) << reply;
    EXPECT_EQ(result.reason, "malformed UpdateItem reply: " + problem);
    answer(failed_with(""), reply);
    result = update(change("b"), 5'000);
    EXPECT_EQ(result.outcome, Outcome::unavailable) << reply;
    EXPECT_EQ(result.reason, "malformed GetItem reply: " + problem);
    EXPECT_THAT(result.conflicts, IsEmpty());
    EXPECT_EQ(result.units, 5) << "of the condition that failed";
  }
  answer(R"({"Attributes":{},"ItemCollectionMetrics":{},"ConsumedCapacity":{"CapacityUnits":2}})");
  EXPECT_EQ(update(change("b")).units, 2);
}

TEST_F(DynamoDbUpdateSinkTest, NamesThePermissionThatReadingAConflictNeeds) {
  answer(failed_with(""), R"({"__type":"x#AccessDeniedException","message":"no"})");
  try {
    update(change("b"));
    FAIL() << "it was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(error.line(),
              "GetItem on table 'main' was refused: AccessDeniedException: no; dynamodb:GetItem is needed to read "
              "records that others have changed");
  }
}

// The server does what it is asked and breaks the connection, which was used before: libcurl sends it again.
TEST_F(DynamoDbUpdateSinkTest, SaysWhenAConnectionBrokeAndTheRequestWentOutAgain) {
  int updates = 0;
  set([&](Faults& faults) {
    faults.reply = [&](const std::string&, const std::string&) {
      Reply reply{200, R"({"ConsumedCapacity":{}})", {}};
      if (++updates == 2) reply.fault = Reply::Fault::abort;
      if (updates == 3) reply = {400, failed_with(R"({"v":{"S":"b"},"pk":{"S":"k"}})"), {}};
      return reply;
    };
  });
  const std::string line = change("b");
  Batch batch;
  batch.bytes.append(line);
  batch.records.emplace_back();
  batch.records[0].length = static_cast<std::uint32_t>(line.size());
  const RecordRef ref{&batch, 0};
  const auto session = DynamoDbUpdateSink(job_.client(server_.url("main")), test::kStringKey, {}).open();
  EXPECT_FALSE(session->write({&ref, 1}).resent);
  EXPECT_EQ(job_.stats.retried.load(), 0u);
  const WriteResult again = session->write({&ref, 1});
  expect_conflict(again, R"({"v":{"S":"b"},"pk":{"S":"k"}})");
  EXPECT_TRUE(again.resent);
  EXPECT_EQ(updates, 3);
  EXPECT_EQ(job_.stats.sent.load(), 3u);
  EXPECT_EQ(job_.stats.retried.load(), 1u);
  EXPECT_FALSE(session->write({&ref, 1}).resent);
}

// Connections that are kept break after requests have been carried out: every conflict is one with our own work, and
// the session says that it may be.
TEST_F(DynamoDbUpdateSinkTest, RecognisesAllOfItsOwnWorkWhenKeptConnectionsBreak) {
  constexpr int kItems = 200;
  for (int i = 0; i < kItems; ++i) {
    server_.put("main", R"({"pk":{"S":"k)" + std::to_string(i) + R"("},"v":{"S":"a"}})");
  }
  set([](Faults& faults) { faults.drop_after = 0.2; });
  const auto session = DynamoDbUpdateSink(job_.client(server_.url("main")), test::kStringKey, {}).open();
  int written = 0, resent = 0;
  for (int i = 0; i < kItems; ++i) {
    const std::string line =
        R"({"Key":{"pk":{"S":"k)" + std::to_string(i) + R"("}},"Before":{"v":{"S":"a"}},"After":{"v":{"S":"b"}}})";
    Batch batch;
    batch.bytes.append(line);
    batch.records.emplace_back();
    batch.records[0].length = static_cast<std::uint32_t>(line.size());
    const RecordRef ref{&batch, 0};
    WriteResult result;
    bool doubtful = false;
    do {
      result = session->write({&ref, 1});
      resent += result.resent ? 1 : 0;
      doubtful = doubtful || result.resent || result.outcome == Outcome::unavailable;
    } while (result.outcome == Outcome::unavailable);
    ASSERT_EQ(result.outcome, Outcome::done) << result.reason;
    if (result.conflicts.empty() || doubtful) ++written;
  }
  EXPECT_EQ(written, kItems);
  EXPECT_GT(resent, 0);
  EXPECT_EQ(job_.stats.retried.load(), static_cast<std::uint64_t>(resent));
  EXPECT_EQ(job_.stats.sent.load(), server_.requests("UpdateItem"));
  EXPECT_EQ(server_.updates(), static_cast<std::uint64_t>(kItems));
}

TEST(FoundItem, IsNeverAnotherThanADamagedReplySays) {
  std::mt19937 random(11);
  const std::string sound =
      R"({"ConsumedCapacity":{"CapacityUnits":1.5},"Item":{"pk":{"S":"k1"},"n":{"N":"12.5"},"s":{"SS":["a","b"]}}})";
  const std::string key = R"({"pk":{"S":"k1"}})";
  const FoundItem found = find_item(sound, test::kStringKey, key);
  EXPECT_EQ(found.item, R"({"pk":{"S":"k1"},"n":{"N":"12.5"},"s":{"SS":["a","b"]}})");
  EXPECT_EQ(found.read_units, 1.5);
  EXPECT_EQ(found.bytes, 4u + 4u + 3u);
  for (std::size_t length = 0; length < sound.size(); ++length) {
    EXPECT_NE(find_item(sound.substr(0, length), test::kStringKey, key).problem, "") << length;
  }
  ItemScanner scanner(&test::kStringKey);
  ItemFacts facts;
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = sound;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    const FoundItem one = find_item(damaged, test::kStringKey, key);
    if (!one.problem.empty()) {
      EXPECT_EQ(one.item, "");
    } else if (!one.item.empty()) {
      ASSERT_TRUE(scanner.scan(one.item, facts)) << damaged;
      EXPECT_EQ(scanner.key_text(), key);
    }
  }
}

TEST_F(DynamoDbUpdateSinkTest, KnowsWhatARequestTakesAndCosts) {
  const DynamoDbUpdateSink sink(job_.client(server_.url("main")), test::kStringKey, {});
  EXPECT_EQ(sink.limits().records, 1u);
  EXPECT_GE(sink.limits().under_way * sink.limits().sessions, 2'000u);
  Record record;
  for (const auto& [size, units] :
       std::vector<std::pair<std::uint32_t, double>>{{0, 1}, {1, 1}, {1024, 1}, {1025, 2}, {409'600, 400}}) {
    record.size_bytes = size;
    EXPECT_EQ(sink.estimate_units(record), units) << size;
  }
}

}  // namespace
}  // namespace bulk
