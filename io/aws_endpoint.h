// Which host serves a region: the endpoint rules of DynamoDB, STS and SSO as code. Passes DynamoDB's published endpoint
// test cases (all but those of SearchVectors, which is served by other hosts and not used here). Throws Error(usage)
// with the rule's own text where the rules say "error". Pure functions. A region ends up in a host name: one that is no
// host label is refused.
#pragma once

#include <string>
#include <vector>

namespace bulk {

struct EndpointQuery {
  std::string region;
  bool use_fips = false;
  bool use_dualstack = false;
  std::string endpoint_url;                    // custom; wins over everything
  std::string account_id;                      // from the credentials; may be empty
  std::string account_id_endpoint_mode;        // preferred, disabled, required; empty: not used
  std::string resource_arn;                    // when the table was named by an ARN
  std::vector<std::string> resource_arn_list;  // of a batch request; only the first counts, and after resource_arn
};

struct AwsEndpoint {
  std::string url;             // https://dynamodb.eu-west-1.amazonaws.com
  std::string signing_region;  // differs from the query's only for region "local"
};

AwsEndpoint dynamodb_endpoint(const EndpointQuery& query);
std::string sts_endpoint(const std::string& region, bool use_fips, bool use_dualstack);

// IAM Identity Center: the portal hands out a role's keys, the OIDC service refreshes the sign-in token.
std::string sso_portal_endpoint(const std::string& region);
std::string sso_oidc_endpoint(const std::string& region);

}  // namespace bulk
