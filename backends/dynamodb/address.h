// What a table's name and an endpoint's URL consist of: the parts of an ARN, and of a URL the Host header, the path to
// sign and whether the host is this machine or the service itself. Pure.
#pragma once

#include <string>
#include <string_view>

namespace bulk {

struct TableAddress {
  std::string name;             // without the ARN around it
  std::string region, account;  // of an ARN; empty otherwise

  // Throws Error(usage) unless `text` is a table's name (3 to 255 of A-Z a-z 0-9 _ . -) or its ARN.
  static TableAddress parse(const std::string& text);
};

struct HttpOrigin {
  bool https = false;
  std::string host;  // as the Host header has it: with its port unless that is the scheme's own
  std::string path;  // at least "/"
  bool loopback = false;
  bool aws = false;  // a host of the service itself
};

// Throws Error(usage). User names and passwords are refused, because URLs get into dumps and logs; the text does not
// repeat them.
HttpOrigin parse_origin(std::string_view url);

}  // namespace bulk
