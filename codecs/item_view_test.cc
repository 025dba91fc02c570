#include "codecs/item_view.h"

#include <gtest/gtest.h>

#include "codecs/item.h"
#include "codecs/json_check.h"

namespace bulk {
namespace {

std::string listed(const ItemView& view) {
  std::string text;
  for (const auto& attribute : view.attributes()) {
    text += std::string(attribute.name) + "=" + std::string(attribute.value) + ";";
  }
  return text;
}

TEST(ItemView, ShowsTopLevelAttributesInTheirOrder) {
  ItemView view;
  view.reset(R"({"pk":{"S":"a"},"n":{"N":"1"},"m":{"M":{"x":{"L":[{"S":"}"}]}}}})");
  EXPECT_EQ(listed(view), R"(pk={"S":"a"};n={"N":"1"};m={"M":{"x":{"L":[{"S":"}"}]}}};)");
  ASSERT_NE(view.find("n"), nullptr);
  EXPECT_EQ(view.find("n")->member, R"("n":{"N":"1"})");
  EXPECT_EQ(view.find("x"), nullptr);
}

TEST(ItemView, IsNotMisledByStringsAndSpaces) {
  ItemView view;
  view.reset(" { \"a\" : { \"S\" : \"},{\\\"\" } ,\n\t\"b c\":{\"SS\":[\"[\",\"{\"]}} , \"behind\":{}");
  EXPECT_EQ(listed(view), "a={ \"S\" : \"},{\\\"\" };b c={\"SS\":[\"[\",\"{\"]};");
  EXPECT_EQ(view.attributes()[0].member, "\"a\" : { \"S\" : \"},{\\\"\" }");
  EXPECT_EQ(view.attributes()[1].member, "\"b c\":{\"SS\":[\"[\",\"{\"]}");
}

TEST(ItemView, UnescapesNames) {
  ItemView view;
  view.reset(R"({"a\"b":{"N":"1"},"\u00e9":{"N":"2"},"é2":{"N":"3"}})");
  EXPECT_EQ(view.find("a\"b")->value, R"({"N":"1"})");
  EXPECT_EQ(view.find("é")->value, R"({"N":"2"})");
  EXPECT_EQ(view.find("é2")->value, R"({"N":"3"})");
  EXPECT_EQ(view.find("a\"b")->member, R"("a\"b":{"N":"1"})");
}

TEST(ItemView, IsReused) {
  ItemView view;
  view.reset(R"({"a":{"N":"1"},"\u0062":{"N":"2"}})");
  view.reset(R"({"c":{"N":"3"}})");
  EXPECT_EQ(listed(view), R"(c={"N":"3"};)");
  view.reset("{}");
  EXPECT_TRUE(view.attributes().empty());
}

TEST(ItemView, CanBeMovedWithItsViews) {
  std::string item = R"({"\u0061":{"N":"1"},"b":{"N":"2"}})";
  ItemView view;
  view.reset(item);
  ItemView moved = std::move(view);
  EXPECT_EQ(listed(moved), R"(a={"N":"1"};b={"N":"2"};)");
  view = ItemView();
  view.reset("{\"c\":{\"N\":\"3\"}}");
  EXPECT_EQ(listed(view), R"(c={"N":"3"};)");
}

TEST(ItemView, ShowsNothingOfWhatIsNoItem) {
  for (const char* text :
       {"", "}", "]]]", "{", "[", "{\"a\":1}", "{{}}", "{:{}}", "{a:{}}", "{\":{}}", "{\"a{}}", "{\"a\"{}}"}) {
    ItemView view;
    view.reset(text);
    EXPECT_TRUE(view.attributes().empty()) << text;
  }
}

// Over the window of the bracket index, and with names at all places of a block.
TEST(ItemView, FindsAllOfALongItem) {
  std::string item = "{";
  for (int i = 0; i < 700; ++i) {
    item += (i == 0 ? "" : ",") + json_quoted("name" + std::to_string(i)) + ":{\"S\":\"" +
            std::string(static_cast<std::size_t>(i % 67), i % 3 == 0 ? '}' : 'x') + "\"}";
  }
  item += "}";
  ItemScanner scanner;
  ItemFacts facts;
  ASSERT_TRUE(scanner.scan(item, facts));
  ItemView view;
  view.reset(item);
  ASSERT_EQ(view.attributes().size(), 700u);
  for (int i = 0; i < 700; ++i) {
    const auto& attribute = view.attributes()[static_cast<std::size_t>(i)];
    ASSERT_EQ(attribute.name, "name" + std::to_string(i));
    ASSERT_EQ(attribute.value.size(), 8u + static_cast<std::size_t>(i % 67));
  }
}

}  // namespace
}  // namespace bulk
