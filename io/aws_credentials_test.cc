#include "io/aws_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/aws_home.h"
#include "tests/support/tiny_http_server.h"

namespace bulk {
namespace {

using test::AwsHome;
using test::TinyHttpServer;

TEST(CredentialChain, TakesTheEnvironmentFirst) {
  AwsHome home;
  home.variables["AWS_ACCESS_KEY_ID"] = "AKENV";
  home.variables["AWS_SECRET_ACCESS_KEY"] = "SENV";
  home.variables["AWS_SECURITY_TOKEN"] = "OLD";
  home.variables["AWS_ACCOUNT_ID"] = "111111111111";
  home.variables["AWS_PROFILE"] = "p";
  home.write(".aws/credentials", "[p]\naws_access_key_id = AKFILE\naws_secret_access_key = SFILE\n");
  AwsCredentials credentials = home.get();
  EXPECT_EQ(credentials.access_key_id, "AKENV");
  EXPECT_EQ(credentials.secret_access_key, "SENV");
  EXPECT_EQ(credentials.session_token, "OLD");
  EXPECT_EQ(credentials.account_id, "111111111111");
  EXPECT_FALSE(credentials.expires);
  home.variables["AWS_SESSION_TOKEN"] = "NEW";
  home.variables["AWS_CREDENTIAL_EXPIRATION"] = "2199-01-01T00:00:00Z";
  credentials = home.get();
  EXPECT_EQ(credentials.session_token, "NEW");
  EXPECT_TRUE(credentials.expires);
  EXPECT_EQ(home.get("p").access_key_id, "AKFILE") << "a profile named on the command line goes before the environment";
}

TEST(CredentialChain, RefusesHalfOfAKeyPair) {
  AwsHome home;
  home.variables["AWS_ACCESS_KEY_ID"] = "AK";
  EXPECT_EQ(home.error(), "AWS_SECRET_ACCESS_KEY is not set; set it beside AWS_ACCESS_KEY_ID");
  EXPECT_EQ(home.kind, ErrorKind::usage);
  home.variables.erase("AWS_ACCESS_KEY_ID");
  home.variables["AWS_SECRET_ACCESS_KEY"] = "topsecret";
  EXPECT_EQ(home.error(), "AWS_ACCESS_KEY_ID is not set; set it beside AWS_SECRET_ACCESS_KEY");
  home.variables.erase("AWS_SECRET_ACCESS_KEY");
  home.write(".aws/credentials", "[default]\naws_secret_access_key = topsecret\n");
  EXPECT_EQ(home.error(), "profile \"default\" has no aws_access_key_id; set both keys or none");
}

TEST(CredentialChain, RefusesExpiredKeysOfTheEnvironment) {
  AwsHome home;
  home.variables["AWS_ACCESS_KEY_ID"] = "AK";
  home.variables["AWS_SECRET_ACCESS_KEY"] = "topsecret";
  home.variables["AWS_CREDENTIAL_EXPIRATION"] = "2020-01-01T00:00:00Z";
  EXPECT_EQ(home.error(), "the AWS credentials expired at 2020-01-01T00:00:00Z; sign in again or set new ones");
  home.variables["AWS_CREDENTIAL_EXPIRATION"] = "tomorrow";
  EXPECT_EQ(home.error(), "AWS_CREDENTIAL_EXPIRATION is not a time; write it as 2025-01-25T12:00:00Z");
}

TEST(CredentialChain, PutsCredentialProcessBetweenTheTwoFiles) {
  const std::string keys = "aws_access_key_id = AKSTATIC\naws_secret_access_key = S\naws_account_id = 222222222222\n";
  const std::string process =
      "credential_process = printf '{\"Version\":1,\"AccessKeyId\":\"AKPROCESS\",\"SecretAccessKey\":\"S\"}'\n";
  AwsHome home;
  home.write(".aws/config", "[default]\n" + keys + process);
  EXPECT_EQ(home.get().access_key_id, "AKPROCESS");
  EXPECT_EQ(home.get().account_id, "222222222222");
  home.write(".aws/config", "[default]\n" + process);
  home.write(".aws/credentials", "[default]\n" + keys);
  EXPECT_EQ(home.get().access_key_id, "AKSTATIC");
  EXPECT_EQ(home.get().account_id, "222222222222");
}

TEST(CredentialChain, SaysWhereItLookedWhenThereIsNothing) {
  AwsHome home;
  home.write(".aws/config", "[profile p]\nregion = eu-west-1\n");
  const std::string folder = home.home.path().string() + "/.aws/";
  const std::string files = folder + "config or " + folder + "credentials";
  const std::string tail =
      ", container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI) and EC2 instance metadata "
      "(turned off by AWS_EC2_METADATA_DISABLED); set AWS_ACCESS_KEY_ID and "
      "AWS_SECRET_ACCESS_KEY, or name a profile with --profile";
  EXPECT_EQ(home.error(),
            "no AWS credentials found: looked in the environment (AWS_ACCESS_KEY_ID), profile \"default\" of " + files +
                tail);
  EXPECT_EQ(home.kind, ErrorKind::usage);
  EXPECT_EQ(home.error("p"), "no AWS credentials found: looked in profile \"p\" of " + files + tail);
}

// A fake of STS that hands out keys named after the role and notes who signed.
class RoleChain : public testing::Test {
 protected:
  RoleChain() { home_.variables["AWS_ENDPOINT_URL_STS"] = sts_.url(); }

