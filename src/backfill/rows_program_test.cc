#include "src/backfill/rows_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

const std::vector<RowColumn> kColumns = {{"id", "bigint", RowKind::number},
                                         {"a", "text", RowKind::text},
                                         {"ok", "boolean", RowKind::boolean},
                                         {"doc", "jsonb", RowKind::json}};

TEST(RowAsItem, KeepsEveryValueExactlyThereAndBack) {
  const std::string row =
      R"({"id":12345678901234567890.50,"a":"x\"\n","ok":true,"doc":{"k":[1.0,null,"s",false,{"":{}}],"n":-0}})";
  const std::string item =
      R"({"Item":{"id":{"N":"12345678901234567890.50"},"a":{"S":"x\"\n"},"ok":{"BOOL":true},"doc":{"M":{"k":{"L":[)"
      R"({"N":"1.0"},{"NULL":true},{"S":"s"},{"BOOL":false},{"M":{"":{"M":{}}}}]},"n":{"N":"-0"}}}}})";
  EXPECT_EQ(row_as_item(row), item);
  EXPECT_EQ(item_as_row(item, kColumns, "module m"), row);
  EXPECT_EQ(row_as_item(R"({"doc":null})"), R"({"Item":{"doc":{"NULL":true}}})");
}

TEST(RowAsItem, TakesNullForNoValueButInJsonb) {
  EXPECT_EQ(item_as_row(R"({"Item":{"a":{"NULL":true},"doc":{"NULL":true}}})", kColumns, "m"), R"({"doc":null})");
  EXPECT_EQ(without_nulls(R"({"id":1.10, "a":null,"doc":null,"ok":null})", kColumns), R"({"id":1.10,"doc":null})");
  EXPECT_EQ(without_nulls(R"({"doc":{"a":null},"a":null})", kColumns), R"({"doc":{"a":null}})");
  EXPECT_EQ(without_nulls(R"({"a":null)", kColumns), R"({"a":null)");
}

TEST(RowAsItem, RefusesWhatNoRowHolds) {
  for (const char* value : {R"({"SS":["x"]})", R"({"B":"eA=="})", R"({"L":[{"NS":["1"]}]})"}) {
    try {
      item_as_row(std::string(R"({"Item":{"doc":)") + value + "}}", kColumns, "module m");
      ADD_FAILURE() << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.line(),
                "module m sets column \"doc\" to a Set or binary value, which a row cannot hold; give an array, or a "
                "text as PostgreSQL reads it; nothing of this batch was written");
    }
  }
}

TEST(RoundedNumber, IsFoundWhereAProgramHasReadItAsADouble) {
  const std::string row = R"({"id":5,"doc":{"big":12345678901234567890,"n":1.10}})";
  EXPECT_EQ(rounded_number(row, R"({"id":5,"doc":{"big":12345678901234567000,"n":1.1}})"), "12345678901234567890");
  EXPECT_EQ(rounded_number(row, R"({"id":5,"doc":{"big":1.2345678901234567e19}})"), "12345678901234567890");
  EXPECT_EQ(rounded_number(row, R"({"id":6,"other":12345678901234567890})"), std::nullopt);
  EXPECT_EQ(rounded_number(row, R"({"id":5,"doc":{"big":1}})"), std::nullopt);
  EXPECT_EQ(rounded_number(R"({"id":9007199254740993})", R"({"id":9007199254740992})"), "9007199254740993");
  EXPECT_EQ(rounded_number(R"({"n":1.10})", R"({"n":1.1})"), std::nullopt);
}

}  // namespace
}  // namespace bulk
