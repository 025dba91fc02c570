#include "src/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/scripted.h"

namespace bulk {
namespace {

using test::item_line;
using test::PipelineRun;
using test::ScriptedSource;

using Table = std::vector<std::string>;

ComparedSide side_of(const Table& table, bool distinct = true, bool rereadable = true) {
  ComparedSide side;
  side.name = distinct ? "table" : "file";
  side.rereadable = rereadable;
  side.run = [table, distinct](Sink& sink) {
    ScriptedSource source;
    source.distinct = distinct;
    source.segments = {table};
    PipelineRun run;
    return run(source, sink);
  };
  return side;
}

struct Outcome {
  Comparison comparison;
  std::map<std::string, Difference> keys;
};

Outcome compared(const ComparedSide& first, const ComparedSide& second) {
  Outcome outcome;
  outcome.comparison = compare(first, second, *keys_of_items(test::pk_schema()), "/tmp", 2000,
                               [&](Difference difference, std::string_view key) {
                                 EXPECT_TRUE(outcome.keys.emplace(std::string(key), difference).second) << key;
                               });
  return outcome;
}

Table table_of(int count) {
  Table table;
  for (int i = 0; i < count; ++i) table.push_back(item_line("k" + std::to_string(i), "value " + std::to_string(i)));
  return table;
}

TEST(Compare, EqualTablesInAnotherOrderAreEqual) {
  Table reversed = table_of(3000);
  std::reverse(reversed.begin(), reversed.end());
  const Outcome outcome = compared(side_of(table_of(3000)), side_of(reversed));
  EXPECT_TRUE(outcome.comparison.same());
  EXPECT_EQ(outcome.comparison.equal, 3000u);
}

TEST(Compare, FindsEveryDifferenceByKey) {
  Table changed = table_of(3000);
  changed[5] = item_line("k5", "flipped");
  changed[77] = item_line("new", "value 77");  // a record under another key
  std::swap(changed[100], changed[2999]);      // order is no difference
  changed.erase(changed.begin() + 2000);       // dropped
  const Outcome outcome = compared(side_of(table_of(3000)), side_of(changed));
  EXPECT_FALSE(outcome.comparison.same());
  EXPECT_EQ(outcome.comparison.different, 1u);
  EXPECT_EQ(outcome.comparison.only_in_first, 2u);
  EXPECT_EQ(outcome.comparison.only_in_second, 1u);
  EXPECT_EQ(outcome.comparison.equal, 2997u);
  const std::map<std::string, Difference> expected = {{R"({"pk":{"S":"k5"}})", Difference::different},
                                                      {R"({"pk":{"S":"k77"}})", Difference::only_in_first},
                                                      {R"({"pk":{"S":"k2000"}})", Difference::only_in_first},
                                                      {R"({"pk":{"S":"new"}})", Difference::only_in_second}};
  EXPECT_EQ(outcome.keys, expected);
}

TEST(Compare, IsNotFooledByValuesThatChangePlaces) {
  Table swapped = {item_line("a", "2"), item_line("b", "1")};
  const Outcome outcome = compared(side_of({item_line("a", "1"), item_line("b", "2")}), side_of(swapped));
  EXPECT_EQ(outcome.comparison.different, 2u);
}

TEST(Compare, NamesEveryKeyWhenEverythingDiffers) {
  Table other;
  for (int i = 0; i < 3000; ++i) other.push_back(item_line("k" + std::to_string(i), "other"));
  const Outcome outcome = compared(side_of(table_of(3000)), side_of(other));
  EXPECT_EQ(outcome.comparison.different, 3000u);
  EXPECT_EQ(outcome.keys.size(), 3000u);
}

TEST(Compare, OfAForeignFileTheLastRecordOfAKeyCounts) {
  Table file = table_of(300);
  file.push_back(item_line("k7", "newer"));
  Table table = table_of(300);
  EXPECT_EQ(compared(side_of(file, false), side_of(table)).keys,
            (std::map<std::string, Difference>{{R"({"pk":{"S":"k7"}})", Difference::different}}));
  table[7] = item_line("k7", "newer");
  EXPECT_TRUE(compared(side_of(file, false), side_of(table)).comparison.same());
}

TEST(Compare, IsNotFooledByTheOrderOfDoubledKeys) {
  const Table first = {item_line("k", "1"), item_line("k", "2")};
  const Table second = {item_line("k", "2"), item_line("k", "1")};
  EXPECT_EQ(compared(side_of(first, false), side_of(second, false)).comparison.different, 1u);
}

TEST(Compare, TablesThatChangeBetweenTheReadingsAreNotTheSame) {
  // Different at the first reading; at the second one every key that is looked at is equal, but the first is larger.
  ComparedSide changing;
  changing.name = "changing";
  int reading = 0;
  changing.run = [&reading](Sink& sink) {
    ScriptedSource source;
    source.segments = {++reading == 1 ? Table{item_line("a", "1")} : Table{item_line("a", "2"), item_line("b", "2")}};
    PipelineRun run;
    return run(source, sink);
  };
  EXPECT_FALSE(compared(changing, side_of({item_line("a", "2")})).comparison.same());
}

TEST(Compare, SaysThatAStreamCannotBeReadTwice) {
  try {
    compared(side_of(table_of(2), true, false), side_of(table_of(3)));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    EXPECT_TRUE(error.line().ends_with("; to learn which keys differ, compare with a file instead of table"))
        << error.line();
  }
}

}  // namespace
}  // namespace bulk
