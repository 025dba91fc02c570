#include "codecs/attribute_value.h"

#include <gtest/gtest.h>

#include "codecs/item.h"

namespace bulk {
namespace {

std::string problem_of(std::string_view text) {
  AttributeValue value;
  std::string problem = "accepted";
  parse_value(text, value, problem);
  return problem;
}

std::string rewritten(std::string_view text) {
  AttributeValue value;
  std::string out;
  if (!parse_value(text, value, out)) return "refused: " + out;
  out.clear();
  append_value(out, value);
  return out;
}

const char* const kValues[] = {
    R"({"S":""})",
    R"({"S":"a\"b\\c é €"})",
    R"({"N":"-1.50"})",
    R"({"B":"YWI="})",
    R"({"BOOL":false})",
    R"({"NULL":true})",
    R"({"SS":["b","a"]})",
    R"({"NS":["1","2.0"]})",
    R"({"BS":["","YQ=="]})",
    R"({"L":[]})",
    R"({"L":[{"N":"1"},{"L":[{"S":"x"}]}]})",
    R"({"M":{}})",
    R"({"M":{"b":{"S":"1"},"a":{"M":{"\n":{"NULL":true}}}}})",
};

TEST(AttributeValue, IsWrittenAsItWasRead) {
  for (const char* text : kValues) EXPECT_EQ(rewritten(text), text);
}

TEST(AttributeValue, IsWrittenCompactly) {
  EXPECT_EQ(rewritten(" { \"L\" : [ { \"S\" : \" \\u0041\\/\" } , { \"NS\" : [ \"1\" , \"+2\" ] } ] } "),
            R"({"L":[{"S":" A/"},{"NS":["1","+2"]}]})");
  std::string out;
  append_compact(out, " { \"L\" : [ { \"S\" : \" \\\\\\\" \\\\\" } ,\n{\"N\":\"1\"} ] } ");
  EXPECT_EQ(out, "{\"L\":[{\"S\":\" \\\\\\\" \\\\\"},{\"N\":\"1\"}]}");
}

TEST(AttributeValue, SaysWhatIsWrong) {
  EXPECT_EQ(problem_of(""), "expected '{'");
  EXPECT_EQ(problem_of("{}"), "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  EXPECT_EQ(problem_of(R"({"X":"a"})"), "unknown type 'X'");
  EXPECT_EQ(problem_of(R"({"S":"a","N":"1"})"),
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
            "datatypes");
  EXPECT_EQ(problem_of(R"({"S":1})"), "expected '\"'");
  EXPECT_EQ(problem_of(R"({"S":"a)"), "a string does not end");
  EXPECT_EQ(problem_of(R"({"S":"a\)"), "a string does not end");
  EXPECT_EQ(problem_of(R"({"N":"1x"})"), "The parameter cannot be converted to a numeric value: 1x");
  EXPECT_EQ(problem_of(R"({"B":"YQ"})"), "binary is not canonical base64");
  EXPECT_EQ(problem_of(R"({"NULL":false})"), "NULL is not true");
  EXPECT_EQ(problem_of(R"({"BOOL":"true"})"), "expected true or false");
  EXPECT_EQ(problem_of(R"({"SS":[]})"), "a set is empty");
  EXPECT_EQ(problem_of(R"({"NS":["1","1.0"]})"), "set element '1' stands twice");
  EXPECT_EQ(problem_of(R"({"M":{"a":{"N":"1"},"\u0061":{"N":"1"}}})"), "name 'a' stands twice");
  EXPECT_EQ(problem_of(R"({"M":{"":{"N":"1"}}})"), "an attribute name is empty");
  EXPECT_EQ(problem_of(R"({"S":"a"}x)"), "something stands behind the value");
  EXPECT_EQ(problem_of("{\"S\":\"\xFF\"}"), "a string is not UTF-8");
}

TEST(AttributeValue, NestsAsDeepAsItemsDo) {
  for (const int depth : {31, 32, 33}) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += i % 2 == 0 ? "{\"L\":[" : "{\"M\":{\"a\":";
    text += "{\"N\":\"1\"}";
    for (int i = depth; i-- > 0;) text += i % 2 == 0 ? "]}" : "}}";
    ItemScanner scanner;
    ItemFacts facts;
    EXPECT_EQ(scanner.scan("{\"v\":" + text + "}", facts), depth <= 32) << depth;
    EXPECT_EQ(problem_of(text), depth <= 32 ? "accepted" : "nested deeper than 32 levels");
    AttributeValue value;
    std::string problem;
    if (depth > 32) continue;
    ASSERT_TRUE(parse_value(text, value, problem));
    EXPECT_EQ(depth_of(value), depth);
  }
}

// What the scanner says of `{"v":VALUE}` holds for VALUE, however it is damaged.
TEST(AttributeValue, AcceptsWhatTheScannerAccepts) {
  for (const char* sound : kValues) {
    const std::string whole = sound;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const char c : {'"', '{', '}', '[', ']', ',', ':', '\\', '1', 'S', ' ', '\x01', '\xC3'}) {
        std::string text = whole;
        text[at] = c;
        ItemScanner scanner;
        ItemFacts facts;
        const std::string item = "{\"v\":" + text + "}";
        const bool legal = scanner.scan(item, facts) && facts.length == item.size();
        AttributeValue value;
        std::string problem;
        ASSERT_EQ(parse_value(text, value, problem), legal) << text << " " << problem << scanner.problem().text;
        if (!legal) continue;
        std::string again = "{\"v\":";
        append_value(again, value);
        ItemFacts facts_again;
        ASSERT_TRUE(scanner.scan(again + "}", facts_again)) << again;
        ASSERT_EQ(facts.digest, facts_again.digest) << text;
      }
    }
  }
}

