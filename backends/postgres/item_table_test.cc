#include "backends/postgres/item_table.h"

#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk::test {
namespace {

RowTable table(std::vector<RowColumn> columns, std::vector<std::string> key) {
  return {"public", "Shop", std::move(columns), std::move(key)};
}
RowColumn column(const std::string& name, const std::string& type) {
  return {name, type, RowKind::text};
}

std::string refusal(const RowTable& wrong) {
  try {
    item_key_of(wrong);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.next_action(),
              "such a table is made like this, its key named as the items' key attributes, of types text, numeric or "
              "bytea: CREATE TABLE \"public\".\"Shop\" (pk text COLLATE \"C\", sk numeric, item jsonb NOT NULL, "
              "PRIMARY KEY (pk, sk)); --create makes it");
    return error.what();
  }
  return "none";
}

TEST(ItemTable, TellsTheKeyWhateverTheOrderOfTheColumns) {
  EXPECT_EQ(item_key_of(table({column("pk", "text"), kItemColumn}, {"pk"})).text(), "pk:S");
  EXPECT_EQ(item_key_of(table({kItemColumn, column("a:b", "numeric"), column("Id", "bytea")}, {"Id", "a:b"})).text(),
            "Id:B,a:b:N");
}

TEST(ItemTable, SaysWhyATableIsNoneOfItems) {
  const RowColumn pk = column("pk", "text");
  EXPECT_EQ(refusal(table({pk}, {"pk"})), "public.Shop is no table of items: it has no column 'item'");
  EXPECT_EQ(refusal(table({pk, column("item", "json")}, {"pk"})),
            "public.Shop is no table of items: column 'item' is json");
  EXPECT_EQ(refusal(table({pk, kItemColumn}, {})), "public.Shop is no table of items: it has no primary key");
  EXPECT_EQ(refusal(table({pk, pk, pk, kItemColumn}, {"a", "b", "c"})),
            "public.Shop is no table of items: its primary key has 3 columns");
  EXPECT_EQ(refusal(table({pk, column("sk", "numeric(10,2)"), kItemColumn}, {"pk", "sk"})),
            "public.Shop is no table of items: column 'sk' of its primary key is numeric(10,2)");
  EXPECT_EQ(refusal(table({kItemColumn}, {"pk"})),
            "public.Shop is no table of items: column 'pk' of its primary key is generated");
  EXPECT_EQ(refusal(table({kItemColumn}, {"item"})),
            "public.Shop is no table of items: column 'item' of its primary key is jsonb");
  EXPECT_EQ(
      refusal(table({pk, kItemColumn, column("note", "text")}, {"pk"})),
      "public.Shop is no table of items: column 'note' is neither in its primary key nor generated from the item");
}

TEST(ItemTable, IsMadeWithItsKeyAsColumnsThatCannotDifferFromTheItem) {
  EXPECT_EQ(create_item_table_sql({"public", "t"}, KeySchema{{"pk", 'S'}, KeyAttribute{"sk", 'N'}}),
            "CREATE TABLE \"public\".\"t\" (\"pk\" text COLLATE \"C\", \"sk\" numeric, item jsonb NOT NULL, "
            "PRIMARY KEY (\"pk\", \"sk\"), CHECK ((\"pk\" = (item -> 'pk' ->> 'S')) IS TRUE), "
            "CHECK ((\"sk\" = (item -> 'sk' ->> 'N')::pg_catalog.numeric) IS TRUE))");
  EXPECT_EQ(create_item_table_sql({"s", "t"}, KeySchema{{"o'k \"x\"", 'B'}, std::nullopt}),
            "CREATE TABLE \"s\".\"t\" (\"o'k \"\"x\"\"\" bytea, item jsonb NOT NULL, PRIMARY KEY (\"o'k \"\"x\"\"\"), "
            "CHECK ((\"o'k \"\"x\"\"\" = pg_catalog.decode(item -> 'o''k \"x\"' ->> 'B', 'base64')) IS TRUE))");
}

TEST(ItemTable, IsNotMadeUnderNamesThatWouldBeCut) {
  const auto text_of = [](const std::string& table, const std::string& key) -> std::string {
    try {
      return create_item_table_sql({"public", table}, KeySchema{{key, 'S'}, std::nullopt});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused);
      return error.line();
    }
  };
  const std::string most(63, 'n');
  EXPECT_EQ(text_of(most, most).substr(0, 12), "CREATE TABLE");
  EXPECT_EQ(text_of(most + "n", "pk"),
            "a table of PostgreSQL cannot be named '" + most + "n'; names have 63 bytes at most");
  EXPECT_EQ(text_of("t", most + "n"),
            "a column cannot be named as the key attribute '" + most + "n'; names have 63 bytes at most");
  EXPECT_EQ(text_of("t", "item"),
            "a column cannot be named as the key attribute 'item'; the column 'item' holds the whole item");
}

}  // namespace
}  // namespace bulk::test
