// Each fault of the fault-injecting server does what it says, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "io/http.h"
#include "tests/fault_server.h"

namespace bulk::test {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

constexpr const char* kTable = R"({"TableName":"t","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],)"
                               R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]})";
constexpr const char* kFivePuts =
    R"({"RequestItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"0"}}}},)"
    R"({"PutRequest":{"Item":{"pk":{"S":"1"}}}},{"PutRequest":{"Item":{"pk":{"S":"2"}}}},)"
    R"({"PutRequest":{"Item":{"pk":{"S":"3"}}}},{"PutRequest":{"Item":{"pk":{"S":"4"}}}}]}})";

class FaultTest : public ::testing::Test {
 protected:
  FaultTest() { server_.create_table(kTable); }

  HttpResult put_five(const std::string& signed_at = "", const std::string& access_key = "") {
    HttpRequest request;
    request.url = server_.endpoint();
    request.headers = {{"x-amz-target", "DynamoDB_20120810.BatchWriteItem"}};
    if (!signed_at.empty()) request.headers.emplace_back("x-amz-date", signed_at);
    if (!access_key.empty()) {
      request.headers.emplace_back("authorization", "AWS4-HMAC-SHA256 Credential=" + access_key + "/x, y");
    }
    request.body = kFivePuts;
    request.timeouts.stall_ms = 50;
    request.fresh_connection = true;
    return client_.send(request);
  }
  HttpResult put_five(double Faults::*fault) {
    Faults faults;
    faults.seed = ++seed_;
    faults.*fault = 1;
    server_.set(faults);
    return put_five();
  }
  static std::string text(const HttpResult& result) { return std::string(result.reply.body.view()); }
  std::size_t written() const { return server_.items("t").size(); }

  Stop stop_;
  HttpClient client_{stop_, "test"};
  FaultServer server_;
  std::uint64_t seed_ = 0;
};

