// What is no condition, and the words in which it is said.
#include "codecs/condition_parser.h"

#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

const Placeholders kPlaceholders = {
    {{"#s", "status"}, {"#d", "with.dot"}, {"#empty", ""}, {"#long", std::string(65'536, 'x')}},
    {{":one", R"({"N":"1"})"},
     {":two", R"({"N":"2"})"},
     {":s", R"({"S":"x"})"},
     {":list", R"({"L":[]})"},
     {":t", R"({"S":"NS"})"},
     {":dog", R"({"S":"DOG"})"},
     {":bad", R"({"N":"x"})"},
     {":bare", "1"}}};

std::string problem_of(const std::string& text) {
  try {
    Condition::parse(text, kPlaceholders);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_FALSE(error.next_action().empty());
    return error.what();
  }
  return "accepted";
}

TEST(ConditionParser, TakesWhatTheGuideShows) {
  for (const char* text : {"attribute_exists(Pictures.SideView)",
                           "attribute_not_exists(Manufacturer)",
                           "attribute_type(a.b[1], :t)",
                           "begins_with(a, :s)",
                           "contains(a, :s)",
                           "size(a) <= :two",
                           "a BETWEEN :one AND :two",
                           "a between x and y AND b = :one",
                           "a IN (:one, :two, b)",
                           "a in(b)",
                           "NOT a = :one",
                           "not not a = :one",
                           "(a = :one OR b <> :two) AND NOT (c > :one)",
                           "a[1][2].b.#s = :one",
                           "#d = :one",
                           ":one = a",
                           "size(a) = size(b)",
                           "(a) = (:one)",
                           "((a = :one) OR b = :one)",
                           "contains = begins_with",
                           "a\n=\t:one",
                           "a.b = a.c",
                           "attribute_type(:one, :t)",
                           "size(a) IN (size(b), :one)",
                           "a . b [ 1 ] = :one"}) {
    EXPECT_EQ(problem_of(text), "accepted") << text;
  }
}

TEST(ConditionParser, SaysWhereTheSyntaxIsWrong) {
  EXPECT_EQ(problem_of(""), "condition, character 1: The expression can not be empty");
  EXPECT_EQ(problem_of(" \n"), "condition, character 1: The expression can not be empty");
  EXPECT_EQ(problem_of("a ="), "condition, character 4: Syntax error; token: \"<EOF>\", near: \"=\"");
  EXPECT_EQ(problem_of("a"), "condition, character 2: Syntax error; token: \"<EOF>\", near: \"a\"");
  EXPECT_EQ(problem_of("a = b = c"), "condition, character 7: Syntax error; token: \"=\", near: \"b = c\"");
  EXPECT_EQ(problem_of("_a = b"), "condition, character 1: Syntax error; token: \"_\", near: \"_a\"");
  EXPECT_EQ(problem_of("\xC3\xA9 = _a"),
            "condition, character 1: Syntax error; token: \"\xC3\xA9\", near: \"\xC3\xA9 =\"");
  EXPECT_EQ(problem_of("a = :one AND _b = :one"),
            "condition, character 14: Syntax error; token: \"_\", near: \"AND _b\"");
  EXPECT_EQ(problem_of("a IN ()"), "condition, character 7: Syntax error; token: \")\", near: \"()\"");
  EXPECT_EQ(problem_of("(a = :one"), "condition, character 10: Syntax error; token: \"<EOF>\", near: \":one\"");
  EXPECT_EQ(problem_of("a[:one] = b"), "condition, character 3: Syntax error; token: \":one\", near: \"[:one]\"");
  EXPECT_EQ(problem_of("a = 1"), "condition, character 5: Syntax error; token: \"1\", near: \"= 1\"");
  EXPECT_EQ(problem_of("a BETWEEN b c"), "condition, character 13: Syntax error; token: \"c\", near: \"b c\"");
  EXPECT_EQ(problem_of(":one AND a = b"), "condition, character 6: Syntax error; token: \"AND\", near: \":one AND a\"");
}

TEST(ConditionParser, SaysWhatToDoNext) {
  try {
    Condition::parse("a = b OR location = c", {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.line(),
              "condition, character 10: Attribute name is a reserved keyword; reserved keyword: location; write "
              "#location in its place and define it among the names: \"#location\" = \"location\"");
  }
  try {
    Condition::parse("a == b", {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.line(),
              "condition, character 4: Syntax error; token: \"=\", near: \"== b\"; correct the condition `a == b`");
  }
}

TEST(ConditionParser, RefusesReservedWordsAnywhereInAPath) {
  EXPECT_EQ(problem_of("a.b.Name = :one"),
            "condition, character 5: Attribute name is a reserved keyword; reserved keyword: Name");
  EXPECT_EQ(problem_of("size = :one"),
            "condition, character 1: Attribute name is a reserved keyword; reserved keyword: size");
}

TEST(ConditionParser, WantsItsPlaceholdersDefined) {
  EXPECT_EQ(problem_of("#x = :one"),
            "condition, character 1: An expression attribute name used in the document path is not defined; attribute "
            "name: #x");
  EXPECT_EQ(problem_of("a = :x"),
            "condition, character 5: An expression attribute value used in expression is not defined; attribute value: "
            ":x");
  EXPECT_EQ(problem_of("a = :bad"),
            "condition, character 5: ExpressionAttributeValues contains invalid value: The parameter cannot be "
            "converted to a numeric value: x for key :bad");
  EXPECT_EQ(problem_of("a = :bare"),
            "condition, character 5: ExpressionAttributeValues contains invalid value: expected '{' for key :bare");
  EXPECT_EQ(problem_of("#empty = :one"),
            "condition, character 1: the name that #empty stands for has 0 bytes; 1 to 65535 are allowed");
  EXPECT_EQ(problem_of("#long = :one"),
            "condition, character 1: the name that #long stands for has 65536 bytes; 1 to 65535 are allowed");
}

TEST(ConditionParser, ChecksOperandsThatItKnows) {
  EXPECT_EQ(problem_of("a < :list"),
            "condition, character 5: Incorrect operand type for operator or function; operator or function: <, operand "
            "type: L");
  EXPECT_EQ(problem_of("a = :list"), "accepted");
  EXPECT_EQ(problem_of("begins_with(a, :one)"),
            "condition, character 16: Incorrect operand type for operator or function; operator or function: "
            "begins_with, operand type: N");
  EXPECT_EQ(problem_of("size(:one) = a"),
            "condition, character 6: Incorrect operand type for operator or function; operator or function: size, "
            "operand type: N");
  EXPECT_EQ(problem_of("size(size(a)) = b"),
            "condition, character 6: Incorrect operand type for operator or function; operator or function: size, "
            "operand type: N");
  EXPECT_EQ(problem_of("a BETWEEN :two AND :one"),
            "condition, character 11: The BETWEEN operator requires upper bound to be greater than or equal to lower "
            "bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}");
  EXPECT_EQ(problem_of("a BETWEEN :one AND :s"),
            "condition, character 11: The BETWEEN operator requires same data type for lower and upper bounds; lower "
            "bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:x}");
  EXPECT_EQ(problem_of("contains(a.b[1], a.b[1])"),
            "condition, character 10: The first operand must be distinct from the remaining operands for this operator "
            "or function; operator: contains, first operand: [a, b, [1]]");
  EXPECT_EQ(problem_of("#s = #s"),
            "condition, character 1: The first operand must be distinct from the remaining operands for this operator "
            "or function; operator: =, first operand: [status]");
  EXPECT_EQ(problem_of("attribute_exists(:one)"),
            "condition, character 18: Operator or function requires a document path; operator or function: "
            "attribute_exists");
  EXPECT_EQ(problem_of("attribute_type(a, b)"),
            "condition, character 19: Incorrect operand type for operator or function; operator or function: "
            "attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
  EXPECT_EQ(problem_of("attribute_type(a, :dog)"),
            "condition, character 19: Invalid attribute type name found; type: DOG, valid types: "
            "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}");
}

TEST(ConditionParser, KnowsItsFunctions) {
  EXPECT_EQ(problem_of("dog(a) = :one"), "condition, character 1: Invalid function name; function: dog");
  EXPECT_EQ(problem_of("Attribute_exists(a)"),
            "condition, character 1: Invalid function name; function: Attribute_exists");
  EXPECT_EQ(problem_of("if_not_exists(a, b) = :one"),
            "condition, character 1: The function is not allowed to be used this way in an expression; function: "
            "if_not_exists");
  EXPECT_EQ(problem_of("a = contains(a, b)"),
            "condition, character 5: The function is not allowed to be used this way in an expression; function: "
            "contains");
  EXPECT_EQ(problem_of("attribute_exists(a) = b"),
            "condition, character 1: The function is not allowed to be used this way in an expression; function: "
            "attribute_exists");
  EXPECT_EQ(problem_of("size(a)"),
            "condition, character 1: The function is not allowed to be used this way in an expression; function: size");
  EXPECT_EQ(problem_of("size(a, b) = c"),
            "condition, character 1: Incorrect number of operands for operator or function; operator or function: "
            "size, number of operands: 2");
  EXPECT_EQ(problem_of("contains(a)"),
            "condition, character 1: Incorrect number of operands for operator or function; operator or function: "
            "contains, number of operands: 1");
}

TEST(ConditionParser, RefusesRedundantParentheses) {
  EXPECT_EQ(problem_of("((a = :one))"), "condition, character 1: The expression has redundant parentheses");
  EXPECT_EQ(problem_of("((a)) = :one"), "condition, character 1: The expression has redundant parentheses");
  EXPECT_EQ(problem_of("b = ((a))"), "condition, character 5: The expression has redundant parentheses");
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

TEST(ConditionParser, KeepsTheServicesLimits) {
  EXPECT_EQ(problem_of("a" + std::string(4085, ' ') + " = :one123"),
            "condition, character 4090: An expression attribute value used in expression is not defined; attribute "
            "value: :one123");
  EXPECT_EQ(problem_of("a" + std::string(4096, ' ')),
            "condition: Expression size has exceeded the maximum allowed size; expression size: 4097");
  EXPECT_EQ(problem_of("a<b " + repeated("or (a<b ", 149) + std::string(149, ')')), "accepted");
  EXPECT_EQ(problem_of("a<b " + repeated("or a<b ", 150)),
            "condition, character 1052: The expression contains too many operators; operator count: 301");
  EXPECT_EQ(problem_of(repeated("not ", 1000) + "a<b"),
            "condition, character 1201: The expression contains too many operators; operator count: 301");
  EXPECT_EQ(problem_of(std::string(4096, '(')), "condition, character 301: The expression is nested too deeply");
  EXPECT_EQ(problem_of("a = " + repeated("size(", 600) + "b" + std::string(600, ')')),
            "condition, character 1500: The expression contains too many operators; operator count: 301");
  EXPECT_EQ(problem_of("a IN (" + repeated(":one,", 99) + ":one)"), "accepted");
  EXPECT_EQ(problem_of("a IN (" + repeated(":one,", 100) + ":one)"),
            "condition, character 3: Invalid number of operands for IN: 101; 100 are allowed");
  EXPECT_EQ(problem_of("a" + repeated(".a", 31) + " = :one"), "accepted");
  EXPECT_EQ(problem_of("a" + repeated("[0]", 32) + " = :one"),
            "condition, character 1: The document path has too many nesting elements; nesting levels: 33");
  EXPECT_EQ(problem_of("a[1234567890] = :one"),
            "condition, character 3: List index is not within the allowable range; index: [1234567890]");
}

}  // namespace
}  // namespace bulk
