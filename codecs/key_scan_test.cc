#include "codecs/key_scan.h"

#include <gtest/gtest.h>

#include <random>

#include "codecs/json_text.h"
#include "codecs/lines.h"
#include "tests/support/balanced_line.h"

namespace bulk {
namespace {

const KeySchema kKey = KeySchema::parse("pk:S,sk:N");

std::string line_of(const std::string& item) {
  return "{\"Item\":" + item + "}";
}

// Lines of random attributes in all spellings, most of them legal.
class Lines {
 public:
  explicit Lines(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }
  std::string line() {
    std::string item = "{";
    const std::size_t count = below(8);
    const std::size_t pk = below(count + 1);
    const std::size_t sk = below(count + 1);
    const auto add = [&item](const std::string& attribute) {
      if (item.size() > 1) item += ',';
      item += attribute;
    };
    for (std::size_t i = 0; i <= count; ++i) {
      if (i == pk)
        add(pick({R"("pk":{"S":"a"})", R"("pk":{"S":"a long key of several words"})", R"("pk":{"S":"\"{\\"})",
                  R"("pk":{"S":"é}"})", R"("p\u006b":{"S":"b"})", R"( "pk" : { "S" : "c" } )",
                  R"("pk":{"S":"\u0041\/"})"}));
      if (i == sk)
        add(pick({R"("sk":{"N":"1"})", R"("sk":{"N":"-120.5"})", R"("sk":{"N":"1e3"})", R"("sk":{"N":"0012"})",
                  R"("s\u006B":{"N":"7"})", R"("sk":{"N":"12345678901234567890123456789012345678"})"}));
      if (i < count)
        add("\"" + pick({"a", "m\\n", "é", "pk ", "Item", "[", "sk\\\""}) + std::to_string(i) + "\":" + value(0));
    }
    return line_of(item + "}");
  }

 private:
  std::string pick(std::initializer_list<const char*> choices) { return *(choices.begin() + below(choices.size())); }
  std::string value(int depth) {
    if (depth < 4 && below(3) == 0) {
      const bool list = below(2) == 0;
      std::string text = list ? "{\"L\":[" : "{\"M\":{";
      for (std::size_t i = 0, count = below(4); i < count; ++i) {
        if (i > 0) text += ',';
        if (!list) text += pick({"\"b", "\"pk", "\"\\\\", "\"c"}) + std::to_string(9 - i) + "\":";
        text += value(depth + 1);
      }
      return text + (list ? "]}" : "}}");
    }
    return pick(
        {R"({"S":""})", R"({"S":"text } \" ] { that looks odd"})", R"({"S":"\\"})", R"({"S":"東京都 🙂"})",
         R"({"S":"a text of more than sixty-four bytes, so that a whole block of it lies inside of the string"})",
         R"({"N":"17"})", R"({"N":"-0.50"})", R"({"BOOL":true})", R"({"NULL":true})", R"({"B":"AAA="})",
         R"({"SS":["b","a"]})", R"({"NS":["1","02"]})", R"({ "S" : "spaced" })"});
  }

  std::mt19937 random_;
};

TEST(KeyScan, FindsTheKeyThatTheItemScannerFinds) {
  Lines lines(1);
  KeyScanner keys(kKey);
  ItemScanner items(&kKey);
  std::size_t legal = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string line = lines.line();
    const std::string_view item = item_of_line(line);
    ItemFacts wanted;
    if (!items.scan(item, wanted) || wanted.length != item.size()) continue;
    ++legal;
    KeyFacts found;
    ASSERT_TRUE(keys.scan(line, found)) << line << ": " << keys.problem().text;
    EXPECT_EQ(found.key_hash, wanted.key_hash) << line;
    EXPECT_EQ(found.partition_hash, wanted.partition_hash) << line;
    EXPECT_EQ(found.line_digest, hash128(line));
    EXPECT_GE(found.size_bytes, wanted.size_bytes) << line;
    EXPECT_LE(found.size_bytes, item.size());
  }
  EXPECT_GT(legal, 10'000u);
}

