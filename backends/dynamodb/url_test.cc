#include "backends/dynamodb/url.h"

#include <gtest/gtest.h>

#include <random>

#include "io/error.h"

namespace bulk {
namespace {

std::string refusal(std::string_view text) {
  try {
    parse_dynamodb_url(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.line();
  }
  return "accepted";
}

constexpr const char* kForm = "; the form is dynamodb://TABLE[?region=R&endpoint=URL&profile=P]";

TEST(DynamoDbUrl, ReadsTableAndParameters) {
  const DynamoDbUrl url =
      parse_dynamodb_url("dynamodb://pr-5-main?region=eu-west-1&endpoint=http://127.0.0.1:8000&profile=dev");
  EXPECT_EQ(url, (DynamoDbUrl{"pr-5-main", "eu-west-1", "http://127.0.0.1:8000", "dev"}));
  EXPECT_EQ(parse_dynamodb_url("dynamodb://t"), (DynamoDbUrl{"t", "", "", ""}));
  EXPECT_EQ(parse_dynamodb_url("dynamodb://t?"), (DynamoDbUrl{"t", "", "", ""}));
}

TEST(DynamoDbUrl, DecodesPercentSigns) {
  EXPECT_EQ(
      parse_dynamodb_url("dynamodb://arn%3Aaws%3adynamodb?endpoint=http%3A%2F%2Flocalhost%3A8000%2F%3Fa").endpoint,
      "http://localhost:8000/?a");
}

TEST(DynamoDbUrl, NamesWhatIsWrong) {
  EXPECT_EQ(refusal("dynamodb://"), std::string("dynamodb URL: no table is named") + kForm);
  EXPECT_EQ(refusal("dynamodb://t?regoin=x"), std::string("dynamodb URL: unknown parameter 'regoin'") + kForm);
  EXPECT_EQ(refusal("dynamodb://t?region=a&region=b"),
            std::string("dynamodb URL: parameter 'region' stands twice") + kForm);
  EXPECT_EQ(refusal("dynamodb://t?region="), std::string("dynamodb URL: parameter 'region' has no value") + kForm);
  EXPECT_EQ(refusal("dynamodb://t?profile"), std::string("dynamodb URL: parameter 'profile' has no value") + kForm);
  EXPECT_EQ(refusal("dynamodb://t%4"),
            std::string("dynamodb URL: '%' without two hex digits in the table's name") + kForm);
  EXPECT_EQ(refusal("dynamodb://t?region=%zz"),
            std::string("dynamodb URL: '%' without two hex digits in parameter 'region'") + kForm);
  EXPECT_EQ(refusal("dynamodb://t%0a"), std::string("dynamodb URL: a control character in the table's name") + kForm);
  EXPECT_EQ(refusal("dynamodb://t#x"), std::string("dynamodb URL: a fragment ('#') has no meaning") + kForm);
  EXPECT_EQ(refusal("dynamo://t"), std::string("not a dynamodb URL") + kForm);
}

TEST(DynamoDbUrl, ParseUndoesFormat) {
  std::mt19937 random(7);
  const auto word = [&](bool may_be_empty) {
    std::string text;
    const std::size_t length = random() % 12 + (may_be_empty ? 0 : 1);
    for (std::size_t i = 0; i < length; ++i) {
      char c = static_cast<char>(random() % 256);
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '&';
      text += c;
    }
    return text;
  };
  for (int i = 0; i < 500; ++i) {
    const DynamoDbUrl url{word(false), word(true), word(true), word(true)};
    EXPECT_EQ(parse_dynamodb_url(format_dynamodb_url(url)), url) << format_dynamodb_url(url);
  }
  EXPECT_EQ(format_dynamodb_url({"t", "us-east-1", "http://127.0.0.1:8000", ""}),
            "dynamodb://t?region=us-east-1&endpoint=http://127.0.0.1:8000");
}

}  // namespace
}  // namespace bulk
