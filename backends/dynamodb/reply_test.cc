#include "backends/dynamodb/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <rapidjson/document.h>

#include <memory>

#include "tests/support/shared.h"

namespace bulk {
namespace {

using Kind = DynamoDbReply::Kind;

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string gzip(const std::string& text) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(6), &libdeflate_free_compressor);
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), text.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor.get(), text.data(), text.size(), out.data(), out.size()));
  return out;
}

HttpReply http_reply(const std::string& body, std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpReply reply;
  reply.status = 200;
  reply.headers = std::move(headers);
  reply.body.append(body);
  return reply;
}

DynamoDbReply classified(int status, const std::string& body,
                         std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpResult result;
  result.reply = http_reply(body, std::move(headers));
  result.reply.status = status;
  return classify_reply(result);
}

TEST(UnpackReply, PassesTheChecksumVectorsPlainAndCompressed) {
  BULK_REQUIRE_SHARED("vectors/crc32.json");
  rapidjson::Document vectors;
  vectors.Parse(test::read_file(test::shared_file("vectors/crc32.json")).c_str());
  ASSERT_TRUE(vectors.IsArray());
  ASSERT_GE(vectors.Size(), 5u);
  for (const auto& vector : vectors.GetArray()) {
    const std::string body(vector["body_utf8"].GetString(), vector["body_utf8"].GetStringLength());
    HttpReply plain = http_reply(body, {{"x-amz-crc32", vector["x_amz_crc32"].GetString()}});
    EXPECT_EQ(unpack_reply(plain), "");
    EXPECT_EQ(plain.body.view(), body);
    HttpReply packed = http_reply(
        from_hex(vector["gzip_hex"].GetString()),
        {{"x-amz-crc32", vector["x_amz_crc32_when_sent_gzipped"].GetString()}, {"content-encoding", "gzip"}});
    EXPECT_EQ(unpack_reply(packed), "");
    EXPECT_EQ(packed.body.view(), body);
  }
}

TEST(UnpackReply, ReportsAWrongOrUnreadableChecksum) {
  HttpReply wrong = http_reply("{}", {{"x-amz-crc32", "2745614148"}});
  EXPECT_EQ(unpack_reply(wrong), "the reply's checksum is wrong (2745614147, the service says 2745614148)");
  for (const char* text : {"", "x", "27456141470", "2745614147 ", "-1"}) {
    HttpReply reply = http_reply("{}", {{"x-amz-crc32", text}});
    EXPECT_NE(unpack_reply(reply), "") << text;
  }
}