TEST(KeyScan, CountsNoLegalItemTooSmall) {
  KeyScanner keys(kKey);
  ItemScanner items(&kKey);
  for (const char* element :
       {R"({"N":"1"})", R"({"N":"-1"})", R"({"S":""})", R"({"NULL":true})", R"({"NS":["1","2"]})"}) {
    std::string item = R"({"pk":{"S":"a"},"sk":{"N":"1"},"l":{"L":[)";
    for (int i = 0; i < 1'000; ++i) item.append(i == 0 ? "" : ",").append(element);
    item += "]}}";
    ItemFacts wanted;
    ASSERT_TRUE(items.scan(item, wanted)) << items.problem().text;
    KeyFacts found;
    ASSERT_TRUE(keys.scan(line_of(item), found)) << keys.problem().text;
    EXPECT_GE(found.size_bytes, wanted.size_bytes) << element;
    EXPECT_LE(found.size_bytes, item.size()) << element;
  }
}

TEST(KeyScan, LooksCloselyAtWhatIsShorterThanValuesCanBe) {
  std::string item = R"({"pk":{"S":"a"},"sk":{"N":"1"},"l":{"L":[)";
  for (int i = 0; i < 50; ++i) item.append(i == 0 ? "" : ",").append(R"([""])");
  item += "]}}";
  KeyScanner keys(kKey);
  KeyFacts found;
  EXPECT_FALSE(keys.scan(line_of(item), found));
  EXPECT_EQ(keys.problem().text, "attribute 'l': expected '{'");
}

TEST(KeyScan, RefusesAKeyThatStandsTwice) {
  KeyScanner keys(kKey);
  KeyFacts found;
  for (const char* second : {R"(,"pk":{"S":"b"})", R"(, "pk":{"S":"b"})", R"( ,"pk":{"S":"b"})"}) {
    EXPECT_FALSE(keys.scan(line_of(std::string(R"({"pk":{"S":"a"},"sk":{"N":"1"})") + second + "}"), found)) << second;
  }
}

TEST(KeyScan, WhateverIsAcceptedIsOneBalancedObject) {
  Lines lines(2);
  KeyScanner keys(kKey);
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::string line = lines.line();
    for (std::size_t changes = 1 + lines.below(3); changes > 0; --changes) {
      static constexpr std::string_view kOdd = "{}[]\"\\,:a\x01\xC3\n";
      const std::size_t at = lines.below(line.size());
      switch (lines.below(4)) {
        case 0:
          line[at] = kOdd[lines.below(kOdd.size())];
          break;
        case 1:
          line.insert(at, 1, kOdd[lines.below(kOdd.size())]);
          break;
        case 2:
          line.erase(at, 1 + lines.below(3));
          break;
        default:
          line.insert(at, line.substr(lines.below(line.size()), lines.below(20)));
      }
    }
    KeyFacts facts;
    if (keys.scan(line, facts)) {
      ++accepted;
      ASSERT_TRUE(test::is_balanced_line(line)) << line;
      ASSERT_TRUE(valid_utf8(line)) << line;
    } else {
      ++refused;
      EXPECT_FALSE(keys.problem().text.empty());
      EXPECT_LE(keys.problem().offset, line.size());
    }
  }
  EXPECT_GT(accepted, 2'000u);
  EXPECT_GT(refused, 20'000u);
}

std::string problem_of(const std::string& line) {
  KeyScanner keys(kKey);
  KeyFacts facts;
  return keys.scan(line, facts) ? "" : keys.problem().text;
}

TEST(KeyScan, RefusesWhatCouldEndTheRequestItIsPutInto) {
  const std::string item = R"({"pk":{"S":"a"},"sk":{"N":"1"}})";
  EXPECT_EQ(problem_of(line_of(item)), "");
  EXPECT_EQ(problem_of(line_of(item) + "}"), "text behind the item");
  EXPECT_EQ(problem_of(line_of(item + "},{\"PutRequest\":{\"Item\":" + item)), "text behind the item");
  EXPECT_EQ(problem_of(line_of(item + ",\"Item\":" + item)), "text behind the item");
  EXPECT_EQ(problem_of(line_of(item) + " "), "not a record line");
  EXPECT_EQ(problem_of(" " + line_of(item)), "not a record line");
  EXPECT_EQ(problem_of(""), "not a record line");
  EXPECT_EQ(problem_of("{\"Item\":}"), "not a record line");
  EXPECT_EQ(problem_of("{\"Item\":{}}"), "key attribute 'pk' is missing");
  EXPECT_EQ(problem_of(line_of(R"({"pk":{"S":"a"},"sk":{"N":"1"},"x":{"L":[}]})")), "attribute 'x': expected '{'");
  EXPECT_EQ(problem_of(line_of(R"({"pk":{"S":"a"},"sk":{"N":"1"},"x":{"S":"y})")),
            "attribute 'x': the text ends too early");
  EXPECT_EQ(problem_of(line_of("{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"},\"x\":{\"S\":\"\x02\"}}")),
            "attribute 'x': control character in a string");
  EXPECT_EQ(problem_of(line_of("{\"pk\":{\"S\":\"a\"},\n\"sk\":{\"N\":\"1\"}}")),
            "a line break stands between the item's tokens");
  EXPECT_EQ(problem_of(line_of("{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"},\"x\":{\"S\":\"\xFF\"}}")),
            "attribute 'x': a string is not UTF-8");
}

