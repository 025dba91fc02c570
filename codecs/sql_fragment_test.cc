#include "codecs/sql_fragment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

using Form = SqlAssignment::Form;
using testing::ElementsAre;

template <typename Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "accepted";
}
std::string condition(const std::string& text) {
  return refusal([&] { check_sql_condition(text); });
}
std::string set_list(const std::string& text) {
  return refusal([&] { parse_set_list(text); });
}

TEST(SqlCondition, IsTakenWhateverItHoldsInStringsNamesAndComments) {
  for (const std::string text : {
           "a IS NULL AND (b = 'x;y''z)' OR \"odd \"\" ;(\" > 5)",
           "a = E'\\';' 'b' -- a comment )",
           "a = E'x'\n  '\\';('",
           "a /* ; /* ) */ ( */ = 1",
           "a = $$it's ; ($$ OR a = $q$ $$ ; $q$",
           "tags[1] = 'x' AND doc ->> 'k' = 'v' AND doc ? 'x'",
           "a IS DISTINCT FROM b",
           "a-- b\n = 1",
           "n = -1 AND x$1 = 2",
           "U&'d\\0061t' = a",
       }) {
    EXPECT_EQ(condition(text), "accepted") << text;
  }
}

TEST(SqlCondition, CannotEndTheStatementAroundIt) {
  EXPECT_EQ(condition("a = 1; DROP TABLE t"), "a semicolon: it would end the statement");
  EXPECT_EQ(condition("a = 1) OR (true"), "a ')' that closes nothing");
  EXPECT_EQ(condition("(a = 1"), "a bracket is not closed: ')' is missing");
  EXPECT_EQ(condition("a[1) = 1"), "a ')' that closes nothing");
  EXPECT_EQ(condition("a = 'x"), "a string that does not end");
  EXPECT_EQ(condition("a = E'x\\'"), "a string that does not end");
  EXPECT_EQ(condition("\"a = 1"), "a name in quotes that does not end");
  EXPECT_EQ(condition("a = 1 /* /* */"), "a comment that does not end");
  EXPECT_EQ(condition("a = $x$ $y$"), "a string in $x$ that does not end");
  EXPECT_EQ(condition("a = $1"), "a parameter, $1: there are none");
  EXPECT_EQ(condition("a \\g"), "a backslash outside of strings");
  EXPECT_EQ(condition(std::string("a\0b", 3)), "a NUL character");
  EXPECT_EQ(condition(" -- nothing"), "there is no condition");
  EXPECT_EQ(condition("Where a = 1"), "a condition stands without the word WHERE");
}

TEST(SetList, IsCutIntoItsAssignments) {
  EXPECT_THAT(parse_set_list("location = address, Address = NULL -- moved"),
              ElementsAre(SqlAssignment{Form::expression, {"location"}, "", "address"},
                          SqlAssignment{Form::expression, {"address"}, "", "NULL"}));
  EXPECT_THAT(
      parse_set_list("\"Odd \"\" ,=\" = f(a, b) || ',' , n=-1, m = DEFAULT"),
      ElementsAre(SqlAssignment{Form::expression, {"Odd \" ,="}, "", "f(a, b) || ','"},
                  SqlAssignment{Form::expression, {"n"}, "", "-1"}, SqlAssignment{Form::standard, {"m"}, "", ""}));
  EXPECT_THAT(parse_set_list("tags[1] = 'x', place.street = 'y', same = (a = b)"),
              ElementsAre(SqlAssignment{Form::element, {"tags"}, "[1]", "'x'"},
                          SqlAssignment{Form::element, {"place"}, ".street", "'y'"},
                          SqlAssignment{Form::expression, {"same"}, "", "(a = b)"}));
}

TEST(SetList, TakesSeveralColumnsAtOnce) {
  EXPECT_THAT(
      parse_set_list("(a, B) = (b, DEFAULT), (c, d) = ROW (1, (2))"),
      ElementsAre(SqlAssignment{Form::expression, {"a"}, "", "b"}, SqlAssignment{Form::standard, {"b"}, "", ""},
                  SqlAssignment{Form::expression, {"c"}, "", "1"}, SqlAssignment{Form::expression, {"d"}, "", "(2)"}));
  EXPECT_THAT(parse_set_list("(a, b) = (SELECT x, y FROM z)"),
              ElementsAre(SqlAssignment{Form::query, {"a", "b"}, "", "SELECT x, y FROM z"}));
  EXPECT_EQ(set_list("(a, b) = (1)"), "2 columns are set to 1 values");
  EXPECT_EQ(set_list("(a, b) = f(x)"), "behind (a, b) = stands (x, y), ROW (x, y) or (SELECT ...)");
}

TEST(SetList, CannotGoOnWithTheStatement) {
  EXPECT_EQ(set_list("a = 1 WHERE b = 2"), "\"a\": a SET list has no WHERE");
  EXPECT_EQ(set_list("a = 1 FROM other"), "\"a\": a SET list has no FROM");
  EXPECT_EQ(set_list("a = b IS DISTINCT FROM c"), "accepted");
  EXPECT_EQ(set_list("a = (SELECT x FROM y WHERE z)"), "accepted");
  EXPECT_EQ(set_list("a = 1 RETURNING a"), "\"a\": a SET list has no RETURNING");
  EXPECT_EQ(set_list("SET a = 1"), "a SET list stands without the word SET");
  EXPECT_EQ(set_list("UPDATE t SET a = 1"), "a SET list alone is wanted");
  EXPECT_EQ(set_list("a = 1;"), "a semicolon: it would end the statement");
  EXPECT_EQ(set_list("a = 1), b = (2"), "a ')' that closes nothing");
  EXPECT_EQ(set_list("a = 1,"), "an assignment is empty: a comma too many");
  EXPECT_EQ(set_list("a"), "'a' is no assignment");
  EXPECT_EQ(set_list("a ="), "\"a\": no value behind '='");
  EXPECT_EQ(set_list("5 = a"), "'5' where the name of a column is expected");
  EXPECT_EQ(set_list("a b = 1"), "'a b' where the name of a column is expected");
  EXPECT_EQ(set_list(""), "there is no assignment");
}

TEST(SetList, IsWrittenSoThatNoValueReachesIntoTheNext) {
  EXPECT_EQ(format_set_list(parse_set_list("A = 1 + /* x */ 2, \"q\"\"\"[2] = b, c = default, (d, e) = (select 1, 2)")),
            "\"a\" = (\n1 + /* x */ 2\n), \"q\"\"\"[2] = (\nb\n), \"c\" = DEFAULT, (\"d\", \"e\") = (\nselect 1, 2\n)");
}

}  // namespace
}  // namespace bulk
