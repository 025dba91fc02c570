// What updates make of items.
#include <gtest/gtest.h>

#include "codecs/expression.h"
#include "codecs/item.h"

namespace bulk {
namespace {

const Placeholders kPlaceholders = {{{"#l", "location"}, {"#dot", "m.x"}},
                                    {{":one", R"({"N":"1"})"},
                                     {":two", R"( { "N" : "2.0" } )"},
                                     {":big", R"({"N":"1e50"})"},
                                     {":max", R"({"N":"9e125"})"},
                                     {":s", R"({"S":"x \"y\""})"},
                                     {":a", R"({"S":"A"})"},
                                     {":b", R"({"S":"B"})"},
                                     {":c", R"({"S":"C"})"},
                                     {":ab", R"({"SS":["a","b"]})"},
                                     {":numbers", R"({"NS":["1.0","3"]})"},
                                     {":list", R"({"L":[{"N":"9"}]})"},
                                     {":map", R"({"M":{"q":{"N":"1"}}})"}}};

const char* const kItem =
    R"({"pk":{"S":"key"},"n":{"N":"5"},"s":{"S":"text"},"address":{"M":{"street" : {"S":"A } B"}, "nr":{"N":"07"}}},)"
    R"("ss":{"SS":["a","c"]},"ns":{"NS":["1","2"]},"l":{"L":[{"S":"0"},{"S":"1"},{"S":"2"},{"M":{"x":{"N":"1"}}}]},)"
    R"("m":{"M":{"x":{"N":"1.0"},"y":{"M":{"z":{"SS":["a"]}}},"l":{"L":[{"N":"1"},{"N":"2"}]}}}})";

// "name=value;" of each change, or the problem.
std::string updated(const std::string& text, const char* item = kItem) {
  ItemView view;
  view.reset(item);
  std::vector<Update::Change> changes = {{"left over", "from before"}};
  std::string problem;
  const Update update = Update::parse(text, kPlaceholders);
  if (!update.apply(view, changes, problem)) {
    EXPECT_TRUE(changes.empty());
    return problem;
  }
  std::string out;
  for (const auto& change : changes) out += std::string(change.name) + "=" + change.value.value_or("") + ";";
  return out;
}

constexpr const char* kWrongPath = "The document path provided in the update expression is invalid for update";
constexpr const char* kWrongType = "An operand in the update expression has an incorrect data type";
constexpr const char* kMissing = "The provided expression refers to an attribute that does not exist in the item";

TEST(Update, SetsAndCopies) {
  EXPECT_EQ(updated("SET new1 = :s, s = :two"), R"(new1={"S":"x \"y\""};s={"N":"2.0"};)");
  EXPECT_EQ(updated("SET #l = address REMOVE address"),
            R"(address=;location={"M":{"street":{"S":"A } B"},"nr":{"N":"07"}}};)");
  EXPECT_EQ(updated("SET a = m.y.z, b = l[3].x, c = m.x"), R"(a={"SS":["a"]};b={"N":"1"};c={"N":"1.0"};)");
  EXPECT_EQ(updated("SET s = s"), R"(s={"S":"text"};)");
  EXPECT_EQ(updated("SET a = gone"), kMissing);
  EXPECT_EQ(updated("SET a = m.gone"), kMissing);
}

TEST(Update, ReadsTheItemAsItWas) {
  EXPECT_EQ(updated("SET a = :one, b = a"), kMissing);
  EXPECT_EQ(updated("SET n = s, s = n"), R"(n={"S":"text"};s={"N":"5"};)");
  EXPECT_EQ(updated("REMOVE s SET a = s"), R"(a={"S":"text"};s=;)");
}

TEST(Update, Calculates) {
  EXPECT_EQ(updated("SET n = n + :one, a = :two - n, b = n-m.x"), R"(a={"N":"-3"};b={"N":"4"};n={"N":"6"};)");
  EXPECT_EQ(updated("SET a = if_not_exists(a, :one) + :one, b = if_not_exists(n, :one) + :one"),
            R"(a={"N":"2"};b={"N":"6"};)");
  EXPECT_EQ(updated("SET a = s + :one"), kWrongType);
  EXPECT_EQ(updated("SET a = gone + :one"), kMissing);
  EXPECT_EQ(updated("SET a = :big + :one"), "Attempting to store more than 38 significant digits in a Number");
  EXPECT_EQ(updated("SET a = :max + :max"),
            "Number overflow. Attempting to store a number with magnitude larger than supported range");
}