TEST(AttributeValue, KnowsItsTypeWithoutReading) {
  for (const char* text : kValues) {
    AttributeValue value;
    std::string problem;
    ASSERT_TRUE(parse_value(text, value, problem));
    EXPECT_EQ(type_of_text(text), value.type) << text;
  }
  EXPECT_EQ(type_of_text(R"( { "\u004eS" : ["1"] })"), AttributeValue::Type::ns);
  EXPECT_EQ(tag_of(AttributeValue::Type::boolean), "BOOL");
}

TEST(AttributeValue, IsEqualByValue) {
  const auto same = [](std::string_view a, std::string_view b) {
    EXPECT_EQ(same_value_text(a, b), same_value_text(b, a));
    return same_value_text(a, b);
  };
  EXPECT_TRUE(same(R"({"N":"1"})", R"({"N":"1.0"})"));
  EXPECT_TRUE(same(R"({"N":"100"})", R"({"N":"1e2"})"));
  EXPECT_FALSE(same(R"({"N":"1"})", R"({"S":"1"})"));
  EXPECT_FALSE(same(R"({"N":"1"})", R"({"N":"-1"})"));
  EXPECT_TRUE(same(R"({"S":"\u0061"})", R"({"S":"a"})"));
  EXPECT_FALSE(same(R"({"BOOL":true})", R"({"BOOL":false})"));
  EXPECT_TRUE(same(R"({"NULL":true})", R"({ "NULL" : true })"));
  EXPECT_TRUE(same(R"({"SS":["a","b"]})", R"({"SS":["b","a"]})"));
  EXPECT_FALSE(same(R"({"SS":["a","b"]})", R"({"SS":["b","c"]})"));
  EXPECT_FALSE(same(R"({"SS":["a","b"]})", R"({"SS":["b"]})"));
  EXPECT_TRUE(same(R"({"NS":["1","20"]})", R"({"NS":["2e1","1.0"]})"));
  EXPECT_TRUE(same(R"({"L":[{"N":"1"},{"N":"2"}]})", R"({"L":[{"N":"1.0"},{"N":"2"}]})"));
  EXPECT_FALSE(same(R"({"L":[{"N":"1"},{"N":"2"}]})", R"({"L":[{"N":"2"},{"N":"1"}]})"));
  EXPECT_TRUE(same(R"({"M":{"a":{"N":"1"},"b":{"NS":["1","2"]}}})", R"({"M":{"b":{"NS":["2","1"]},"a":{"N":"1"}}})"));
  EXPECT_FALSE(same(R"({"M":{"a":{"N":"1"}}})", R"({"M":{"b":{"N":"1"}}})"));
  EXPECT_FALSE(same(R"({"M":{"a":{"N":"1"}}})", R"({"M":{"a":{"N":"2"}}})"));
  EXPECT_FALSE(same("rubbish", R"({"N":"1"})"));
}

TEST(AttributeValue, DecodesBinaries) {
  EXPECT_EQ(decoded_binary(""), "");
  EXPECT_EQ(decoded_binary("YQ=="), "a");
  EXPECT_EQ(decoded_binary("YWI="), "ab");
  EXPECT_EQ(decoded_binary("YWJj"), "abc");
  EXPECT_EQ(decoded_binary("+/8A"), std::string("\xFB\xFF\0", 3));
}

}  // namespace
}  // namespace bulk
