#include "backends/dynamodb/address.h"

#include <algorithm>
#include <array>
#include <vector>

#include "io/error.h"

namespace bulk {
namespace {

// Not std::isalnum: that asks the locale.
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_table_name(std::string_view name) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
  return name.size() >= 3 && name.size() <= 255 && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

TableAddress TableAddress::parse(const std::string& text) {
  TableAddress address;
  address.name = text;
  if (text.starts_with("arn:")) {
    // arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME
    constexpr std::string_view kTable = "table/";
    std::vector<std::string> parts(1);
    for (const char c : text) {
      if (c == ':' && parts.size() < 6) {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    if (parts.size() != 6 || parts[2] != "dynamodb" || !parts[5].starts_with(kTable)) {
      throw Error(ErrorKind::usage, "'" + text + "' is no table's ARN",
                  "it is arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME");
    }
    address = {parts[5].substr(kTable.size()), parts[3], parts[4]};
  }
  if (!is_table_name(address.name)) {
    throw Error(ErrorKind::usage, "'" + address.name + "' is no name of a DynamoDB table",
                "it has 3 to 255 letters, digits, '_', '.' and '-'");
  }
  return address;
}

HttpOrigin parse_origin(std::string_view url) {
  if (url.find('@') != std::string_view::npos) {
    throw Error(ErrorKind::usage, "an endpoint URL takes no user name or password",
                "credentials come from the environment or a profile");
  }
  const auto refusal = [&](const std::string& why) {
    return Error(ErrorKind::usage, "endpoint URL '" + std::string(url) + "' " + why,
                 "its form is http[s]://HOST[:PORT]");
  };
  HttpOrigin origin;
  origin.https = url.starts_with("https://");
  if (!origin.https && !url.starts_with("http://")) throw refusal("begins neither with http:// nor with https://");
  if (url.find_first_of("?#") != std::string_view::npos) throw refusal("has a query or a fragment");
  if (!std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; })) {
    throw refusal("holds characters that must be percent-encoded");
  }
  const std::string_view rest = url.substr(origin.https ? 8 : 7);
  const std::size_t slash = rest.find('/');
  origin.path = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
  std::string authority(rest.substr(0, slash));
  std::transform(authority.begin(), authority.end(), authority.begin(), lower);

  // The port stands behind the last colon, unless that one is inside an IPv6 address's brackets.
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  const std::string name = authority.substr(0, has_port ? colon : std::string::npos);
  const std::string port = has_port ? authority.substr(colon + 1) : std::string();
  if (name.empty()) throw refusal("names no host");
  if (has_port && (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit))) {
    throw refusal("has no sound port");
  }
  const bool own_port = port.empty() || port == (origin.https ? "443" : "80");
  origin.host = own_port ? name : name + ":" + port;
  origin.loopback = name == "localhost" || name.ends_with(".localhost") || name == "[::1]" || name.starts_with("127.");
  constexpr std::array<std::string_view, 10> kAwsSuffixes = {
      ".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu",   ".api.aws",        ".api.amazonwebservices.com.cn",
      ".c2s.ic.gov",    ".sc2s.sgov.gov",    ".cloud.adc-e.uk", ".csp.hci.ic.gov", ".api.amazonwebservices.eu"};
  origin.aws = std::any_of(kAwsSuffixes.begin(), kAwsSuffixes.end(),
                           [&](std::string_view suffix) { return name.ends_with(suffix); });
  return origin;
}

}  // namespace bulk
