#include "backends/dynamodb/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.line();
  }
  return "no error";
}

TEST(TableAddress, IsANameOrAnArn) {
  EXPECT_EQ(TableAddress::parse("pr-5-main_table.v2").name, "pr-5-main_table.v2");
  const TableAddress address = TableAddress::parse("arn:aws-cn:dynamodb:cn-north-1:123456789012:table/main");
  EXPECT_EQ(address.name, "main");
  EXPECT_EQ(address.region, "cn-north-1");
  EXPECT_EQ(address.account, "123456789012");
}

TEST(TableAddress, RefusesWhatTheServiceWouldNotTake) {
  EXPECT_EQ(refusal_of([] { TableAddress::parse("ab"); }),
            "'ab' is no name of a DynamoDB table; it has 3 to 255 letters, digits, '_', '.' and '-'");
  EXPECT_EQ(refusal_of([] { TableAddress::parse("main/table"); }),
            "'main/table' is no name of a DynamoDB table; it has 3 to 255 letters, digits, '_', '.' and '-'");
  EXPECT_NE(refusal_of([] { TableAddress::parse(std::string(256, 'a')); }), "no error");
  EXPECT_EQ(refusal_of([] { TableAddress::parse("arn:aws:s3:::bucket"); }),
            "'arn:aws:s3:::bucket' is no table's ARN; it is arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME");
}

TEST(HttpOrigin, HasTheHostHeaderThatCurlSends) {
  EXPECT_EQ(parse_origin("http://LocalHost:8000").host, "localhost:8000");
  EXPECT_EQ(parse_origin("http://localhost:80/").host, "localhost");
  EXPECT_EQ(parse_origin("https://dynamodb.eu-west-1.amazonaws.com:443").host, "dynamodb.eu-west-1.amazonaws.com");
  EXPECT_EQ(parse_origin("https://host:80").host, "host:80");
  EXPECT_EQ(parse_origin("http://[::1]:8000/base/").host, "[::1]:8000");
  EXPECT_EQ(parse_origin("http://[::1]:8000/base/").path, "/base/");
  EXPECT_EQ(parse_origin("http://host").path, "/");
}

TEST(HttpOrigin, KnowsThisMachineAndTheService) {
  for (const char* url :
       {"http://localhost", "http://127.0.0.1:1", "http://127.8.8.8", "http://[::1]", "http://a.localhost"}) {
    EXPECT_TRUE(parse_origin(url).loopback) << url;
    EXPECT_FALSE(parse_origin(url).aws) << url;
  }
  for (const char* url : {"https://dynamodb.us-east-1.amazonaws.com", "https://123456789012.ddb.eu-west-1.api.aws"}) {
    EXPECT_TRUE(parse_origin(url).aws) << url;
    EXPECT_FALSE(parse_origin(url).loopback) << url;
  }
  EXPECT_FALSE(parse_origin("https://amazonaws.com.example.org").aws);
}

TEST(HttpOrigin, RefusesUnsoundUrlsAndNeverRepeatsAPassword) {
  EXPECT_EQ(refusal_of([] { parse_origin("http://user:secret@host"); }),
            "an endpoint URL takes no user name or password; credentials come from the environment or a profile");
  EXPECT_EQ(
      refusal_of([] { parse_origin("host:8000"); }),
      "endpoint URL 'host:8000' begins neither with http:// nor with https://; its form is http[s]://HOST[:PORT]");
  EXPECT_EQ(refusal_of([] { parse_origin("http://host:80a"); }),
            "endpoint URL 'http://host:80a' has no sound port; its form is http[s]://HOST[:PORT]");
  EXPECT_EQ(refusal_of([] { parse_origin("http:///x"); }),
            "endpoint URL 'http:///x' names no host; its form is http[s]://HOST[:PORT]");
  EXPECT_EQ(refusal_of([] { parse_origin("http://host/?a=b"); }),
            "endpoint URL 'http://host/?a=b' has a query or a fragment; its form is http[s]://HOST[:PORT]");
  EXPECT_EQ(
      refusal_of([] { parse_origin("http://ho st"); }),
      "endpoint URL 'http://ho st' holds characters that must be percent-encoded; its form is http[s]://HOST[:PORT]");
}

}  // namespace
}  // namespace bulk
