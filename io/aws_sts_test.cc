#include "io/aws_sts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/aws_home.h"
#include "tests/support/tiny_http_server.h"

namespace bulk {
namespace {

using test::AwsHome;
using test::TinyHttpServer;

TEST(XmlText, FindsElementsAndResolvesEntities) {
  EXPECT_EQ(xml_text("<a><b>x</b></a>", "b"), "x");
  EXPECT_EQ(xml_text("<b>&lt;&amp;&gt;&quot;&apos;&#65;&#xe9;&unknown;&</b>", "b"), "<&>\"'A\xc3\xa9&");
  EXPECT_EQ(xml_text("<b></b>", "b"), "");
  EXPECT_EQ(xml_text("<bb>x</bb>", "b"), std::nullopt);
  EXPECT_EQ(xml_text("<b>x", "b"), std::nullopt);
  EXPECT_EQ(xml_text("<b>x<c/></b>", "b"), std::nullopt);
  EXPECT_EQ(xml_text("", "b"), std::nullopt);
}

TEST(XmlText, SurvivesAnyBytes) {
  std::mt19937_64 random(11);
  const std::string alphabet = "<>/b&#x;19amp";
  int found = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = "<b>";
    for (std::size_t n = random() % 30; n > 0; --n) text += alphabet[random() % alphabet.size()];
    found += xml_text(text + "</b>", "b") ? 1 : 0;
  }
  EXPECT_GT(found, 100);
}

class Sts : public testing::Test {
 protected:
  Sts() {
    home_.variables["AWS_ENDPOINT_URL_STS"] = server_.url();
    home_.write(".aws/config",
                "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = k\nrole_session_name = me@here\n"
                "external_id = a b\nduration_seconds = 900\n");
    home_.write(".aws/credentials",
                "[k]\naws_access_key_id = AK\naws_secret_access_key = topsecret\naws_session_token = toptoken\n");
  }

  TinyHttpServer::Reply reply_;
  TinyHttpServer server_{[this](const auto&) { return reply_; }};
  AwsHome home_;
};

TEST_F(Sts, SendsASignedForm) {
  reply_.body =
      "<?xml version=\"1.0\"?>\n<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
      "<AssumeRoleResult><AssumedRoleUser><AssumedRoleId>X:me</AssumedRoleId>\n"
      "<Arn>arn:aws:sts::123456789012:assumed-role/r/me</Arn></AssumedRoleUser><Credentials>\n"
      "<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>a/b+c=</SecretAccessKey><SessionToken>t&amp;u</SessionToken>\n"
      "<Expiration>2199-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
  const AwsCredentials credentials = home_.get();
  EXPECT_EQ(credentials.access_key_id, "ASIA");
  EXPECT_EQ(credentials.secret_access_key, "a/b+c=");
  EXPECT_EQ(credentials.session_token, "t&u");
  EXPECT_EQ(credentials.account_id, "123456789012");
  ASSERT_TRUE(credentials.expires);

  const auto request = server_.requests().at(0);
  EXPECT_EQ(request.body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me%40here&"
            "ExternalId=a%20b&DurationSeconds=900");
  // The signature fits what arrived.
  const std::string hash = sha256_hex(request.body);
  SigningInput input;
  input.method = request.method;
  input.path = request.target;
  for (const char* name : {"content-type", "host", "x-amz-date", "x-amz-security-token"}) {
    input.headers.emplace_back(name, request.header(name));
  }
  input.payload_hash = hash;
  Signer signer("us-east-1", "sts");
  EXPECT_EQ(request.header("x-amz-security-token"), "toptoken");
  EXPECT_EQ(request.header("authorization"),
            signer.authorization({"AK", "topsecret", "toptoken", "", {}}, request.header("x-amz-date"), input));
}

TEST_F(Sts, TellsARefusalWithoutTheSecretsThatItRepeats) {
  reply_.status = 403;
  reply_.body =
      "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>The canonical string should "
      "have been\nx-amz-security-token:toptoken\nwith topsecret</Message></Error></ErrorResponse>";
  EXPECT_EQ(
      home_.error(),
      "AssumeRole of arn:aws:iam::1:role/r was refused: SignatureDoesNotMatch: The canonical string should have been "
      "x-amz-security-token:*** with ***; check the role's trust policy and the credentials that assume it");
  EXPECT_EQ(home_.kind, ErrorKind::usage);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(Sts, NeverRepeatsTheWebIdentityToken) {
  home_.write("token", "topidentity");
  home_.write(".aws/config",
              "[default]\nrole_arn = arn:r\nweb_identity_token_file = " + home_.home.file("token") + "\n");
  reply_.status = 400;
  reply_.body = "<Error><Code>InvalidIdentityToken</Code><Message>bad token topidentity</Message></Error>";
  EXPECT_EQ(
      home_.error(),
      "AssumeRoleWithWebIdentity of arn:r was refused: InvalidIdentityToken: bad token ***; check the role's trust "
      "policy and the credentials that assume it");
}

TEST_F(Sts, TriesAgainWhenTheServiceFails) {
  reply_.status = 503;
  reply_.body = "<html>busy</html>";
  EXPECT_EQ(home_.error(),
            "AssumeRole of arn:aws:iam::1:role/r was refused: HTTP status 503; check the role's trust policy and the "
            "credentials that assume it");
  EXPECT_EQ(home_.kind, ErrorKind::remote);
  EXPECT_EQ(server_.requests().size(), 3U);
}

TEST_F(Sts, RefusesAReplyWithoutKeys) {
  reply_.body = "<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>topsecret";
  EXPECT_EQ(home_.error(), "AssumeRole of arn:aws:iam::1:role/r sent no SecretAccessKey");
  reply_.body = "<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><Expiration>soon</Expiration>";
  EXPECT_EQ(home_.error(), "AssumeRole of arn:aws:iam::1:role/r: the expiry time \"soon\" is no time");
}

TEST_F(Sts, NeedsARegionAndAnAnswer) {
  home_.variables.erase("AWS_REGION");
  EXPECT_EQ(home_.error(),
            "AssumeRole of arn:aws:iam::1:role/r needs a region; set --region, AWS_REGION or region in the profile");
  home_.variables["AWS_REGION"] = "us-east-1";
  reply_.fault = TinyHttpServer::Reply::Fault::raw;
  EXPECT_EQ(home_.error(),
            "AssumeRole of arn:aws:iam::1:role/r did not answer: 127.0.0.1:" + std::to_string(server_.port()) +
                ": connection closed without a reply; check the network and try again");
  EXPECT_EQ(home_.kind, ErrorKind::remote);
}

}  // namespace
}  // namespace bulk
