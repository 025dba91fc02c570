#include "src/backfill/where.h"

#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kItem =
    R"({"pk":{"S":"a"},"n":{"N":"3"},"status":{"S":"open"},"big":{"N":"12345678901234567890123456789012345678"},)"
    R"("flag":{"BOOL":true},"off":{"BOOL":false},"none":{"NULL":true},"quote":{"S":"it's \"so\""},"empty":{"S":""},)"
    R"("list":{"L":[{"N":"1"},{"S":"x"},{"M":{"y":{"N":"7"}}},{"N":"4"},{"N":"5"},{"N":"6"},{"N":"7"},{"N":"8"},)"
    R"({"N":"9"},{"N":"10"},{"N":"11"}]},"map":{"M":{"size":{"N":"2"},"true":{"S":"t"},"a.b":{"S":"dot"}}},)"
    R"("a.b":{"S":"dotted"},"tags":{"SS":["x","y"]},"été":{"S":"é"},"and":{"S":"word"},"size":{"N":"9"},)"
    R"("n1":{"N":"-2.5"},"say \"hi\"":{"S":"hi"}})";

bool holds(const std::string& where) {
  ItemView view;
  view.reset(kItem);
  return parse_where(where).holds(view);
}

std::string error_of(const std::string& where) {
  try {
    parse_where(where);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.line();
  }
  return "no error";
}

TEST(Where, TakesValuesInTheText) {
  for (const char* where : {
           "n = 3",
           "n=3",
           "n > 2 AND n < 4",
           "n BETWEEN 1 AND 5",
           "n IN (1, 2, 3)",
           "n IN (1,2,3)",
           "3 = n",
           "n = 3.0",
           "n = 30e-1",
           "n = 3E+0",
           "n1 = -2.5",
           "n1 < +1",
           "n1=-2.5",
           "n > -1",
           "big = 12345678901234567890123456789012345678",
           "status = 'open'",
           "status='open'",
           "status IN ('new', 'open')",
           "begins_with(status, 'op')",
           "contains(tags, 'x')",
           "empty = ''",
           "quote = 'it''s \"so\"'",
           "flag = true",
           "flag = TRUE",
           "off = false",
           "off = False",
           "none = null",
           "none = NULL",
           "attribute_type(n, 'N')",
           "NOT n = 4",
           "not (n = 4 or n = 5)",
           "(n = 3) and (status = 'open')",
       }) {
    EXPECT_TRUE(holds(where)) << where;
    EXPECT_FALSE(holds("NOT (" + std::string(where) + ")")) << where;
  }
}

TEST(Where, TakesReservedAndOtherWordsForNames) {
  for (const char* where : {
           "status <> 'shut'",
           "size = 9",
           "attribute_exists(list)",
           "attribute_not_exists(value)",
           "attribute_not_exists( comment )",
           "map.size = 2",
           "map.true = 't'",
           "\"and\" = 'word'",
           "été = 'é'",
           "\"a.b\" = 'dotted'",
           "map.\"a.b\" = 'dot'",
           "\"say \"\"hi\"\"\" = 'hi'",
           "\"n\" = 3",
       }) {
    EXPECT_TRUE(holds(where)) << where;
  }
}

TEST(Where, CallsFunctionsWithOrWithoutSpace) {
  for (const char* where :
       {"size(status) = 4", "size (status) = 4", "size\t(status) = 4", "attribute_exists\n(n)", "size( status )=4"}) {
    EXPECT_TRUE(holds(where)) << where;
  }
}

TEST(Where, KnowsAnIndexFromAValue) {
  for (const char* where : {"list[0] = 1", "list[1] = 'x'", "list[2].y = 7", "list[10] = 11", "list[ 10 ] = 11",
                            "list[0] < 2 AND list[10] > 3", "size(list) = 11", "attribute_not_exists(list[11])"}) {
    EXPECT_TRUE(holds(where)) << where;
  }
}

TEST(Where, MayBeSpreadOverLines) {
  EXPECT_TRUE(holds("\n  n\t=\r\n3\nAND\tstatus\n=\n'open'  "));
  EXPECT_TRUE(holds("list[\n0] = 1"));
}

TEST(Where, SaysWhatItCannotUse) {
  EXPECT_EQ(error_of("status = 'open"), "--where: the quote at character 10 is not closed");
  EXPECT_EQ(error_of("\"status = 'open'"), "--where: the quote at character 1 is not closed");
  EXPECT_EQ(error_of("status = 'it''s"), "--where: the quote at character 10 is not closed");
  EXPECT_EQ(error_of("n = 1x"), "--where: The parameter cannot be converted to a numeric value: 1x");
  EXPECT_EQ(error_of("n = 123456789012345678901234567890123456789"),
            "--where: Attempting to store more than 38 significant digits in a Number");
  EXPECT_EQ(error_of("n ="), "--where: Syntax error; token: \"<EOF>\", near: \"=\"; correct the condition");
  EXPECT_EQ(error_of("n > 3 AND"), "--where: Syntax error; token: \"<EOF>\", near: \"AND\"; correct the condition");
  EXPECT_EQ(error_of("n > 3 5"), "--where: Syntax error; token: \"5\", near: \"3 5\"; correct the condition");
  EXPECT_EQ(error_of("n = :x"), "--where: Syntax error; token: \":\", near: \"= :x\"; correct the condition");
  EXPECT_EQ(error_of("#n = 3"), "--where: Syntax error; token: \"#\", near: \"#n\"; correct the condition");
  EXPECT_EQ(error_of("siz(n) = 3"), "--where: Invalid function name; function: siz; correct the condition");
  EXPECT_EQ(error_of("\"\" = 3"), "--where: a name in quotes is empty");
  EXPECT_EQ(error_of("   "), "--where: The expression can not be empty; correct the condition");
  EXPECT_EQ(error_of("n == 3"), "--where: Syntax error; token: \"=\", near: \"== 3\"; correct the condition");
  EXPECT_EQ(error_of("status = '\xff'"), "--where: it is not UTF-8");
  EXPECT_EQ(error_of("\xff = 3"), "--where: it is not UTF-8");
  EXPECT_EQ(error_of("\"\xff\" = 3"), "--where: it is not UTF-8");
}

}  // namespace
}  // namespace bulk
