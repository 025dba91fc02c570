// dynamodb://TABLE[?region=R&endpoint=URL&profile=P] as a value. TABLE is a table's name or its ARN. Values may be
// percent-encoded; formatting encodes what would otherwise end the value, so that parse(format(url)) == url. Pure.
#pragma once

#include <string>
#include <string_view>

namespace bulk {

struct DynamoDbUrl {
  std::string table, region, endpoint, profile;  // all but the table may be empty: not given
  friend bool operator==(const DynamoDbUrl&, const DynamoDbUrl&) = default;
};

inline constexpr std::string_view kDynamoDbScheme = "dynamodb://";

// Throws Error(usage) that names the part that is wrong. The text never holds a value: an endpoint may carry a
// password.
DynamoDbUrl parse_dynamodb_url(std::string_view text);
std::string format_dynamodb_url(const DynamoDbUrl& url);

}  // namespace bulk