TEST_F(FaultTest, ThrottlesWithEveryCodeAndItsOwnSpellingOfTheReasons) {
  std::set<std::string> seen;
  for (int i = 0; i < 60; ++i) {
    const HttpResult result = put_five(&Faults::throttle);
    EXPECT_EQ(result.reply.status, 400);
    seen.insert(text(result));
  }
  std::vector<std::string> expected;
  for (const char* code : {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}) {
    const std::string error =
        std::string(R"({"__type":"com.amazonaws.dynamodb.v20120810#)") + code + R"(","message":"slow down")";
    const bool lower = std::string(code) == "ThrottlingException";
    expected.push_back(error + (lower ? ",\"throttlingReasons\"" : ",\"ThrottlingReasons\"") +
                       R"(:[{"reason":"TableWriteProvisionedThroughputExceeded",)"
                       R"("resource":"arn:aws:dynamodb:us-east-1:000000000000:table/t"}]})");
    expected.push_back(error + "}");
  }
  EXPECT_THAT(std::vector<std::string>(seen.begin(), seen.end()), testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(written(), 0u);
}

TEST_F(FaultTest, IsUnavailableInEveryWayAndDoesNothing) {
  std::set<std::string> bodies;
  for (int i = 0; i < 60; ++i) {
    const HttpResult result = put_five(&Faults::unavailable);
    EXPECT_THAT(result.reply.status, AnyOf(500, 502, 503, 504));
    bodies.insert(text(result).substr(0, 5));
  }
  EXPECT_THAT(bodies, ElementsAre("", "<html", "{\"__t"));
  EXPECT_EQ(written(), 0u);
}

TEST_F(FaultTest, AnswersWithAnErrorWhatItHasDone) {
  const HttpResult result = put_five(&Faults::error_after);
  EXPECT_EQ(result.reply.status, 500);
  EXPECT_EQ(written(), 5u);
}

TEST_F(FaultTest, WritesPartOfABatchAndResets) {
  EXPECT_EQ(put_five(&Faults::partial_write).failure, HttpFailure::broken);
  EXPECT_GE(written(), 1u);
  EXPECT_LT(written(), 5u);
}

TEST_F(FaultTest, SendsLessThanItAnnounced) {
  const HttpResult result = put_five(&Faults::truncate);
  EXPECT_EQ(result.failure, HttpFailure::broken);
  EXPECT_THAT(result.detail, HasSubstr("reply ended early"));
  EXPECT_EQ(written(), 5u);
}

TEST_F(FaultTest, FallsSilentBeforeTheReplyOrInTheMiddleOfIt) {
  EXPECT_EQ(put_five(&Faults::hang).failure, HttpFailure::timeout);
  EXPECT_EQ(put_five(&Faults::stall).failure, HttpFailure::timeout);
  EXPECT_EQ(written(), 5u);
  std::set<std::size_t> counts;  // a request that hangs has been carried out or not
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    Dice dice(seed, 1);
    counts.insert(dice.pick(FaultKind::hang, 2));
  }
  EXPECT_THAT(counts, ElementsAre(0, 1));
}

TEST_F(FaultTest, SendsAGoodReplySlowly) {
  const HttpResult result = put_five(&Faults::dribble);
  EXPECT_EQ(result.failure, HttpFailure::none);
  EXPECT_THAT(text(result), HasSubstr("\"UnprocessedItems\":{}"));
}

TEST_F(FaultTest, CompressesRepliesWellOrBadly) {
  const HttpResult good = put_five(&Faults::gzip);
  EXPECT_EQ(good.reply.header("content-encoding"), "gzip");
  EXPECT_THAT(text(good), testing::StartsWith("\x1f\x8b"));
  const HttpResult bad = put_five(&Faults::corrupt_gzip);
  EXPECT_EQ(bad.reply.header("content-encoding"), "gzip");
  EXPECT_NE(text(good), text(bad));
}

TEST_F(FaultTest, BreaksTheJsonButNeverIntoOtherJson) {
  for (int i = 0; i < 30; ++i) {
    rapidjson::Document document;
    document.Parse(text(put_five(&Faults::cut_json)).c_str());
    EXPECT_TRUE(document.HasParseError());
  }
}

TEST_F(FaultTest, ExpiresAnAccessKeyForGood) {
  Faults faults;
  faults.expire = 1;
  server_.set(faults);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(put_five("", "OLD").reply.status, 200);
  EXPECT_THAT(text(put_five("", "OLD")), HasSubstr("ExpiredTokenException"));
  server_.set({});
  EXPECT_EQ(text(put_five("", "OLD")), R"({"__type":"com.amazonaws.dynamodb.v20120810#ExpiredTokenException",)"
                                       R"("message":"The security token included in the request is expired"})");
  EXPECT_EQ(put_five("", "NEW").reply.status, 200);
  ASSERT_EQ(server_.injected().size(), 1u);
  EXPECT_EQ(server_.injected()[0], (FaultServer::Injected{21, "BatchWriteItem", FaultKind::expire}));
}

TEST_F(FaultTest, RefusesSignaturesOutsideOfItsQuarterOfAnHour) {
  EXPECT_THAT(text(put_five("20200101T000000Z")),
              MatchesRegex(".*\"message\":\"Signature expired: 20200101T000000Z is now earlier than "
                           "[0-9]{8}T[0-9]{6}Z \\([0-9]{8}T[0-9]{6}Z - 15 min\\.\\)\"}"));
  EXPECT_THAT(
      text(put_five("20990101T000000Z")),
      MatchesRegex(".*#InvalidSignatureException\",\"message\":\"Signature not yet current: 20990101T000000Z is "
                   "still later than [0-9]{8}T[0-9]{6}Z \\([0-9]{8}T[0-9]{6}Z \\+ 15 min\\.\\)\"}"));
  EXPECT_EQ(written(), 0u);
  Faults faults;
  faults.clock_offset_s = -200'000'000;  // about six years back
  server_.set(faults);
  EXPECT_THAT(std::string(put_five().reply.header("date").value_or("")), HasSubstr(" GMT"));
  EXPECT_THAT(text(put_five("20990101T000000Z")), HasSubstr("Signature not yet current"));
}

TEST_F(FaultTest, GivesEveryKindItsOwnDice) {
  for (std::uint64_t request = 0; request < 50; ++request) {
    Dice alone(7, request);
    Dice together(7, request);
    together.happens(FaultKind::gzip, 0.5);
    together.pick(FaultKind::hang, 3);
    EXPECT_EQ(alone.happens(FaultKind::throttle, 0.5), together.happens(FaultKind::throttle, 0.5));
  }
  int happened = 0;
  for (std::uint64_t request = 0; request < 10'000; ++request) {
    happened += Dice(1, request).happens(FaultKind::stall, 0.25) ? 1 : 0;
  }
  EXPECT_GT(happened, 2'300);
  EXPECT_LT(happened, 2'700);
}

TEST_F(FaultTest, KnowsWhatIsNotAsItShouldBe) {
  put_five();
  const std::vector<std::string> all = server_.items("t");
  EXPECT_EQ(server_.differences("t", all), "");
  EXPECT_EQ(server_.differences("t", {all[0], all[1]}),
            R"(t: 3 items differ; not expected: {"S":"2"} ; not expected: {"S":"3"} ; not expected: {"S":"4"} )");
  std::vector<std::string> more = all;
  more.push_back(R"({"Item":{"pk":{"S":"5"}}})");
  EXPECT_EQ(server_.differences("t", more), R"(t: 1 items differ; missing: {"S":"5"} )");
  EXPECT_EQ(server_.differences("t", more, FaultServer::Held::some), "");
  std::vector<std::string> changed = all;
  changed[3] = R"({"v":{"S":""},"pk":{"S":"3"}})";
  EXPECT_EQ(server_.differences("t", changed), R"(t: 1 items differ; other content: {"S":"3"} )");
  changed = all;
  changed.push_back(all[2]);
  EXPECT_EQ(server_.differences("t", changed), R"(t: 1 items differ; expected twice: {"S":"2"} )");
  EXPECT_EQ(server_.differences("x", {}), "there is no table x");
}

TEST_F(FaultTest, NoticesWhenAnAcknowledgedPutIsRepeated) {
  put_five(&Faults::wrong_crc);
  put_five(&Faults::gzip);
  EXPECT_THAT(server_.put_again("t"), IsEmpty());
  put_five(&Faults::dribble);
  EXPECT_EQ(server_.put_again("t").size(), 5u);
  EXPECT_EQ(server_.puts(), 15u);
}

}  // namespace
}  // namespace bulk::test
