#include "codecs/json_string.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

std::string decoded(std::string_view content) {
  std::string out = ">";
  const char* problem = decode_json_string(content, out);
  return problem == nullptr ? out : problem;
}

TEST(JsonString, DecodesEscapes) {
  EXPECT_EQ(decoded(""), ">");
  EXPECT_EQ(decoded("plain \xC3\xA9"), ">plain \xC3\xA9");
  EXPECT_EQ(decoded(R"(\"\\\/\b\f\n\r\t)"), ">\"\\/\b\f\n\r\t");
  EXPECT_EQ(decoded(R"(a\u0041\u00e9\u20ac\ud83d\ude00z)"), ">aA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
  EXPECT_EQ(decoded(R"(\u0000)"), std::string(">\0", 2));
}

TEST(JsonString, SaysWhatIsWrong) {
  EXPECT_EQ(decoded("a\"b"), "a quote inside a string");
  EXPECT_EQ(decoded("a\nb"), "a control character in a string");
  EXPECT_EQ(decoded("\\x"), "unknown escape sequence");
  EXPECT_EQ(decoded("\\"), "the text ends inside an escape sequence");
  EXPECT_EQ(decoded("\\ud800"), "lone surrogate");
  EXPECT_EQ(decoded("\xFF"), "a string is not UTF-8");
}

}  // namespace
}  // namespace bulk
