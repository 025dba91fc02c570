#include "io/aws_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/aws_home.h"
#include "tests/support/tiny_http_server.h"

namespace bulk {
namespace {

using test::AwsHome;
using test::TinyHttpServer;
using Fault = TinyHttpServer::Reply::Fault;

std::string keys(const std::string& expiration, const std::string& more = "") {
  return R"({"AccessKeyId":"ASIA","SecretAccessKey":"S","Token":"T","Expiration":")" + expiration + "\"" + more + "}";
}

class Container : public testing::Test {
 protected:
  Container() { home_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server_.url() + "/v2/creds?id=1"; }

  TinyHttpServer::Reply reply_{200, keys(test::minutes_from_now(60), R"(,"AccountId":"123")"), {}};
  TinyHttpServer server_{[this](const auto&) { return reply_; }};
  AwsHome home_;
};

TEST_F(Container, GivesCredentialsForTheToken) {
  home_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "plain";
  const AwsCredentials credentials = home_.get();
  EXPECT_EQ(credentials.access_key_id, "ASIA");
  EXPECT_EQ(credentials.session_token, "T");
  EXPECT_EQ(credentials.account_id, "123");
  EXPECT_TRUE(credentials.expires);
  home_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = home_.write("token", "from file");
  home_.get();
  ASSERT_EQ(server_.requests().size(), 2U);
  EXPECT_EQ(server_.requests()[0].method, "GET");
  EXPECT_EQ(server_.requests()[0].target, "/v2/creds?id=1");
  EXPECT_EQ(server_.requests()[0].header("accept"), "application/json");
  EXPECT_EQ(server_.requests()[0].header("authorization"), "plain");
  EXPECT_EQ(server_.requests()[1].header("authorization"), "from file");
}

TEST_F(Container, RefusesATokenWithALineBreak) {
  home_.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "toptoken\r\nX: y";
  EXPECT_EQ(home_.error(),
            "the container authorization token holds a line break; check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(Container, RefusesPlainHttpToOtherHosts) {
  for (const char* host : {"example.com", "127.0.0.1.example.com", "169.254.170.3", "10.0.0.1", "[fd00::1]"}) {
    home_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = std::string("http://") + host + "/secret";
    EXPECT_EQ(home_.error(), std::string("AWS_CONTAINER_CREDENTIALS_FULL_URI names the host ") + host +
                                 ", which plain http may not be used with; use https or a loopback address");
  }
  home_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "file:///etc/passwd";
  EXPECT_EQ(home_.error(), "AWS_CONTAINER_CREDENTIALS_FULL_URI is not an http or https URL");
  // The host of this one is example.com, whatever stands before the @.
  home_.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1@example.com/";
  EXPECT_THAT(home_.error(), testing::HasSubstr("names the host example.com,"));
  EXPECT_EQ(home_.kind, ErrorKind::usage);
}

TEST_F(Container, TellsABadAnswer) {
  reply_ = {404, R"({"code":"x","message":"topsecret"})", {}};
  EXPECT_EQ(home_.error(),
            "the container credentials endpoint answered with HTTP status 404; check the task's or pod's role");
  reply_ = {200, R"({"SecretAccessKey":"topsecret"})", {}};
  EXPECT_EQ(home_.error(), "the container credentials endpoint sent no AccessKeyId");
  reply_ = {200, "topsecret", {}};
  EXPECT_EQ(home_.error(), "the container credentials endpoint sent no JSON object");
  reply_ = {200, std::string(100000, '['), {}};
  EXPECT_EQ(home_.error(), "the container credentials endpoint sent no JSON object");
  EXPECT_EQ(home_.kind, ErrorKind::remote);
}

TEST_F(Container, TriesThreeTimes) {
  reply_ = {200, "", {}, Fault::raw};
  EXPECT_THAT(home_.error(), testing::StartsWith("the container credentials endpoint did not answer: 127.0.0.1:"));
  EXPECT_EQ(server_.requests().size(), 3U);
}

// A fake of the instance metadata service.
class Instance : public testing::Test {
 protected:
  Instance() {
    home_.variables.erase("AWS_EC2_METADATA_DISABLED");
    home_.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server_.url();
  }

  TinyHttpServer::Reply answer(const TinyHttpServer::Request& request) {
    if (request.target == "/latest/api/token") return token_;
    if (request.target == "/latest/meta-data/iam/security-credentials/") return role_;
    if (request.target == "/latest/meta-data/iam/security-credentials/my-role") return keys_;
    return {500, "", {}};
  }
  std::string absence(const std::string& why) {
    const std::string error = home_.error();
    return error.find("EC2 instance metadata (" + why + ")") != std::string::npos ? "as expected" : error;
  }

  TinyHttpServer::Reply token_{200, "TOKEN", {}};
  TinyHttpServer::Reply role_{200, "my-role\n", {}};
  TinyHttpServer::Reply keys_{200, keys(test::minutes_from_now(60), R"(,"Code":"Success")"), {}};
  TinyHttpServer server_{[this](const auto& request) { return answer(request); }};
  AwsHome home_;
};

TEST_F(Instance, GivesCredentialsThroughVersion2) {
  EXPECT_EQ(home_.get().access_key_id, "ASIA");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].method, "PUT");
  EXPECT_EQ(requests[0].header("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(requests[1].header("x-aws-ec2-metadata-token"), "TOKEN");
  EXPECT_EQ(requests[2].header("x-aws-ec2-metadata-token"), "TOKEN");
}

TEST_F(Instance, FallsBackToVersion1) {
  for (const int status : {403, 404, 405}) {
    token_.status = status;
    EXPECT_EQ(home_.get().access_key_id, "ASIA");
    EXPECT_EQ(server_.requests().back().header("x-aws-ec2-metadata-token"), "");
  }
  home_.variables["AWS_METADATA_SERVICE_TIMEOUT"] = "0.1";
  token_ = {200, "", {}, Fault::hang};
  EXPECT_EQ(home_.get().access_key_id, "ASIA");
  home_.variables["AWS_EC2_METADATA_V1_DISABLED"] = "true";
  EXPECT_EQ(absence("no token from 127.0.0.1, and version 1 is disabled"), "as expected");
}

TEST_F(Instance, DoesNotFallBackWhenTheTokenRequestWasWrong) {
  token_.status = 400;
  EXPECT_EQ(home_.error(), "EC2 instance metadata refused the token request (HTTP 400)");
  EXPECT_EQ(home_.kind, ErrorKind::remote);
}

TEST_F(Instance, SaysWhyThereAreNoCredentials) {
  role_.status = 404;
  EXPECT_EQ(absence("the instance has no role"), "as expected");
  EXPECT_EQ(home_.kind, ErrorKind::usage);
  role_.status = 401;
  EXPECT_EQ(absence("127.0.0.1 answered with HTTP status 401"), "as expected");
  token_.status = 500;
  EXPECT_EQ(absence("no answer from 127.0.0.1"), "as expected");
  home_.variables["AWS_EC2_METADATA_DISABLED"] = "TRUE";
  EXPECT_EQ(absence("turned off by AWS_EC2_METADATA_DISABLED"), "as expected");
  home_.variables.erase("AWS_EC2_METADATA_DISABLED");
  home_.variables["AWS_METADATA_SERVICE_TIMEOUT"] = "soon";
  EXPECT_EQ(home_.error(), "AWS_METADATA_SERVICE_TIMEOUT is not a sensible number");
}

TEST_F(Instance, TellsAnAnswerWithoutKeys) {
  keys_.body = R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot\nassume the role"})";
  EXPECT_EQ(home_.error(), "EC2 instance metadata: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role");
  keys_.status = 404;
  EXPECT_EQ(home_.error(), "EC2 instance metadata gave no keys for its role: HTTP status 404; try again");
}

TEST_F(Instance, GoesOnWithOldKeysThatTheServiceHandsOut) {
  keys_.body = keys("2020-01-01T00:00:00Z");
  CredentialProvider& chain = home_.chain();
  const AwsCredentials credentials = chain.get();
  const auto left = *credentials.expires - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::minutes(31));
  EXPECT_LT(left, std::chrono::minutes(41));
  chain.get();
  EXPECT_EQ(server_.requests().size(), 3U);
}

TEST_F(Instance, ServesAsTheSourceOfARole) {
  home_.write(".aws/config", "[profile r]\nrole_arn = arn:r\ncredential_source = Ec2InstanceMetadata\n");
  role_.status = 404;
  EXPECT_EQ(
      home_.error("r"),
      "no credentials from EC2 instance metadata: the instance has no role; check credential_source of the profile");
}

}  // namespace
}  // namespace bulk
