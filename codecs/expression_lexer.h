// An expression's text cut into tokens. Keywords are names here: which of them mean something depends on where they
// stand. Views of the text; pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bulk {

struct ExpressionToken {
  enum class Kind {
    name,               // a letter, then letters, digits and underscores
    name_placeholder,   // #name
    value_placeholder,  // :name
    number,             // digits; they stand for the place in a list only
    symbol,             // = <> < <= > >= + - ( ) [ ] , .
    wrong,              // a character that no token begins with, or a placeholder without a name
    end
  };
  Kind kind = Kind::end;
  std::string_view text;
  std::size_t at = 0;  // byte in the expression
};

// The last token is an `end`.
std::vector<ExpressionToken> cut_expression(std::string_view expression);

// Without regard to case.
bool is_keyword(const ExpressionToken& token, std::string_view upper_case);

}  // namespace bulk
