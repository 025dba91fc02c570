#include "codecs/expression_lexer.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

std::string cut(std::string_view text) {
  static constexpr char kLetters[] = {'n', '#', ':', '1', 's', '!', '$'};
  std::string out;
  for (const ExpressionToken& token : cut_expression(text)) {
    EXPECT_EQ(text.substr(token.at, token.text.size()), token.text);
    out += std::string(out.empty() ? "" : " ") + kLetters[static_cast<int>(token.kind)] + std::string(token.text);
  }
  return out;
}

TEST(ExpressionLexer, CutsTokens) {
  EXPECT_EQ(cut(""), "$");
  EXPECT_EQ(cut("SET #l=a.b[10] "), "nSET ##l s= na s. nb s[ 110 s] $");
  EXPECT_EQ(cut("a<=:v1 AND b<>:v2"), "na s<= ::v1 nAND nb s<> ::v2 $");
  EXPECT_EQ(cut("a< =b>=c>d"), "na s< s= nb s>= nc s> nd $");
  EXPECT_EQ(cut("a_1+-(\t,\n)"), "na_1 s+ s- s( s, s) $");
  EXPECT_EQ(cut("1a"), "11 na $");
}

TEST(ExpressionLexer, MarksWhatNothingBeginsWith) {
  EXPECT_EQ(cut("_a"), "!_ na $");
  EXPECT_EQ(cut("# :"), "!# !: $");
  EXPECT_EQ(cut("a\xC3\xA9z"), "na !\xC3\xA9 nz $");
  EXPECT_EQ(cut("\"a\""), "!\" na !\" $");
}

TEST(ExpressionLexer, ComparesKeywordsWithoutCase) {
  const auto tokens = cut_expression("BETWEEN between Betwee #between");
  EXPECT_TRUE(is_keyword(tokens[0], "BETWEEN"));
  EXPECT_TRUE(is_keyword(tokens[1], "BETWEEN"));
  EXPECT_FALSE(is_keyword(tokens[2], "BETWEEN"));
  EXPECT_FALSE(is_keyword(tokens[3], "BETWEEN"));
}

}  // namespace
}  // namespace bulk