TEST(Update, FallsBackWhereNothingIs) {
  EXPECT_EQ(updated("SET a = if_not_exists(a, :one), b = if_not_exists(s, :one), c = if_not_exists(m.gone, m.x)"),
            R"(a={"N":"1"};b={"S":"text"};c={"N":"1.0"};)");
  EXPECT_EQ(updated("SET a = if_not_exists(gone, gone2)"), kMissing);
  EXPECT_EQ(updated("SET a = if_not_exists(gone, if_not_exists(gone2, n))"), R"(a={"N":"5"};)");
}

TEST(Update, AppendsLists) {
  EXPECT_EQ(updated("SET a = list_append(m.l, :list), b = list_append(:list, m.l)"),
            R"(a={"L":[{"N":"1"},{"N":"2"},{"N":"9"}]};b={"L":[{"N":"9"},{"N":"1"},{"N":"2"}]};)");
  EXPECT_EQ(updated("SET a = list_append(if_not_exists(a, :list), m.l)"),
            R"(a={"L":[{"N":"9"},{"N":"1"},{"N":"2"}]};)");
  EXPECT_EQ(updated("SET a = list_append(s, :list)"), kWrongType);
  EXPECT_EQ(updated("SET a = list_append(:list, ss)"), kWrongType);
  EXPECT_EQ(updated("SET a = list_append(:list, gone)"), kMissing);
}

TEST(Update, ChangesInsideMapsAndKeepsTheRest) {
  EXPECT_EQ(updated("SET m.x = :s, m.y.new1 = n REMOVE m.l"),
            R"(m={"M":{"x":{"S":"x \"y\""},"y":{"M":{"z":{"SS":["a"]},"new1":{"N":"5"}}}}};)");
  EXPECT_EQ(updated("SET address.nr = :map"), R"(address={"M":{"street":{"S":"A } B"},"nr":{"M":{"q":{"N":"1"}}}}};)");
  EXPECT_EQ(updated("SET #dot = :one"), R"(m.x={"N":"1"};)");
  EXPECT_EQ(updated("REMOVE m.x, m.y, m.l"), R"(m={"M":{}};)");
  EXPECT_EQ(updated("REMOVE m.gone"),
            R"(m={"M":{"x":{"N":"1.0"},"y":{"M":{"z":{"SS":["a"]}}},"l":{"L":[{"N":"1"},{"N":"2"}]}}};)");
}

TEST(Update, ChangesInsideListsByTheirFormerIndexes) {
  const char* item = R"({"l":{"L":[{"S":"0"},{"S":"1"},{"S":"2"}]}})";
  EXPECT_EQ(updated("SET l[1] = :a", item), R"(l={"L":[{"S":"0"},{"S":"A"},{"S":"2"}]};)");
  EXPECT_EQ(updated("REMOVE l[0], l[2]", item), R"(l={"L":[{"S":"1"}]};)");
  EXPECT_EQ(updated("REMOVE l[1] SET l[2] = :a", item), R"(l={"L":[{"S":"0"},{"S":"A"}]};)");
  EXPECT_EQ(updated("SET l[2] = :a REMOVE l[1]", item), R"(l={"L":[{"S":"0"},{"S":"A"}]};)");
  // Behind the end: appended in the order of the indexes.
  EXPECT_EQ(updated("SET l[84] = :a, l[37] = :b, l[50] = :c", item),
            R"(l={"L":[{"S":"0"},{"S":"1"},{"S":"2"},{"S":"B"},{"S":"C"},{"S":"A"}]};)");
  EXPECT_EQ(updated("SET l[9] = :a REMOVE l[0], l[7]", item), R"(l={"L":[{"S":"1"},{"S":"2"},{"S":"A"}]};)");
  EXPECT_EQ(updated("REMOVE l[0], l[1], l[2]", item), R"(l={"L":[]};)");
  EXPECT_EQ(updated("SET l[3].x = :a, l[0] = :b"), R"(l={"L":[{"S":"B"},{"S":"1"},{"S":"2"},{"M":{"x":{"S":"A"}}}]};)");
}

TEST(Update, RefusesPathsThatLeadNowhere) {
  for (const char* text :
       {"SET gone.x = :one", "SET gone[0] = :one", "SET s.x = :one", "SET l.x = :one", "SET m[0] = :one",
        "SET m.gone.x = :one", "SET l[9].x = :one", "REMOVE gone.x", "REMOVE s.x", "REMOVE m.gone.x", "REMOVE l.x",
        "REMOVE m[0]", "ADD gone.x :one", "DELETE gone.x :ab", "DELETE l[9].x :ab"}) {
    EXPECT_EQ(updated(text), kWrongPath) << text;
  }
}

TEST(Update, RemovesWhatIsThere) {
  EXPECT_EQ(updated("REMOVE s, n"), "n=;s=;");
  EXPECT_EQ(updated("REMOVE gone"), "");
}

