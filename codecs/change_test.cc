#include "codecs/change.h"

#include <gtest/gtest.h>

#include <random>

#include "codecs/item.h"

namespace bulk {
namespace {

constexpr const char* kLine = R"({"Key":{"pk":{"S":"a"}},"Before":{"address":{"S":"x"},"n":{"N":"1"}},)"
                              R"("After":{"n":{"N":"2"},"location":{"S":"x"}},"Given":{"v":{"N":"1"},"gone":{}}})";

Change read(ChangeReader& reader, std::string_view line) {
  Change change;
  EXPECT_TRUE(reader.read(line, change)) << reader.problem();
  return change;
}

struct View : ItemView {
  explicit View(std::string_view item) { reset(item); }
};

std::string changed(const Change& change, std::string_view item) {
  std::string out;
  append_changed_item(change, View(item), out);
  return out;
}

Digest digest_of(std::string_view item) {
  ItemScanner scanner;
  ItemFacts facts;
  EXPECT_TRUE(scanner.scan(item, facts)) << scanner.problem().text << ": " << item;
  return facts.digest;
}

std::string written(const Change& change) {
  std::string line;
  append_change_line(line, change);
  return line;
}

TEST(ChangeLine, SaysWhatWasAndWhatBecomes) {
  ChangeReader reader;
  const Change change = read(reader, kLine);
  EXPECT_EQ(change.key, R"({"pk":{"S":"a"}})");
  ASSERT_EQ(change.touched.size(), 3u);
  EXPECT_EQ(change.touched[0].name, "address");
  EXPECT_EQ(change.touched[0].name_json, "\"address\"");
  EXPECT_EQ(change.touched[0].before, R"({"S":"x"})");
  EXPECT_EQ(change.touched[0].after, "");
  EXPECT_EQ(change.touched[1].before, R"({"N":"1"})");
  EXPECT_EQ(change.touched[1].after, R"({"N":"2"})");
  EXPECT_EQ(change.touched[2].name, "location");
  EXPECT_EQ(change.touched[2].before, "");
  ASSERT_EQ(change.given.size(), 2u);
  EXPECT_EQ(change.given[0].value, R"({"N":"1"})");
  EXPECT_EQ(change.given[1].name, "gone");
  EXPECT_EQ(change.given[1].value, "");
}

TEST(ChangeLine, IsTheSameWhenWrittenAgain) {
  ChangeReader reader;
  for (const std::string& line : {
           std::string(kLine),
           std::string(R"({"Key":{"pk":{"S":"a"}},"Void":{}})"),
           std::string(R"({"Key":{"pk":{"S":"a"}},"Before":{},"After":{"a":{"S":"x"}},"Given":{"b":{}},"Void":{}})"),
           std::string(R"({"Key":{"pk":{"S":"a"}},"Before":{},"After":{"a":{"L":[{"N":"1"},{"M":{}}]}}})"),
           std::string(R"({"Key":{"pk":{"S":"a"},"sk":{"N":"1"}},"Before":{"a\"\\\n\u0001":{"S":"\""}},"After":{}})"),
       }) {
    EXPECT_EQ(written(read(reader, line)), line);
  }
}

TEST(ChangeLine, KnowsANameHoweverItIsSpelled) {
  ChangeReader reader;
  const Change change =
      read(reader, R"({"Key":{"pk":{"S":"a"}},"Before":{"\u0061b":{"S":"x"}},"After":{"ab":{"S":"y"}}})");
  ASSERT_EQ(change.touched.size(), 1u);
  EXPECT_EQ(change.touched[0].name, "ab");
  EXPECT_EQ(changed(change, R"({"pk":{"S":"a"},"ab":{"S":"x"}})"), R"({"pk":{"S":"a"},"\u0061b":{"S":"y"}})");
}

TEST(ChangeLine, MayHaveItsMembersInAnyOrderWithSpaceBetween) {
  ChangeReader reader;
  const Change change = read(
      reader,
      R"({ "Given" : { "g" : {"S":"1"} } , "After" : {"a":{"S":"y"}}, "Before":{"a":{"S":"x"}}, "Key":{"pk":{"S":"a"}} } )");
  EXPECT_EQ(change.key, R"({"pk":{"S":"a"}})");
  ASSERT_EQ(change.touched.size(), 1u);
  EXPECT_EQ(change.touched[0].before, R"({"S":"x"})");
  EXPECT_EQ(change.given.size(), 1u);
}

