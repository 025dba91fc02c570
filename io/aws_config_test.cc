#include "io/aws_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "io/error.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using testing::ElementsAre;
using testing::Pair;

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.line();
  }
  return "no error";
}

TEST(ParseIni, ReadsSectionsKeysAndBlocks) {
  const auto sections = parse_ini(
      "\xef\xbb\xbf# comment\n"
      "[default]\r\n"
      "Region = eu-west-1\r\n"
      "  ; indented comment\n"
      "empty =\n"
      "[profile \"a b\"] # why not\n"
      "s3 =\n"
      "  addressing_style = path\n"
      "\tmax = 10 ; ten\n"
      "url=https://h/?a=b#c\n"
      "long = one\n"
      "   two\n"
      "[default]\n"
      "output = json",
      "config");
  EXPECT_THAT(sections.at("default"),
              ElementsAre(Pair("empty", ""), Pair("output", "json"), Pair("region", "eu-west-1")));
  EXPECT_THAT(sections.at("profile \"a b\""),
              ElementsAre(Pair("long", "one\ntwo"), Pair("s3", ""), Pair("s3.addressing_style", "path"),
                          Pair("s3.max", "10"), Pair("url", "https://h/?a=b#c")));
}

TEST(ParseIni, NamesFileAndLineButNeverTheText) {
  EXPECT_EQ(error_of([] { parse_ini("a = b\n", "/c"); }), "/c, line 1: a line before the first [section]");
  EXPECT_EQ(error_of([] { parse_ini("[a]\n\nsecret", "/c"); }), "/c, line 3: neither key = value nor [section]");
  EXPECT_EQ(error_of([] { parse_ini("[a]\n=secret", "/c"); }), "/c, line 2: neither key = value nor [section]");
  EXPECT_EQ(error_of([] { parse_ini("[a\n", "/c"); }), "/c, line 1: a section without its ]");
  EXPECT_EQ(error_of([] { parse_ini("[a] b\n", "/c"); }), "/c, line 1: text after a section's ]");
  EXPECT_EQ(error_of([] { parse_ini("[a]\n b = c\n", "/c"); }), "/c, line 2: an indented line that continues nothing");
}

TEST(ParseIni, SurvivesAnyBytes) {
  std::mt19937_64 random(7);
  const std::string alphabet("[]=#; \t\r\nab\"\0\xff", 14);
  int parsed = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = i % 2 == 0 ? "[a]\n" : "";
    for (std::size_t n = random() % 40; n > 0; --n) text += alphabet[random() % alphabet.size()];
    try {
      parse_ini(text, "f");
      ++parsed;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
    }
  }
  EXPECT_GT(parsed, 1000);
}

class AwsSettingsTest : public testing::Test {
 protected:
  AwsSettingsTest() { variables_["HOME"] = home_.path().string(); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(home_.path() / ".aws");
    std::ofstream(home_.path() / ".aws" / name) << text;
  }
  AwsProfiles load() { return AwsProfiles::load(environment_); }
  AwsSettings resolve(const std::string& profile = "", const std::string& region = "", const std::string& url = "",
                      const std::string& service = "DynamoDB") {
    return resolve_aws_settings(environment_, load(), service, profile, region, url);
  }

  test::TempDir home_;
  std::map<std::string, std::string> variables_;
  Environment environment_ = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = variables_.find(name);
    if (found == variables_.end()) return std::nullopt;
    return found->second;
  };
};

TEST_F(AwsSettingsTest, NeedsNoFiles) {
  const AwsSettings settings = resolve();
  EXPECT_EQ(settings.profile, "default");
  EXPECT_FALSE(settings.profile_explicit);
  EXPECT_EQ(settings.region, "");
  EXPECT_EQ(settings.endpoint_url, "");
  EXPECT_EQ(settings.account_id_endpoint_mode, "preferred");
  variables_.clear();  // not even HOME
  EXPECT_EQ(resolve().profile, "default");
}

TEST_F(AwsSettingsTest, MergesTheFilesAndNeverMixesKeysOfBoth) {
  write("config",
        "[default]\nregion = r1\naws_access_key_id = C\naws_secret_access_key = CS\naws_session_token = CT\n"
        "[profile 'x y']\nregion = r2\n[bare]\nregion = r3\n[profile bare2]\naws_access_key_id = B\n"
        "[sso-session s]\nsso_region = r4\n[services v]\ndynamodb =\n  endpoint_url = http://d\n");
  write("credentials", "[default]\naws_access_key_id = K\naws_secret_access_key = KS\n[only]\naws_access_key_id = O\n");
  const AwsProfiles profiles = load();
  EXPECT_THAT(*profiles.profile("default"),
              ElementsAre(Pair("aws_access_key_id", "K"), Pair("aws_secret_access_key", "KS"), Pair("region", "r1")));
  EXPECT_EQ(profile_value(*profiles.profile("x y"), "region"), "r2");
  EXPECT_EQ(profiles.profile("bare"), nullptr);
  EXPECT_NE(profiles.profile("only"), nullptr);
  EXPECT_TRUE(profiles.in_credentials_file("default"));
  EXPECT_FALSE(profiles.in_credentials_file("bare2"));
  EXPECT_EQ(profile_value(*profiles.sso_session("s"), "sso_region"), "r4");
  EXPECT_EQ(profile_value(*profiles.services("v"), "dynamodb.endpoint_url"), "http://d");
}