TEST(UnpackReply, RefusesCompressedBodiesThatAreDamagedAtAnyPlace) {
  const std::string packed = gzip(std::string(10'000, 'a') + "the end");
  for (std::size_t length = 0; length < packed.size(); ++length) {
    HttpReply reply = http_reply(packed.substr(0, length), {{"content-encoding", "gzip"}});
    EXPECT_EQ(unpack_reply(reply), "the reply's compressed body is malformed") << length;
  }
  HttpReply longer = http_reply(packed + "x", {{"content-encoding", "gzip"}});
  EXPECT_NE(unpack_reply(longer), "");
}

TEST(UnpackReply, TakesNoMoreMemoryThanItsBound) {
  std::string packed = gzip("small");
  for (std::size_t i = packed.size() - 4; i < packed.size(); ++i) packed[i] = '\xff';  // "4 GiB"
  HttpReply reply = http_reply(packed, {{"content-encoding", "gzip"}});
  EXPECT_EQ(unpack_reply(reply), "the reply's compressed body is malformed");
}

TEST(UnpackReply, RefusesEncodingsThatWereNotAskedFor) {
  HttpReply reply = http_reply("{}", {{"content-encoding", "br"}});
  EXPECT_EQ(unpack_reply(reply), "the reply is encoded as 'br'");
}

TEST(ClassifyReply, GoesByTheCodeAndThenByTheStatus) {
  struct Case {
    int status;
    std::string type;
    Kind kind;
  };
  const std::vector<Case> cases = {
      {400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", Kind::throttled},
      {400, "com.amazon.coral.availability#ThrottlingException", Kind::throttled},
      {400, "RequestLimitExceeded", Kind::throttled},
      {503, "SlowDown", Kind::throttled},
      {400, "LimitExceededException:http://internal/", Kind::throttled},
      {500, "InternalServerError", Kind::transient},
      {503, "ServiceUnavailable", Kind::transient},
      {409, "ReplicatedWriteConflictException", Kind::transient},
      {400, "com.amazon.coral.validate#ValidationException", Kind::refused},
      {400, "ResourceNotFoundException", Kind::refused},
      {403, "AccessDeniedException", Kind::refused},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(classified(c.status, "{\"__type\":\"" + c.type + "\"}").kind, c.kind) << c.type;
  }
  EXPECT_EQ(classified(400, "{\"__type\":\"a.b#ValidationException:http://x/\"}").code, "ValidationException");
  EXPECT_EQ(classified(429, "").kind, Kind::throttled);
  EXPECT_EQ(classified(502, "<html>").kind, Kind::transient);
}

TEST(ClassifyReply, ReadsBothSpellingsOfTheMessageAndFallsBackToTheStatus) {
  EXPECT_EQ(classified(400, R"({"__type":"x#SerializationException","Message":"why"})").text(),
            "SerializationException: why");
  EXPECT_EQ(classified(400, R"({"__type":"x#ValidationException","message":"why"})").text(),
            "ValidationException: why");
  EXPECT_EQ(classified(413, "").text(), "413");
  EXPECT_EQ(classified(404, "<h1>not\nhere</h1>").text(), "404: <h1>not here</h1>");
  EXPECT_EQ(classified(400, "{}", {{"x-amzn-errortype", "ValidationException:"}}).code, "ValidationException");
}

TEST(ClassifyReply, SurvivesErrorBodiesOfAnyShape) {
  for (const char* body :
       {"[]", "null", "{\"__type\":5,\"message\":[]}", "{\"__type\":\"\"}", "{\"__type\"", "\xff\xfe"}) {
    const DynamoDbReply reply = classified(400, body);
    EXPECT_EQ(reply.kind, Kind::refused) << body;
    EXPECT_EQ(reply.code, "400") << body;
  }
  EXPECT_EQ(classified(400, std::string(100'000, '[')).kind, Kind::refused);
}

TEST(ClassifyReply, TellsAHotPartitionFromATableThatIsOverItsCapacity) {
  const auto key_range = [](const std::string& reasons, const std::string& member = "ThrottlingReasons") {
    const DynamoDbReply reply =
        classified(400, R"({"__type":"x#ProvisionedThroughputExceededException",")" + member + "\":" + reasons + "}");
    EXPECT_EQ(reply.kind, Kind::throttled) << reasons;
    return reply.key_range;
  };
  const std::string partition = R"({"reason":"TableWriteKeyRangeThroughputExceeded","resource":"arn:aws:x"})";
  const std::string table = R"({"reason":"TableWriteProvisionedThroughputExceeded"})";
  const std::string index = R"({"reason":"IndexWriteKeyRangeThroughputExceeded"})";
  EXPECT_TRUE(key_range("[" + partition + "]"));
  EXPECT_TRUE(key_range("[" + partition + "," + partition + "]", "throttlingReasons"));
  EXPECT_FALSE(key_range("[" + table + "]"));
  EXPECT_FALSE(key_range("[" + partition + "," + table + "]"));
  EXPECT_FALSE(key_range("[" + index + "]"));
  for (const char* none : {"[]", "null", "{}", "[5]", R"([{"reason":7}])"}) EXPECT_FALSE(key_range(none)) << none;
}

TEST(ClassifyReply, TakesAnErrorThatIsDamagedForNoAnswer) {
  const std::vector<std::pair<std::string, std::string>> ours = {{"content-type", "application/x-amz-json-1.0"}};
  const DynamoDbReply cut = classified(400, R"({"__type":"x#ProvisionedThroughputEx)", ours);
  EXPECT_EQ(cut.kind, Kind::transient);
  EXPECT_EQ(cut.code, "malformed reply");
  EXPECT_NE(cut.message, "");
  EXPECT_EQ(classified(400, "upstream connect error", ours).kind, Kind::transient);
  EXPECT_EQ(classified(413, "", ours).kind, Kind::refused);
  EXPECT_EQ(classified(400, R"({"__type":"x#ValidationException"})", ours).kind, Kind::refused);
  EXPECT_EQ(classified(403, "<html>", {{"content-type", "text/html"}}).kind, Kind::refused);
}

TEST(ClassifyReply, TurnsFailuresOfTransportIntoOutcomes) {
  for (const auto& [failure, kind] : std::vector<std::pair<HttpFailure, Kind>>{{HttpFailure::connect, Kind::transient},
                                                                               {HttpFailure::timeout, Kind::transient},
                                                                               {HttpFailure::broken, Kind::transient},
                                                                               {HttpFailure::tls, Kind::transient},
                                                                               {HttpFailure::resolve, Kind::transient},
                                                                               {HttpFailure::bad_url, Kind::refused},
                                                                               {HttpFailure::too_large, Kind::refused},
                                                                               {HttpFailure::stopped, Kind::stopped}}) {
    HttpResult result;
    result.failure = failure;
    result.detail = "why";
    const DynamoDbReply reply = classify_reply(result);
    EXPECT_EQ(reply.kind, kind);
    EXPECT_EQ(reply.message, "why");
  }
}

TEST(Presentable, IsOneBoundedLineWithoutTheCanonicalRequest) {
  EXPECT_EQ(presentable("a\nb\tc \r\n"), "a b c");
  EXPECT_EQ(presentable("The signature does not match. The Canonical String for this request should have been "
                        "'POST / x-amz-security-token:secret'"),
            "The signature does not match.");
  EXPECT_EQ(presentable(std::string(399, 'a') + "\xc3\xa9 and more"), std::string(399, 'a') + "...");
}

}  // namespace
}  // namespace bulk
