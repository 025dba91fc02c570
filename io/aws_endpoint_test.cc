#include "io/aws_endpoint.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <iostream>

#include "io/error.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

std::string text_of(const rapidjson::Value& params, const char* name) {
  return params.HasMember(name) ? params[name].GetString() : "";
}

bool flag_of(const rapidjson::Value& params, const char* name) {
  return params.HasMember(name) && params[name].GetBool();
}

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

TEST(DynamodbEndpoint, PassesThePublishedCases) {
  BULK_REQUIRE_SHARED("reference/dynamodb/dynamodb-endpoint-tests-1.json");
  rapidjson::Document cases;
  cases.Parse(test::read_file(test::shared_file("reference/dynamodb/dynamodb-endpoint-tests-1.json")));
  ASSERT_FALSE(cases.HasParseError());
  const rapidjson::Value none(rapidjson::kObjectType);
  int search = 0;
  int unsayable = 0;
  int passed = 0;
  for (const auto& example : cases["testCases"].GetArray()) {
    SCOPED_TRACE(example["documentation"].GetString());
    const rapidjson::Value& params = example.HasMember("params") ? example["params"] : none;
    if (flag_of(params, "IsSearchOperation")) {
      ++search;
      continue;
    }
    const rapidjson::Value& expect = example["expect"];
    // An account id that is known and empty: an empty one means "unknown" here.
    if (expect.HasMember("error") && params.HasMember("AccountId") && text_of(params, "AccountId").empty() &&
        std::string(expect["error"].GetString()) == "Credentials-sourced account ID parameter is invalid") {
      ++unsayable;
      continue;
    }
    EndpointQuery query;
    query.region = text_of(params, "Region");
    query.use_fips = flag_of(params, "UseFIPS");
    query.use_dualstack = flag_of(params, "UseDualStack");
    query.endpoint_url = text_of(params, "Endpoint");
    query.account_id = text_of(params, "AccountId");
    query.account_id_endpoint_mode = text_of(params, "AccountIdEndpointMode");
    query.resource_arn = text_of(params, "ResourceArn");
    if (params.HasMember("ResourceArnList")) {
      for (const auto& arn : params["ResourceArnList"].GetArray())
        query.resource_arn_list.emplace_back(arn.GetString());
    }
    if (expect.HasMember("error")) {
      EXPECT_EQ(error_of([&] { dynamodb_endpoint(query); }), expect["error"].GetString());
    } else {
      const AwsEndpoint endpoint = dynamodb_endpoint(query);
      EXPECT_EQ(endpoint.url, expect["endpoint"]["url"].GetString());
      std::string signing_region = query.region;
      if (expect["endpoint"].HasMember("properties") && expect["endpoint"]["properties"].HasMember("authSchemes")) {
        signing_region = expect["endpoint"]["properties"]["authSchemes"][0]["signingRegion"].GetString();
      }
      EXPECT_EQ(endpoint.signing_region, signing_region);
    }
    ++passed;
  }
  std::cout << passed << " cases; left out: " << search << " of SearchVectors, " << unsayable
            << " with a known but empty account id\n";
  EXPECT_EQ(passed, 548 - 177 - 2);
}

TEST(DynamodbEndpoint, RefusesWhatCannotBePartOfAHostName) {
  for (const char* region : {"evil.example/", "us-east-1#", "us east", "-us", "us_east_1", "a@b"}) {
    EndpointQuery query;
    query.region = region;
    EXPECT_EQ(error_of([&] { dynamodb_endpoint(query); }), "the region is not a region name") << region;
  }
  EndpointQuery query;
  query.region = "us-east-1";
  query.account_id = "1111/evil";
  query.account_id_endpoint_mode = "preferred";
  EXPECT_EQ(error_of([&] { dynamodb_endpoint(query); }), "Credentials-sourced account ID parameter is invalid");
  query.account_id.clear();
  query.resource_arn = "arn:aws:dynamodb:us-east-1:11/11:table/t";
  EXPECT_EQ(dynamodb_endpoint(query).url, "https://dynamodb.us-east-1.amazonaws.com");
}

TEST(DynamodbEndpoint, TakesUnknownRegionsForOrdinaryOnes) {
  EndpointQuery query;
  query.region = "xx-new-7";
  EXPECT_EQ(dynamodb_endpoint(query).url, "https://dynamodb.xx-new-7.amazonaws.com");
  query.region = "cn-future-12";
  EXPECT_EQ(dynamodb_endpoint(query).url, "https://dynamodb.cn-future-12.amazonaws.com.cn");
}

TEST(StsEndpoint, IsRegional) {
  EXPECT_EQ(sts_endpoint("eu-west-1", false, false), "https://sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(sts_endpoint("eu-west-1", true, false), "https://sts-fips.eu-west-1.amazonaws.com");
  EXPECT_EQ(sts_endpoint("eu-west-1", false, true), "https://sts.eu-west-1.api.aws");
  EXPECT_EQ(sts_endpoint("eu-west-1", true, true), "https://sts-fips.eu-west-1.api.aws");
  EXPECT_EQ(sts_endpoint("us-gov-west-1", true, false), "https://sts.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(sts_endpoint("cn-north-1", false, false), "https://sts.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(error_of([] { sts_endpoint("", false, false); }), "Invalid Configuration: Missing Region");
}

TEST(SsoEndpoints, FollowThePartition) {
  EXPECT_EQ(sso_portal_endpoint("eu-west-1"), "https://portal.sso.eu-west-1.amazonaws.com");
  EXPECT_EQ(sso_oidc_endpoint("cn-north-1"), "https://oidc.cn-north-1.amazonaws.com.cn");
}

}  // namespace
}  // namespace bulk
