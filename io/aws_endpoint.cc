#include "io/aws_endpoint.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "io/error.h"

namespace bulk {
namespace {

// A partition is a part of AWS with its own accounts and domains. A region belongs to it by its prefix: the published
// patterns are "PREFIX-word-number". Regions that match none belong to the first.
struct Partition {
  std::string_view name;
  std::string_view dns_suffix;
  std::string_view dualstack_suffix;
  std::array<std::string_view, 9> prefixes;  // unused ones are empty
};

constexpr std::array<Partition, 8> kPartitions{{
    {"aws", "amazonaws.com", "api.aws", {"us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"}},
    {"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", {"cn"}},
    {"aws-us-gov", "amazonaws.com", "api.aws", {"us-gov"}},
    {"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", {"eusc-de"}},
    {"aws-iso", "c2s.ic.gov", "api.aws.ic.gov", {"us-iso"}},
    {"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", {"us-isob"}},
    {"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", {"eu-isoe"}},
    {"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", {"us-isof"}},
}};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Whether `region` is PREFIX-word-number.
bool has_prefix(std::string_view region, std::string_view prefix) {
  if (prefix.empty() || !region.starts_with(prefix)) return false;
  region.remove_prefix(prefix.size());
  if (!region.starts_with('-')) return false;
  region.remove_prefix(1);
  const std::size_t dash = region.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == region.size()) return false;
  return std::all_of(region.begin(), region.begin() + static_cast<std::ptrdiff_t>(dash), is_word) &&
         std::all_of(region.begin() + static_cast<std::ptrdiff_t>(dash) + 1, region.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

const Partition& partition_of(std::string_view region) {
  for (const Partition& partition : kPartitions) {
    // The pseudo regions of services without regions: "aws-cn-global".
    if (region == std::string(partition.name) + "-global") return partition;
    for (const std::string_view prefix : partition.prefixes) {
      if (has_prefix(region, prefix)) return partition;
    }
  }
  return kPartitions[0];
}

bool is_host_label(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return (is_word(c) && c != '_') || c == '-'; });
}

[[noreturn]] void refuse(const std::string& text) {
  throw Error(ErrorKind::usage, text);
}

void check_region(const std::string& region) {
  if (region.empty()) {
    throw Error(ErrorKind::usage, "Invalid Configuration: Missing Region", "set --region or AWS_REGION");
  }
  if (!is_host_label(region)) {
    throw Error(ErrorKind::usage, "the region is not a region name",
                "set --region or AWS_REGION, for example us-east-1");
  }
}

// The account of a DynamoDB ARN in `region`: arn:PARTITION:dynamodb:REGION:ACCOUNT:RESOURCE.
std::optional<std::string> account_of_arn(std::string_view arn, std::string_view region) {
  std::array<std::string_view, 5> parts;
  for (std::string_view& part : parts) {
    const std::size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    part = arn.substr(0, colon);
    arn.remove_prefix(colon + 1);
  }
  if (parts[0] != "arn" || parts[1].empty() || arn.empty()) return std::nullopt;
  if (parts[2] != "dynamodb" || parts[3] != region || !is_host_label(parts[4])) return std::nullopt;
  return std::string(parts[4]);
}

// The host's part between scheme and path.
std::string_view authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

AwsEndpoint custom_endpoint(const EndpointQuery& query) {
  if (query.use_fips) refuse("Invalid Configuration: FIPS and custom endpoint are not supported");
  if (query.use_dualstack) refuse("Invalid Configuration: Dualstack and custom endpoint are not supported");
  if (!query.region.empty()) {
    const std::string dualstack_host =
        "dynamodb." + query.region + "." + std::string(partition_of(query.region).dualstack_suffix);
    const std::string_view authority = authority_of(query.endpoint_url);
    if (authority == dualstack_host || authority == "search-" + dualstack_host) {
      refuse(
          "Endpoint override is not supported for dual-stack endpoints. Please enable dual-stack functionality by "
          "enabling the configuration. For more details, see: "
          "https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html");
    }
  }
  return {query.endpoint_url, query.region};
}

// The account whose own host serves the request, or nothing for the region's host.
std::optional<std::string> account_for_host(const EndpointQuery& query, const Partition& partition) {
  const std::string& mode = query.account_id_endpoint_mode;
  if (mode.empty() || mode == "disabled") return std::nullopt;
  if (partition.name == "aws") {
    if (auto account = account_of_arn(query.resource_arn, query.region)) return account;
    if (!query.resource_arn_list.empty()) {
      if (auto account = account_of_arn(query.resource_arn_list.front(), query.region)) return account;
    }
    if (!query.account_id.empty()) {
      if (!is_host_label(query.account_id)) refuse("Credentials-sourced account ID parameter is invalid");
      return query.account_id;
    }
  }
  if (mode != "required") return std::nullopt;
  if (partition.name == "aws")
    refuse("AccountIdEndpointMode is required but no AccountID was provided or able to be loaded");
  refuse(
      "Invalid Configuration: AccountIdEndpointMode is required but account endpoints are not supported in this "
      "partition");
}

}  // namespace

AwsEndpoint dynamodb_endpoint(const EndpointQuery& query) {
  if (!query.endpoint_url.empty()) return custom_endpoint(query);
  check_region(query.region);
  if (query.region == "local") {
    if (query.use_fips) refuse("Invalid Configuration: FIPS and local endpoint are not supported");
    if (query.use_dualstack) refuse("Invalid Configuration: Dualstack and local endpoint are not supported");
    return {"http://localhost:8000", "us-east-1"};
  }
  const Partition& partition = partition_of(query.region);
  const std::string tail =
      "." + query.region + "." + std::string(query.use_dualstack ? partition.dualstack_suffix : partition.dns_suffix);
  if (query.use_fips) {
    if (query.account_id_endpoint_mode == "required") {
      refuse(
          "Invalid Configuration: AccountIdEndpointMode is required and FIPS is enabled, but FIPS account endpoints "
          "are "
          "not supported");
    }
    // GovCloud's ordinary hosts are FIPS endpoints.
    const bool plain = partition.name == "aws-us-gov" && !query.use_dualstack;
    return {(plain ? "https://dynamodb" : "https://dynamodb-fips") + tail, query.region};
  }
  if (const auto account = account_for_host(query, partition))
    return {"https://" + *account + ".ddb" + tail, query.region};
  return {"https://dynamodb" + tail, query.region};
}

std::string sts_endpoint(const std::string& region, bool use_fips, bool use_dualstack) {
  check_region(region);
  const Partition& partition = partition_of(region);
  const bool fips_name = use_fips && (use_dualstack || partition.name != "aws-us-gov");
  return (fips_name ? "https://sts-fips." : "https://sts.") + region + "." +
         std::string(use_dualstack ? partition.dualstack_suffix : partition.dns_suffix);
}

std::string sso_portal_endpoint(const std::string& region) {
  check_region(region);
  return "https://portal.sso." + region + "." + std::string(partition_of(region).dns_suffix);
}

std::string sso_oidc_endpoint(const std::string& region) {
  check_region(region);
  return "https://oidc." + region + "." + std::string(partition_of(region).dns_suffix);
}

}  // namespace bulk
