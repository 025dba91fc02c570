// What is no update expression, and the words in which it is said.
#include "codecs/update_parser.h"

#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

const Placeholders kPlaceholders = {{{"#a", "a"}, {"#s", "status"}, {"#dot", "a.b"}},
                                    {{":n", R"({"N":"1"})"},
                                     {":s", R"({"S":"x"})"},
                                     {":ss", R"({"SS":["x"]})"},
                                     {":l", R"({"L":[]})"},
                                     {":b", R"({"BOOL":true})"}}};

std::string problem_of(const std::string& text) {
  try {
    Update::parse(text, kPlaceholders);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_FALSE(error.next_action().empty());
    return error.what();
  }
  return "accepted";
}

TEST(UpdateParser, TakesWhatTheGuideShows) {
  for (const char* text :
       {"SET a = :s", "set a = :s, b.c[1] = a REMOVE d ADD e :n, f :ss DELETE g :ss", "REMOVE a[1], a[2]",
        "SET a = a + :n", "SET a = :n-b", "SET a = if_not_exists(a, :n) + :n", "SET a = list_append(:l, b)",
        "SET a = list_append(if_not_exists(a, :l), :l)", "SET a = if_not_exists(b, if_not_exists(c, :n))",
        "SET a = (b + :n)", "SET a = (b) + (:n)", "SET a = (:s)", "SET #dot = :n, a.b = :n", "REMOVE a.b, a.c",
        "SET #s = address REMOVE address", "DELETE a :ss ADD b :n"}) {
    EXPECT_EQ(problem_of(text), "accepted") << text;
  }
}

TEST(UpdateParser, SaysWhereTheSyntaxIsWrong) {
  EXPECT_EQ(problem_of(""), "update expression, character 1: The expression can not be empty");
  EXPECT_EQ(problem_of("HELLO a = :n"),
            "update expression, character 1: Syntax error; token: \"HELLO\", near: \"HELLO a\"");
  EXPECT_EQ(problem_of("SET"), "update expression, character 4: Syntax error; token: \"<EOF>\", near: \"SET\"");
  EXPECT_EQ(problem_of("SET a = :n + :n + :n"),
            "update expression, character 17: Syntax error; token: \"+\", near: \":n + :n\"");
  EXPECT_EQ(problem_of("SET :n = :n"),
            "update expression, character 5: Syntax error; token: \":n\", near: \"SET :n =\"");
  EXPECT_EQ(problem_of("SET a = if_not_exists(a, :n + :n)"),
            "update expression, character 29: Syntax error; token: \"+\", near: \":n + :n\"");
  EXPECT_EQ(problem_of("ADD a b"), "update expression, character 7: Syntax error; token: \"b\", near: \"a b\"");
  EXPECT_EQ(problem_of("REMOVE a,"), "update expression, character 10: Syntax error; token: \"<EOF>\", near: \",\"");
  EXPECT_EQ(problem_of("SET hi-there = :n"),
            "update expression, character 7: Syntax error; token: \"-\", near: \"hi-there\"");
  EXPECT_EQ(problem_of("SET a = ((:n))"), "update expression, character 9: The expression has redundant parentheses");
}

TEST(UpdateParser, TakesEachSectionOnce) {
  EXPECT_EQ(problem_of("SET a = :n REMOVE b set c = :n"),
            "update expression, character 21: The \"SET\" section can only be used once in an update expression");
}

TEST(UpdateParser, RefusesPathsThatMeet) {
  EXPECT_EQ(
      problem_of("SET a = :n REMOVE #a"),
      "update expression, character 19: Two document paths overlap with each other; must remove or rewrite one of "
      "these paths; path one: [a], path two: [a]");
  EXPECT_EQ(
      problem_of("SET a.b[1] = :n, a.b[1].c = :n"),
      "update expression, character 18: Two document paths overlap with each other; must remove or rewrite one of "
      "these paths; path one: [a, b, [1]], path two: [a, b, [1], c]");
  EXPECT_EQ(problem_of("SET a.b.c = :n, a.b[2] = :n"),
            "update expression, character 17: Two document paths conflict with each other; must remove or rewrite one "
            "of these paths; path one: [a, b, c], path two: [a, b, [2]]");
  for (const char* text : {"SET a = :n, a.b = :n", "SET a[1][1] = :n, a[1] = :n", "ADD a :n DELETE a :ss"}) {
    EXPECT_NE(problem_of(text).find("overlap"), std::string::npos) << text;
  }
}

TEST(UpdateParser, ChecksOperandsThatItKnows) {
  EXPECT_EQ(
      problem_of("SET a = b + :s"),
      "update expression, character 13: Incorrect operand type for operator or function; operator or function: +, "
      "operand type: S");
  EXPECT_EQ(problem_of("SET a = list_append(b, :s)"),
            "update expression, character 24: Incorrect operand type for operator or function; operator or function: "
            "list_append, operand type: S");
  EXPECT_EQ(problem_of("SET a = list_append(list_append(:l, :l), :l)"),
            "update expression, character 21: The function is not allowed to be used this way in an expression; "
            "function: list_append");
  EXPECT_EQ(problem_of("SET a = list_append(:l)"),
            "update expression, character 9: Incorrect number of operands for operator or function; operator or "
            "function: list_append, number of operands: 1");
  EXPECT_EQ(problem_of("SET a = if_not_exists(:n, :n)"),
            "update expression, character 23: Operator or function requires a document path; operator or function: "
            "if_not_exists");
  EXPECT_EQ(problem_of("ADD a :s"),
            "update expression, character 7: Incorrect operand type for operator or function; operator: ADD, operand "
            "type: STRING");
  EXPECT_EQ(problem_of("ADD a :b"),
            "update expression, character 7: Incorrect operand type for operator or function; operator: ADD, operand "
            "type: BOOLEAN");
  EXPECT_EQ(problem_of("DELETE a :n"),
            "update expression, character 10: Incorrect operand type for operator or function; operator: DELETE, "
            "operand type: NUMBER");
  EXPECT_EQ(problem_of("SET a = f(b,c)"), "update expression, character 9: Invalid function name; function: f");
  EXPECT_EQ(problem_of("SET a = LIST_APPEND(:l,:l)"),
            "update expression, character 9: Invalid function name; function: LIST_APPEND");
  EXPECT_EQ(problem_of("SET a = size(b)"),
            "update expression, character 9: The function is not allowed to be used this way in an expression; "
            "function: size");
  EXPECT_EQ(problem_of("SET location = :n"),
            "update expression, character 5: Attribute name is a reserved keyword; reserved keyword: location");
}

}  // namespace
}  // namespace bulk