TEST(Update, AddsNumbersAndSetElements) {
  EXPECT_EQ(updated("ADD n :one, count1 :two"), R"(count1={"N":"2.0"};n={"N":"6"};)");
  EXPECT_EQ(updated("ADD ss :ab, ns :numbers, new1 :ab"),
            R"(new1={"SS":["a","b"]};ns={"NS":["1","2","3"]};ss={"SS":["a","c","b"]};)");
  EXPECT_EQ(
      updated("ADD m.x :one, m.new1 :one, m.y.z :ab"),
      R"(m={"M":{"x":{"N":"2"},"y":{"M":{"z":{"SS":["a","b"]}}},"l":{"L":[{"N":"1"},{"N":"2"}]},"new1":{"N":"1"}}};)");
  EXPECT_EQ(updated("ADD m.l[1] :one, m.l[7] :two"),
            R"(m={"M":{"x":{"N":"1.0"},"y":{"M":{"z":{"SS":["a"]}}},"l":{"L":[{"N":"1"},{"N":"3"},{"N":"2.0"}]}}};)");
  EXPECT_EQ(updated("ADD s :one"), kWrongType);
  EXPECT_EQ(updated("ADD ns :ab"), kWrongType);
  EXPECT_EQ(updated("ADD n :big"), "Attempting to store more than 38 significant digits in a Number");
}

TEST(Update, TakesSetElementsAway) {
  EXPECT_EQ(updated("DELETE ss :ab, ns :numbers"), R"(ns={"NS":["2"]};ss={"SS":["c"]};)");
  EXPECT_EQ(updated("DELETE gone :ab"), "");
  EXPECT_EQ(updated("DELETE s :ab"), kWrongType);
  // A set that would be empty goes.
  EXPECT_EQ(updated("DELETE ss :ab", R"({"ss":{"SS":["b"]}})"), "ss=;");
  EXPECT_EQ(updated("DELETE m.y.z :ab"), R"(m={"M":{"x":{"N":"1.0"},"y":{"M":{}},"l":{"L":[{"N":"1"},{"N":"2"}]}}};)");
  EXPECT_EQ(updated("DELETE l[0] :ab", R"({"l":{"L":[{"SS":["b"]},{"S":"1"}]}})"), R"(l={"L":[{"S":"1"}]};)");
}

std::string nested(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += "{\"L\":[";
  text += "{\"N\":\"1\"}";
  for (int i = 0; i < depth; ++i) text += "]}";
  return text;
}

TEST(Update, RefusesNestingBeyond32Levels) {
  const auto result = [](int depth, const std::string& text) {
    ItemView view;
    view.reset(R"({"m":{"M":{"l":{"L":[]}}}})");
    std::vector<Update::Change> changes;
    std::string problem = "applied";
    Update::parse(text, {{}, {{":deep", nested(depth)}}}).apply(view, changes, problem);
    return problem;
  };
  EXPECT_EQ(result(32, "SET a = :deep"), "applied");
  EXPECT_EQ(result(31, "SET m.a = :deep"), "applied");
  EXPECT_EQ(result(32, "SET m.a = :deep"), "Nesting Levels have exceeded supported limits");
  EXPECT_EQ(result(30, "SET m.l[0] = :deep"), "applied");
  EXPECT_EQ(result(31, "SET m.l[0] = :deep"), "Nesting Levels have exceeded supported limits");
}

TEST(Update, SaysWhatItMentions) {
  const Update update =
      Update::parse("SET #l = if_not_exists(address, :s), m.x = n + :one REMOVE s ADD c :one", kPlaceholders);
  EXPECT_EQ(update.touched(), (std::set<std::string>{"c", "location", "m", "s"}));
  EXPECT_EQ(update.attributes(), (std::set<std::string>{"address", "c", "location", "m", "n", "s"}));
  EXPECT_EQ(update.placeholders(), (std::set<std::string>{"#l", ":one", ":s"}));
}

TEST(Update, MakesLegalItems) {
  ItemView view;
  view.reset(kItem);
  std::vector<Update::Change> changes;
  std::string problem;
  const Update update =
      Update::parse("SET m.y.new1 = l, l[9] = m, a = list_append(l, :list) ADD ns :numbers", kPlaceholders);
  ASSERT_TRUE(update.apply(view, changes, problem)) << problem;
  for (const auto& change : changes) {
    ItemScanner scanner;
    ItemFacts facts;
    EXPECT_TRUE(scanner.scan("{\"v\":" + *change.value + "}", facts)) << scanner.problem().text;
    EXPECT_TRUE(facts.one_line);
  }
  EXPECT_EQ(changes.size(), 4u);
}

}  // namespace
}  // namespace bulk