TEST(ChangeLine, SaysWhyItIsNone) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "it is no change: the text ends too early"},
      {"[]", "it is no change: it is no object"},
      {R"({"Key":{"pk":{"S":"a"}},"Before":{},"After":{}})", "it is no change: nothing is changed"},
      {R"({"Before":{},"After":{"a":{"S":"y"}}})", "it is no change: there is no Key"},
      {R"({"Key":{"pk":{"S":"a"}},"After":{"a":{"S":"y"}},"Now":{}})",
       "it is no change: it has a member that no change has"},
      {R"({"Key":{"pk":{"S":"a"}},"After":{"a":{"Q":"y"}}})", "it is no change: attribute 'a': unknown type 'Q'"},
      {R"({"Key":{"pk":{"S":"a"}},"After":{"a":{"S":"y"},"a":{"S":"z"}}})",
       "it is no change: attribute 'a' stands twice"},
      {R"({"Key":{"pk":{"S":"a"}},"After":[{"a":{"S":"y"}}]})", "it is no change: After is no object"},
      {R"({"Key":{"pk":{"S":"a"}},"After":{"a":{"S":"y"}},"After":{"a":{"S":"z"}}})",
       "it is no change: After stands twice"},
      {R"({"Key":{"pk":{"S":"a"}},"After":{"a":{"S":"y"}},"Given":{"g":{"Q":"z"}}})",
       "it is no change: attribute 'g': unknown type 'Q'"},
      {R"({"Key":{"pk":{"S":"a"}},"After":{"a":{"S":"y"}},"Given":{"g":5}})",
       "it is no change: Given holds what is no attribute"},
      {R"({"Key":{"pk":{"S":"a"}},"After":{"a":{"S":"y"}},"Given":[]})", "it is no change: Given is no object"},
      {R"({"Key":[{"S":"a"}],"After":{"a":{"S":"y"}}})", "it is no change: Key is no object"},
      {R"({"Key":"a","After":{"a":{"S":"y"}}})", "it is no change: it has a member that no change has"},
  };
  ChangeReader reader;
  for (const auto& [line, problem] : cases) {
    Change change;
    EXPECT_FALSE(reader.read(line, change)) << line;
    EXPECT_EQ(reader.problem(), problem) << line;
  }
}

TEST(ChangeLine, SaysThatTheOneBeforeWasNotCarriedOut) {
  ChangeReader reader;
  EXPECT_FALSE(read(reader, kLine).void_before);
  EXPECT_TRUE(read(reader, R"({"Key":{"pk":{"S":"a"}},"Void":{}})").void_before);
  EXPECT_FALSE(read(reader, kLine).void_before);
}

TEST(ChangeLine, IsReadAfterOneThatWasNone) {
  ChangeReader reader;
  Change change;
  EXPECT_FALSE(reader.read("{", change));
  EXPECT_TRUE(reader.read(kLine, change));
  EXPECT_EQ(change.touched.size(), 3u);
}

TEST(Change, IsStillAsReadWhenTouchedAndGivenAttributesAreTheSame) {
  ChangeReader reader;
  const Change change = read(reader, kLine);
  const auto still = [&](std::string_view item) { return still_as_read(change, View(item)); };
  EXPECT_TRUE(still(R"({"pk":{"S":"a"},"address":{"S":"x"},"n":{"N":"1"},"v":{"N":"1"},"other":{"S":"?"}})"));
  EXPECT_TRUE(still(R"({"v":{"N":"1.0"},"n":{"N":"1e0"},"address":{"S":"\u0078"}})")) << "equal as DynamoDB has it";
  EXPECT_FALSE(still(R"({"address":{"S":"y"},"n":{"N":"1"},"v":{"N":"1"}})")) << "another value";
  EXPECT_FALSE(still(R"({"n":{"N":"1"},"v":{"N":"1"}})")) << "gone";
  EXPECT_FALSE(still(R"({"address":{"S":"x"},"n":{"N":"1"},"v":{"N":"1"},"location":{"S":"x"}})")) << "there now";
  EXPECT_FALSE(still(R"({"address":{"S":"x"},"n":{"N":"1"},"v":{"N":"2"}})")) << "given, another value";
  EXPECT_FALSE(still(R"({"address":{"S":"x"},"n":{"N":"1"}})")) << "given, gone";
  EXPECT_FALSE(still(R"({"address":{"S":"x"},"n":{"N":"1"},"v":{"N":"1"},"gone":{"S":""}})")) << "given as absent";
  EXPECT_FALSE(still(R"({"address":{"S":"x"},"n":{"S":"1"},"v":{"N":"1"}})")) << "another type";
}