TEST_F(AwsSettingsTest, PrefersTheSectionNamedProfileDefault) {
  write("config", "[default]\nregion = plain\noutput = json\n[profile default]\nregion = named\n");
  EXPECT_EQ(resolve().region, "named");
}

TEST_F(AwsSettingsTest, FindsFilesByVariables) {
  std::ofstream(home_.file("my-config")) << "[profile p]\nregion = elsewhere\n";
  variables_["AWS_CONFIG_FILE"] = "~/my-config";
  variables_["AWS_PROFILE"] = "p";
  EXPECT_EQ(resolve().region, "elsewhere");
}

TEST_F(AwsSettingsTest, TakesTheProfileFromFlagThenEnvironment) {
  write("config", "[profile a]\n[profile b]\n[profile c]\n");
  variables_["AWS_DEFAULT_PROFILE"] = "c";
  EXPECT_EQ(resolve().profile, "c");
  variables_["AWS_PROFILE"] = "b";
  EXPECT_EQ(resolve().profile, "b");
  EXPECT_FALSE(resolve().profile_explicit);
  EXPECT_EQ(resolve("a").profile, "a");
  EXPECT_TRUE(resolve("a").profile_explicit);
  const std::string folder = home_.path().string() + "/.aws/";
  EXPECT_EQ(error_of([&] { resolve("gone"); }), "no AWS profile \"gone\" in " + folder + "config or " + folder +
                                                    "credentials; check --profile and AWS_PROFILE");
}

TEST_F(AwsSettingsTest, TakesTheRegionInOrder) {
  write("config", "[default]\nregion = from-profile\n");
  EXPECT_EQ(resolve().region, "from-profile");
  variables_["AWS_DEFAULT_REGION"] = "from-default";
  EXPECT_EQ(resolve().region, "from-default");
  variables_["AWS_REGION"] = "from-region";
  EXPECT_EQ(resolve().region, "from-region");
  EXPECT_EQ(resolve("", "from-flag").region, "from-flag");
}

TEST_F(AwsSettingsTest, TakesTheEndpointInOrder) {
  write("config",
        "[default]\nendpoint_url = http://profile\nservices = v\n[services v]\ndynamodb =\n  endpoint_url = "
        "http://services\n"
        "[profile plain]\nendpoint_url = http://profile\n[profile broken]\nservices = gone\n");
  EXPECT_EQ(resolve("plain").endpoint_url, "http://profile");
  EXPECT_EQ(resolve().endpoint_url, "http://services");
  EXPECT_EQ(resolve("", "", "", "STS").endpoint_url, "http://profile");
  variables_["AWS_ENDPOINT_URL"] = "http://all";
  EXPECT_EQ(resolve().endpoint_url, "http://all");
  variables_["AWS_ENDPOINT_URL_DYNAMODB"] = "http://dynamodb";
  variables_["AWS_ENDPOINT_URL_SSO_OIDC"] = "http://oidc";
  EXPECT_EQ(resolve().endpoint_url, "http://dynamodb");
  EXPECT_EQ(resolve("", "", "", "STS").endpoint_url, "http://all");
  EXPECT_EQ(resolve("", "", "", "SSO OIDC").endpoint_url, "http://oidc");
  variables_["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "True";
  EXPECT_EQ(resolve().endpoint_url, "");
  EXPECT_EQ(resolve("", "", "http://flag").endpoint_url, "http://flag");
  variables_ = {{"HOME", home_.path().string()}};
  EXPECT_EQ(error_of([&] { resolve("broken"); }),
            "the profile names services \"gone\", which no [services] section defines; add [services gone] to the AWS "
            "config file");
}

TEST_F(AwsSettingsTest, ReadsTheSwitches) {
  write("config",
        "[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = TRUE\naccount_id_endpoint_mode = disabled\n"
        "ca_bundle = /profile.pem\n");
  AwsSettings settings = resolve();
  EXPECT_TRUE(settings.use_fips);
  EXPECT_TRUE(settings.use_dualstack);
  EXPECT_EQ(settings.account_id_endpoint_mode, "disabled");
  EXPECT_EQ(settings.ca_bundle, "/profile.pem");
  variables_["AWS_USE_FIPS_ENDPOINT"] = "false";
  variables_["AWS_CA_BUNDLE"] = "/variable.pem";
  settings = resolve();
  EXPECT_FALSE(settings.use_fips);
  EXPECT_EQ(settings.ca_bundle, "/variable.pem");
  variables_["AWS_USE_FIPS_ENDPOINT"] = "yes";
  EXPECT_EQ(error_of([&] { resolve(); }),
            "AWS_USE_FIPS_ENDPOINT is neither true nor false; set it to true or false, or remove it");
  variables_.erase("AWS_USE_FIPS_ENDPOINT");
  variables_["AWS_ACCOUNT_ID_ENDPOINT_MODE"] = "maybe";
  EXPECT_EQ(error_of([&] { resolve(); }),
            "AWS_ACCOUNT_ID_ENDPOINT_MODE (account_id_endpoint_mode) is not a mode; set it to preferred, disabled or "
            "required");
}

TEST(ProcessEnvironment, SeesTheProcess) {
  EXPECT_TRUE(process_environment()("PATH").has_value());
  EXPECT_FALSE(process_environment()("BULK_NO_SUCH_VARIABLE").has_value());
}

}  // namespace
}  // namespace bulk
