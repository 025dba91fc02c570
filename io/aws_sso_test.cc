#include "io/aws_sso.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/aws_home.h"
#include "tests/support/tiny_http_server.h"

namespace bulk {
namespace {

using test::AwsHome;
using test::TinyHttpServer;

// SHA-1 of "my-sso" and of the start URL: the names that the AWS CLI gives to token files.
constexpr const char* kSessionFile = ".aws/sso/cache/0ad374308c5a4e22f723adf10145eafad7c4031c.json";
constexpr const char* kUrlFile = ".aws/sso/cache/3947de8b16688092197fa616c34e01335f21d256.json";

class Sso : public testing::Test {
 protected:
  Sso() {
    home_.variables["AWS_ENDPOINT_URL_SSO"] = server_.url();
    home_.variables["AWS_ENDPOINT_URL_SSO_OIDC"] = server_.url();
    home_.write(".aws/config",
                "[profile new]\nsso_session = my-sso\nsso_account_id = 123456789012\nsso_role_name = Read Only\n"
                "[sso-session my-sso]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n"
                "[profile old]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n"
                "sso_account_id = 1\nsso_role_name = r\n"
                "[profile clash]\nsso_session = my-sso\nsso_account_id = 1\nsso_role_name = r\nsso_region = us-east-1\n"
                "[profile lost]\nsso_session = gone\nsso_account_id = 1\nsso_role_name = r\n"
                "[profile half]\nsso_session = my-sso\nsso_account_id = 1\n");
  }
  std::string token_file(const char* name, int minutes_left) {
    return home_.write(name,
                       R"({"startUrl":"s","accessToken":"toptoken","refreshToken":"toprefresh","clientId":"ci",)"
                       R"("clientSecret":"topclient","registrationExpiresAt":"2199-01-01T00:00:00Z","expiresAt":")" +
                           test::minutes_from_now(minutes_left) + "\",\"extra\":{\"a\":[1]}}");
  }
  TinyHttpServer::Reply answer(const TinyHttpServer::Request& request) {
    return request.target == "/token" ? refreshed_ : keys_;
  }

  TinyHttpServer::Reply refreshed_{
      200, R"({"accessToken":"newtoken","expiresIn":28800,"refreshToken":"newrefresh"})", {}};
  TinyHttpServer::Reply keys_{200,
                              R"({"roleCredentials":{"accessKeyId":"ASIA","secretAccessKey":"S","sessionToken":"T",)"
                              R"("expiration":7226582400000}})",
                              {}};
  TinyHttpServer server_{[this](const auto& request) { return answer(request); }};
  AwsHome home_;
};

TEST_F(Sso, BuysTheRolesKeysWithTheCachedToken) {
  token_file(kSessionFile, 60);
  const AwsCredentials credentials = home_.get("new");
  EXPECT_EQ(credentials.access_key_id, "ASIA");
  EXPECT_EQ(credentials.session_token, "T");
  EXPECT_EQ(credentials.account_id, "123456789012");
  ASSERT_TRUE(credentials.expires);
  EXPECT_EQ(utc_iso8601(*credentials.expires), "2199-01-01T00:00:00Z");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].target, "/federation/credentials?role_name=Read%20Only&account_id=123456789012");
  EXPECT_EQ(requests[0].header("x-amz-sso_bearer_token"), "toptoken");
  EXPECT_EQ(requests[0].header("authorization"), "");
}

TEST_F(Sso, RefreshesATokenThatIsAboutToExpireAndKeepsIt) {
  for (const int minutes_left : {10, -10}) {
    const std::string path = token_file(kSessionFile, minutes_left);
    home_.get("new");
    const auto requests = server_.requests();
    EXPECT_EQ(
        requests[requests.size() - 2].body,
        R"({"grantType":"refresh_token","clientId":"ci","clientSecret":"topclient","refreshToken":"toprefresh"})");
    EXPECT_EQ(requests.back().header("x-amz-sso_bearer_token"), "newtoken");
    std::ifstream in(path);
    const std::string stored{std::istreambuf_iterator<char>(in), {}};
    EXPECT_THAT(stored, testing::HasSubstr(R"("accessToken":"newtoken","refreshToken":"newrefresh")"));
    EXPECT_THAT(stored, testing::HasSubstr(R"("extra":{"a":[1]})"));
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    const std::size_t before = server_.requests().size();
    home_.get("new");
    EXPECT_EQ(server_.requests().size(), before + 1) << "no second refresh";
  }
}

TEST_F(Sso, GoesOnWithAValidTokenWhenTheRefreshIsRefused) {
  token_file(kSessionFile, 10);
  refreshed_ = {400, R"({"error":"invalid_grant"})", {}};
  EXPECT_EQ(home_.get("new").access_key_id, "ASIA");
  EXPECT_EQ(server_.requests().back().header("x-amz-sso_bearer_token"), "toptoken");
}

TEST_F(Sso, SaysHowToSignInAgain) {
  const std::string expired = "SSO session expired (profile \"new\"); run aws sso login --profile new";
  EXPECT_EQ(home_.error("new"), "not signed in to SSO (profile \"new\"); run aws sso login --profile new");
  EXPECT_EQ(home_.kind, ErrorKind::usage);
  token_file(kSessionFile, -10);
  refreshed_ = {400, R"({"error":"invalid_grant"})", {}};
  EXPECT_EQ(home_.error("new"), expired);
  token_file(kSessionFile, 60);
  keys_.status = 401;
  EXPECT_EQ(home_.error("new"), expired);
  token_file(kUrlFile, -10);
  const std::size_t before = server_.requests().size();
  EXPECT_EQ(home_.error("old"), "SSO session expired (profile \"old\"); run aws sso login --profile old");
  EXPECT_EQ(server_.requests().size(), before) << "the older form cannot refresh";
  const std::string path = home_.write(kSessionFile, "{\"accessToken\":\"toptoken\"");
  EXPECT_EQ(home_.error("new"),
            "the SSO token file " + path + " is not valid (profile \"new\"); run aws sso login --profile new");
  home_.write(kSessionFile, "{\"accessToken\":\"toptoken\"}");
  EXPECT_EQ(home_.error("new"), expired);
}

TEST_F(Sso, KnowsTheOlderForm) {
  token_file(kUrlFile, 10);
  EXPECT_EQ(home_.get("old").account_id, "1");
}

TEST_F(Sso, TellsARefusalWithoutSecrets) {
  token_file(kSessionFile, 60);
  keys_ = {403, R"({"message":"no access for toptoken"})", {}};
  EXPECT_EQ(home_.error("new"),
            "SSO (profile \"new\") gave no keys for role Read Only of account 123456789012: HTTP status 403; check "
            "sso_account_id and sso_role_name");
  keys_ = {200, R"({"roleCredentials":{"secretAccessKey":"topsecret"}})", {}};
  EXPECT_EQ(home_.error("new"), "SSO (profile \"new\") sent no keys");
  keys_ = {200, R"({"x":"topsecret"})", {}};
  EXPECT_EQ(home_.error("new"), "SSO (profile \"new\") sent no object \"roleCredentials\"");
}

TEST_F(Sso, ChecksTheProfile) {
  EXPECT_EQ(
      home_.error("clash"),
      "profile \"clash\": sso_region differs from that of its SSO session \"my-sso\"; remove it from the profile");
  EXPECT_EQ(home_.error("lost"),
            "profile \"lost\" names the SSO session \"gone\", which is not defined; add [sso-session gone] to the AWS "
            "config file");
  EXPECT_EQ(home_.error("half"), "profile \"half\" has no sso_role_name; run aws configure sso");
}

}  // namespace
}  // namespace bulk