  std::vector<std::string> signers() const {
    std::vector<std::string> keys;
    for (const auto& request : sts_.requests()) {
      const std::string header = request.header("authorization");
      const std::size_t begin = header.find("Credential=");
      keys.push_back(begin == std::string::npos ? "nobody" : header.substr(begin + 11, header.find('/') - begin - 11));
    }
    return keys;
  }

  TinyHttpServer sts_{[](const TinyHttpServer::Request& request) {
    const std::size_t begin = request.body.find("role%2F") + 7;
    const std::string role = request.body.substr(begin, request.body.find('&', begin) - begin);
    return TinyHttpServer::Reply{200,
                                 "<R><Arn>arn:aws:sts::333333333333:assumed-role/" + role + "/s</Arn><AccessKeyId>AK-" +
                                     role + "</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T-" +
                                     role + "</SessionToken><Expiration>" + test::minutes_from_now(60) +
                                     "</Expiration></R>",
                                 {}};
  }};
  AwsHome home_;
};

TEST_F(RoleChain, FollowsSourceProfilesUpToKeys) {
  home_.write(".aws/config",
              "[profile a]\nrole_arn = arn:aws:iam::1:role/ra\nsource_profile = b\n"
              "[profile b]\nrole_arn = arn:aws:iam::1:role/rb\nsource_profile = c\n"
              "[profile c]\nrole_arn = arn:aws:iam::1:role/ignored\nsource_profile = a\n");
  home_.write(".aws/credentials", "[c]\naws_access_key_id = AKC\naws_secret_access_key = S\n");
  const AwsCredentials credentials = home_.get("a");
  EXPECT_EQ(credentials.access_key_id, "AK-ra");
  EXPECT_EQ(credentials.session_token, "T-ra");
  EXPECT_EQ(credentials.account_id, "333333333333");
  EXPECT_TRUE(credentials.expires);
  EXPECT_THAT(signers(), testing::ElementsAre("AKC", "AK-rb"));
  EXPECT_EQ(sts_.requests()[1].header("x-amz-security-token"), "T-rb");
}

TEST_F(RoleChain, LetsAProfileBeItsOwnSource) {
  home_.write(".aws/config",
              "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = default\naws_access_key_id = AKD\n"
              "aws_secret_access_key = S\n");
  EXPECT_EQ(home_.get().access_key_id, "AK-r");
  EXPECT_THAT(signers(), testing::ElementsAre("AKD"));
}

TEST_F(RoleChain, TakesTheEnvironmentWhereTheProfileSaysSo) {
  home_.write(".aws/config", "[profile e]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Environment\n");
  home_.variables["AWS_ACCESS_KEY_ID"] = "AKENV";
  home_.variables["AWS_SECRET_ACCESS_KEY"] = "S";
  EXPECT_EQ(home_.get("e").access_key_id, "AK-r");
  EXPECT_THAT(signers(), testing::ElementsAre("AKENV"));
}

TEST_F(RoleChain, AsksAgainAfterRefreshOnly) {
  home_.write(".aws/config", "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = k\n");
  home_.write(".aws/credentials", "[k]\naws_access_key_id = AK\naws_secret_access_key = S\n");
  CredentialProvider& chain = home_.chain();
  chain.get();
  chain.get();
  EXPECT_EQ(sts_.requests().size(), 1U);
  chain.refresh();
  chain.get();
  EXPECT_EQ(sts_.requests().size(), 2U);
}

TEST_F(RoleChain, ReadsTheWebIdentityTokenAtEachFetch) {
  home_.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = home_.write("token", "first+token\n");
  EXPECT_EQ(home_.error(),
            "AWS_WEB_IDENTITY_TOKEN_FILE names a web identity token file but no role; set AWS_ROLE_ARN or role_arn");
  home_.variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/w";
  home_.variables["AWS_ROLE_SESSION_NAME"] = "me";
  CredentialProvider& chain = home_.chain();
  EXPECT_EQ(chain.get().access_key_id, "AK-w");
  home_.write("token", "second");
  chain.refresh();
  chain.get();
  ASSERT_EQ(sts_.requests().size(), 2U);
  EXPECT_EQ(sts_.requests()[0].body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fw&"
            "RoleSessionName=me&WebIdentityToken=first%2Btoken");
  EXPECT_EQ(sts_.requests()[0].header("authorization"), "");
  EXPECT_THAT(sts_.requests()[1].body, testing::EndsWith("WebIdentityToken=second"));
}

TEST_F(RoleChain, TakesWebIdentityFromTheProfile) {
  home_.write("token", "tok");
  home_.write(".aws/config", "[profile w]\nrole_arn = arn:aws:iam::1:role/w\nweb_identity_token_file = " +
                                 home_.home.file("token") + "\n");
  EXPECT_EQ(home_.get("w").access_key_id, "AK-w");
}

TEST_F(RoleChain, SaysWhatIsWrongWithAProfile) {
  home_.write(".aws/config",
              "[profile loop1]\nrole_arn = arn:r\nsource_profile = loop2\n[profile loop2]\nrole_arn = "
              "arn:r\nsource_profile = loop1\n"
              "[profile self]\nrole_arn = arn:r\nsource_profile = self\n"
              "[profile none]\nrole_arn = arn:r\n"
              "[profile both]\nrole_arn = arn:r\nsource_profile = self\ncredential_source = Environment\n"
              "[profile gone]\nrole_arn = arn:r\nsource_profile = nowhere\n"
              "[profile empty]\nregion = us-east-1\n[profile ofempty]\nrole_arn = arn:r\nsource_profile = empty\n"
              "[profile mfa]\nrole_arn = arn:r\nsource_profile = k\nmfa_serial = arn:m\n"
              "[profile odd]\nrole_arn = arn:r\ncredential_source = Moon\n"
              "[profile short]\nrole_arn = arn:r\nsource_profile = k\nduration_seconds = 899\n");
  home_.write(".aws/credentials", "[k]\naws_access_key_id = AK\naws_secret_access_key = S\n");
  EXPECT_EQ(home_.error("loop1"), "the source_profile chain is a loop: loop1 -> loop2 -> loop1; check source_profile");
  EXPECT_EQ(home_.error("self"), "the source_profile chain is a loop: self -> self; check source_profile");
  EXPECT_EQ(home_.error("none"),
            "profile \"none\" has a role_arn with neither source_profile nor credential_source; set one of them");
  EXPECT_EQ(home_.error("both"),
            "profile \"both\" has a role_arn with both source_profile and credential_source; set one of them");
  EXPECT_THAT(home_.error("gone"),
              testing::StartsWith("profile \"gone\" has the source_profile \"nowhere\", which is not in "));
  EXPECT_EQ(home_.error("ofempty"),
            "profile \"empty\", the source_profile of \"ofempty\", has no credentials; give it keys, a role, SSO or a "
            "credential_process");
  EXPECT_EQ(home_.error("mfa"),
            "profile \"mfa\" needs an MFA code (mfa_serial), which cannot be asked for here; get temporary credentials "
            "with aws sts get-session-token and set them");
  EXPECT_EQ(
      home_.error("odd"),
      "profile \"odd\": credential_source is not a source; set it to Environment, Ec2InstanceMetadata or EcsContainer");
  EXPECT_EQ(home_.error("short"), "profile \"short\": duration_seconds is not between 900 and 43200");
  EXPECT_EQ(home_.kind, ErrorKind::usage);
  EXPECT_TRUE(sts_.requests().empty());
}

TEST(CredentialChain, EndsWithTheCauseWhenTheJobStops) {
  AwsHome home;
  TinyHttpServer sts([&](const auto&) {
    home.stop.fail(std::make_exception_ptr(Error::interrupted(2)));
    return TinyHttpServer::Reply{200, "", {}, TinyHttpServer::Reply::Fault::hang};
  });
  home.variables["AWS_ENDPOINT_URL"] = sts.url();
  home.write(".aws/config", "[default]\nrole_arn = arn:r\nsource_profile = k\n");
  home.write(".aws/credentials", "[k]\naws_access_key_id = AK\naws_secret_access_key = S\n");
  EXPECT_EQ(home.error(), "interrupted");
  EXPECT_EQ(home.kind, ErrorKind::interrupted);
}

}  // namespace
}  // namespace bulk