TEST(KeyScan, ChecksTheKeyAsTheItemScannerDoes) {
  EXPECT_EQ(problem_of(line_of(R"({"pk":{"S":""},"sk":{"N":"1"}})")), "attribute 'pk': key attribute is empty");
  EXPECT_EQ(problem_of(line_of(R"({"pk":{"N":"1"},"sk":{"N":"1"}})")),
            "attribute 'pk': key attribute is not of type S");
  EXPECT_EQ(problem_of(line_of(R"({"pk":{"S":"a"},"sk":{"N":"x"}})")),
            "attribute 'sk': The parameter cannot be converted to a numeric value: x");
  EXPECT_EQ(problem_of(line_of(R"({"pk":{"S":"a"},"x":{"M":{"sk":{"N":"1"}}}})")), "key attribute 'sk' is missing");
  EXPECT_EQ(problem_of(line_of(R"({"pk":{"S":"a"},"sk":{"N":"1"},"pk":{"S":"b"}})")), "attribute 'pk' stands twice");
  EXPECT_EQ(problem_of(line_of("{\"pk\":{\"S\":\"" + std::string(2048, 'a') + "\"},\"sk\":{\"N\":\"1\"}}")), "");
  EXPECT_EQ(problem_of(line_of("{\"pk\":{\"S\":\"" + std::string(2049, 'a') + "\"},\"sk\":{\"N\":\"1\"}}")),
            "attribute 'pk': key attribute has 2049 bytes, more than 2048");
}

TEST(KeyScan, ReadsItemsOfAnySizeAndDepth) {
  for (const std::size_t length : {0u, 40u, 62u, 63u, 64u, 65u, 4'090u, 4'096u, 400'000u}) {
    const std::string line =
        line_of("{\"sk\":{\"N\":\"1\"},\"x\":{\"S\":\"" + std::string(length, '{') + "\"},\"pk\":{\"S\":\"a\"}}");
    KeyScanner keys(kKey);
    KeyFacts facts;
    ASSERT_TRUE(keys.scan(line, facts)) << length;
    EXPECT_EQ(facts.key_hash, hash128(R"({"pk":{"S":"a"},"sk":{"N":"1"}})"));
    EXPECT_EQ(facts.partition_hash, hash128(R"("pk":{"S":"a"})").low);
  }
  for (const int depth : {1, 30, 31, 32, 33, 200}) {
    std::string nested;
    for (int i = 0; i < depth; ++i) nested += "{\"L\":[";
    nested += "{\"S\":\"\"}";
    for (int i = 0; i < depth; ++i) nested += "]}";
    const std::string problem = problem_of(line_of(R"({"pk":{"S":"a"},"sk":{"N":"1"},"x":)" + nested + "}"));
    EXPECT_EQ(problem, depth <= 32 ? "" : "attribute 'x': nested deeper than 32 levels") << depth;
  }
}

}  // namespace
}  // namespace bulk