TEST(Change, IsCarriedOutWhenTouchedAttributesAreAsItLeavesThem) {
  ChangeReader reader;
  const Change change = read(reader, kLine);
  const auto done = [&](std::string_view item) { return is_carried_out(change, View(item)); };
  EXPECT_TRUE(done(R"({"n":{"N":"2.00"},"location":{"S":"x"},"v":{"S":"given ones do not count"}})"));
  EXPECT_FALSE(done(R"({"n":{"N":"2"},"location":{"S":"x"},"address":{"S":"x"}})"));
  EXPECT_FALSE(done(R"({"n":{"N":"2"}})"));
  EXPECT_FALSE(done(R"({"n":{"N":"1"},"location":{"S":"x"}})"));
}

TEST(Change, KeepsTheOrderOfAttributesAndAddsNewOnesLast) {
  ChangeReader reader;
  const Change change = read(reader, kLine);
  EXPECT_EQ(changed(change, R"({"n":{"N":"1"},"address":{"S":"x"},"pk":{"S":"a"}})"),
            R"({"n":{"N":"2"},"pk":{"S":"a"},"location":{"S":"x"}})");
  EXPECT_EQ(changed(change, R"({"address":{"S":"x"},"pk":{"S":"a"}})"),
            R"({"pk":{"S":"a"},"n":{"N":"2"},"location":{"S":"x"}})");
  EXPECT_EQ(
      changed(read(reader, R"({"Key":{"pk":{"S":"a"}},"Before":{"a":{"S":"x"}},"After":{}})"), R"({"a":{"S":"x"}})"),
      "{}");
}

// Any two items of one key: the change from one to the other leads there, and turned around it leads back.
TEST(Change, LeadsThereAndTurnedAroundBack) {
  static constexpr const char* kNames[] = {"\"a\"", "\"b\"", "\"c\\\"d\"", "\"\\u00e9\"", "\"e\""};
  static constexpr const char* kValues[] = {
      R"({"S":""})",    R"({"N":"1"})", R"({"NS":["1","2"]})", R"({"M":{"a":{"S":"{}"}}})", R"({"L":[{"NULL":true}]})",
      R"({"B":"YQ=="})"};
  std::mt19937 random(11);
  ChangeReader reader;
  for (int round = 0; round < 2'000; ++round) {
    std::string before = R"({"pk":{"S":"k"})", after = before, from, to;
    bool differs = false;
    for (const char* name : kNames) {
      const std::string was = random() % 3 == 0 ? "" : kValues[random() % std::size(kValues)];
      const std::string is = random() % 3 == 0 ? "" : random() % 2 == 0 ? was : kValues[random() % std::size(kValues)];
      if (!was.empty()) before += std::string(",") + name + ":" + was;
      if (!is.empty()) after += std::string(",") + name + ":" + is;
      if (was == is) continue;
      differs = true;
      if (!was.empty()) from += std::string(from.empty() ? "" : ",") + name + ":" + was;
      if (!is.empty()) to += std::string(to.empty() ? "" : ",") + name + ":" + is;
    }
    if (!differs) continue;
    before += '}';
    after += '}';
    const std::string line = R"({"Key":{"pk":{"S":"k"}},"Before":{)" + from + R"(},"After":{)" + to + "}}";
    Change change = read(reader, line);
    EXPECT_TRUE(still_as_read(change, View(before)));
    EXPECT_FALSE(is_carried_out(change, View(before)));
    EXPECT_TRUE(is_carried_out(change, View(after)));
    EXPECT_FALSE(still_as_read(change, View(after)));
    const std::string made = changed(change, before);
    EXPECT_EQ(digest_of(made), digest_of(after)) << line;
    for (ChangedAttribute& attribute : change.touched) std::swap(attribute.before, attribute.after);
    EXPECT_EQ(digest_of(changed(change, made)), digest_of(before)) << line;
    EXPECT_TRUE(still_as_read(change, View(made)));
  }
}

TEST(JsonName, IsWhatStandsBetweenQuotes) {
  EXPECT_EQ(json_name_of(R"("a":{"S":"x"})"), "\"a\"");
  EXPECT_EQ(json_name_of(R"("a\"b\\" : {"S":"x"})"), R"("a\"b\\")");
  EXPECT_EQ(json_name_of(R"("":{"S":"x"})"), "\"\"");
}

}  // namespace
}  // namespace bulk
