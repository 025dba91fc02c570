#include "codecs/item.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <zlib.h>

#include <random>
#include <set>

#include "codecs/lines.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

std::string gunzipped(const std::filesystem::path& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::string out;
  char piece[65536];
  for (int got = 0; (got = gzread(file.get(), piece, sizeof(piece))) > 0;)
    out.append(piece, static_cast<unsigned>(got));
  return out;
}

std::string canonical(std::string_view item) {
  ItemScanner scanner;
  std::string text = scanner.canonical(item);
  EXPECT_EQ(scanner.problem().text, "") << item;
  return text;
}

ItemFacts facts(std::string_view item) {
  ItemScanner scanner;
  ItemFacts facts;
  EXPECT_TRUE(scanner.scan(item, facts)) << item << ": " << scanner.problem().text;
  return facts;
}

struct Found {
  std::string text;
  std::size_t offset;
};

Found found(std::string_view item, const char* key = nullptr) {
  KeySchema keys;
  if (key != nullptr) keys = KeySchema::parse(key);
  ItemScanner scanner(key != nullptr ? &keys : nullptr);
  ItemFacts facts;
  EXPECT_FALSE(scanner.scan(item, facts)) << item;
  const Found found{scanner.problem().text, scanner.problem().offset};
  EXPECT_EQ(scanner.canonical(item), "");
  EXPECT_EQ(scanner.problem().text, found.text);
  EXPECT_LE(found.offset, item.size());
  return found;
}

std::string problem(std::string_view item, const char* key = nullptr) {
  return found(item, key).text;
}

// The text of the problem of one attribute's value.
std::string value_problem(const std::string& value) {
  const std::string text = problem("{\"a\":" + value + "}");
  const std::string prefix = "attribute 'a': ";
  EXPECT_TRUE(text.starts_with(prefix)) << text;
  return text.substr(std::min(text.size(), prefix.size()));
}

std::string canonical_value(const std::string& value) {
  const std::string text = canonical("{\"a\":" + value + "}");
  return text.size() < 6 ? text : text.substr(5, text.size() - 6);
}

TEST(Item, DigestIsThatOfTheSpecification) {
  const std::string item = R"({"b":{"S":"x"},"a":{"N":"1"}})";
  Digest sum = hash128(R"("a":{"N":"1"})");
  sum += hash128(R"("b":{"S":"x"})");
  EXPECT_EQ(facts(item).digest, mix(sum));
  EXPECT_EQ(facts("{}").digest, mix({}));
  EXPECT_EQ(facts(R"({ "\u0062" : { "S" : "\u0078" } , "a":{"N":"1e0"} })").digest, mix(sum));
}

// Known answers, computed from docs/format.md by a separate program in another language.
TEST(Item, DigestsAreThoseOfAnIndependentImplementation) {
  EXPECT_EQ(
      facts(R"({"pk":{"S":"caf\u00e9 \/ \u0001\ud83d\ude00"},"n":{"N":"-012.50e3"},"set":{"NS":["10","9","1e-3"]},)"
            R"("ss":{"SS":["b","a!","a"]},"bin":{"B":"AAE="},"m":{"M":{"z":{"L":[{"BOOL":false},{"NULL":true}]},)"
            R"("y\n":{"BS":["\/w==","AA=="]},"y":{"S":""}}}})")
          .digest.hex(),
      "76cd1e81d2b763dd6a3168e9320110d8");
}

TEST(Item, TheDigestOfAWholeTableIsThatOfAnIndependentImplementation) {
  BULK_REQUIRE_SHARED("samples/derived/movies.ddb.jsonl.gz");
  const std::string text = gunzipped(test::shared_file("samples/derived/movies.ddb.jsonl.gz"));
  std::vector<LineSpan> lines;
  ASSERT_TRUE(split_lines(text, lines));
  ASSERT_EQ(lines.size(), 4609u);
  const KeySchema keys = KeySchema::parse("year:N,title:S");
  ItemScanner scanner(&keys);
  Digest sum;
  std::set<std::string> seen;
  for (const LineSpan& line : lines) {
    const std::string_view item = item_of_line(std::string_view(text).substr(line.offset, line.length));
    ItemFacts facts;
    ASSERT_TRUE(scanner.scan(item, facts)) << scanner.problem().text;
    ASSERT_EQ(facts.length, item.size());
    sum += facts.digest;
    seen.insert(facts.key_hash.hex());
  }
  EXPECT_EQ(sum.hex(), "ebf1a55abfca84b5e115508c59013686");
  EXPECT_EQ(seen.size(), 4609u);
}

TEST(Item, CanonicalTextIsThatOfTheSpecification) {
  EXPECT_EQ(canonical(R"( {"a":{"S":"x"}})" + 1), R"({"a":{"S":"x"}})");
  EXPECT_EQ(canonical(R"({"b":{"S":"x"},"a":{"N":"+1.50"}})"), R"({"a":{"N":"1.5"},"b":{"S":"x"}})");
  EXPECT_EQ(canonical_value(R"({"S":"\u0041\/\u00e9\u001F\u0008\t\u0022\u005c\u2028\uD83D\uDE00"})"),
            "{\"S\":\"A/é\\u001f\\b\\t\\\"\\\\\u2028😀\"}");
  EXPECT_EQ(canonical_value(R"({"S":"\u001f\u0000\b"})"), R"({"S":"\u001f\u0000\b"})");
  EXPECT_EQ(canonical_value(R"({"B":"ab\/c"})"), R"({"B":"ab/c"})");
  EXPECT_EQ(canonical_value(R"({"N":"\u0031e2"})"), R"({"N":"100"})");
  EXPECT_EQ(canonical_value(R"({"SS":["b","","a"]})"), R"({"SS":["","a","b"]})");
  EXPECT_EQ(canonical_value(R"({"SS":["ab","a","a!"]})"), R"({"SS":["a","a!","ab"]})");
  EXPECT_EQ(canonical_value(R"({"NS":["10","9","1e0"]})"), R"({"NS":["1","10","9"]})");
  EXPECT_EQ(canonical_value(R"({"BS":["AAA=","","AA=="]})"), R"({"BS":["","AA==","AAA="]})");
  EXPECT_EQ(canonical_value(R"({ "L" : [ {"S":"b"} , {"S":"a"} ] })"), R"({"L":[{"S":"b"},{"S":"a"}]})");
  EXPECT_EQ(canonical_value(R"({"M":{"b":{"M":{"z":{"N":"1.0"},"y":{"BOOL" : true}}},"a":{"NULL":true}}})"),
            R"({"M":{"a":{"NULL":true},"b":{"M":{"y":{"BOOL":true},"z":{"N":"1"}}}}})");
  EXPECT_EQ(canonical_value(R"({"M":{}})"), R"({"M":{}})");
  EXPECT_EQ(canonical_value(R"({"L":[ ]})"), R"({"L":[]})");
  EXPECT_EQ(canonical_value(R"({"\u0053":"x"})"), R"({"S":"x"})");
  EXPECT_EQ(canonical_value(R"({"BOOL":false})"), R"({"BOOL":false})");
}

TEST(Item, NamesAreOrderedByTheBytesOfTheirCanonicalForm) {
  EXPECT_EQ(canonical(R"({"\u0062":{"S":""},"a":{"S":""},"a\"":{"S":""},"a\u0000":{"S":""},"ab":{"S":""}})"),
            R"({"a":{"S":""},"a\"":{"S":""},"a\u0000":{"S":""},"ab":{"S":""},"b":{"S":""}})");
  EXPECT_EQ(canonical_value(R"({"M":{"longer than 8 b":{"S":""},"longer than 8 a":{"S":""},"longer t":{"S":""}}})"),
            R"({"M":{"longer t":{"S":""},"longer than 8 a":{"S":""},"longer than 8 b":{"S":""}}})");
}

TEST(Item, SizesFollowTheServicesRules) {
  EXPECT_EQ(facts(R"({"shirt-color":{"S":"R"},"shirt-size":{"S":"M"}})").size_bytes, 23u);
  const auto size = [](const std::string& value) { return facts("{\"a\":" + value + "}").size_bytes - 1; };
  EXPECT_EQ(size(R"({"S":"ü\n\u0041\uD83D\uDE00"})"), 8u);
  EXPECT_EQ(size(R"({"B":"AAA="})"), 2u);
  EXPECT_EQ(size(R"({"N":"-12.3456"})"), 5u);
  EXPECT_EQ(size(R"({"N":"1e2"})"), 2u);
  EXPECT_EQ(size(R"({"BOOL":false})"), 1u);
  EXPECT_EQ(size(R"({"NULL":true})"), 1u);
  EXPECT_EQ(size(R"({"SS":["ab","c"]})"), 3u);
  EXPECT_EQ(size(R"({"NS":["1","123"]})"), 5u);
  EXPECT_EQ(size(R"({"BS":["AA==","AAAA"]})"), 4u);
  EXPECT_EQ(size(R"({"L":[]})"), 3u);
  EXPECT_EQ(size(R"({"L":[{"S":"ab"},{"NULL":true}]})"), 3u + 1 + 2 + 1 + 1);
  EXPECT_EQ(size(R"({"M":{"xy":{"S":"ab"}}})"), 3u + 1 + 2 + 2);
  EXPECT_EQ(facts("{\"a\":{\"S\":\"" + std::string(kMaxItemBytes - 1, 'x') + "\"}}").size_bytes, kMaxItemBytes);
  EXPECT_EQ(facts("{\"a\":{\"S\":\"" + std::string(kMaxItemBytes, 'x') + "\"}}").size_bytes, kMaxItemBytes + 1);
}

TEST(Item, LengthLeavesOutWhatFollows) {
  EXPECT_EQ(facts(R"({"a":{"S":"}"}}} {"b":1)").length, 15u);
  EXPECT_EQ(facts("{}").length, 2u);
  EXPECT_TRUE(facts("{ \t\"a\":{\"S\":\"\\n\"}}\n").one_line);
  EXPECT_FALSE(facts("{\"a\":\n{\"S\":\"\"}}").one_line);
  EXPECT_FALSE(facts("{\"a\":{\"S\":\"\"}\r}").one_line);
}

TEST(Item, KeysAreFoundInCanonicalForm) {
  const KeySchema keys = KeySchema::parse("p k:S,sk:N");
  ItemScanner scanner(&keys);
  ItemFacts facts;
  ASSERT_TRUE(scanner.scan(R"({"sk":{"N":"1e1"},"x":{"M":{"p k":{"S":"no"}}},"p\u0020k":{ "S":"\u0061"}})", facts));
  EXPECT_EQ(scanner.key_text(), R"({"p k":{"S":"a"},"sk":{"N":"10"}})");
  EXPECT_EQ(facts.key_hash, hash128(scanner.key_text()));
  ItemFacts same;
  ASSERT_TRUE(scanner.scan(R"({"p k":{"S":"a"},"sk":{"N":"10"}})", same));
  EXPECT_EQ(same.key_hash, facts.key_hash);
  EXPECT_NE(same.digest, facts.digest);
  ItemScanner without;
  ASSERT_TRUE(without.scan(R"({"a":{"S":"x"}})", facts));
  EXPECT_EQ(facts.key_hash, Digest{});
}

TEST(Item, KeysThatTheServiceWouldRefuseAreProblems) {
  EXPECT_EQ(problem(R"({"x":{"S":"a"}})", "pk:S"), "key attribute 'pk' is missing");
  EXPECT_EQ(problem(R"({"pk":{"S":"a"}})", "pk:S,sk:N"), "key attribute 'sk' is missing");
  EXPECT_EQ(problem(R"({"pk":{"N":"1"}})", "pk:S"), "attribute 'pk': key attribute is not of type S");
  EXPECT_EQ(problem(R"({"pk":{"SS":["a"]}})", "pk:S"), "attribute 'pk': key attribute is not of type S");
  EXPECT_EQ(problem(R"({"pk":{"S":""}})", "pk:S"), "attribute 'pk': key attribute is empty");
  EXPECT_EQ(problem(R"({"pk":{"B":""}})", "pk:B"), "attribute 'pk': key attribute is empty");
  EXPECT_EQ(problem("{\"pk\":{\"S\":\"" + std::string(2049, 'x') + "\"}}", "pk:S"),
            "attribute 'pk': key attribute has 2049 bytes, more than 2048");
  EXPECT_EQ(problem("{\"pk\":{\"S\":\"x\"},\"sk\":{\"S\":\"" + std::string(1025, 'x') + "\"}}", "pk:S,sk:S"),
            "attribute 'sk': key attribute has 1025 bytes, more than 1024");
}

TEST(Item, ValuesThatTheServiceWouldRefuseAreProblems) {
  EXPECT_EQ(value_problem("{}"),
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  EXPECT_EQ(value_problem(R"({"S":"x","N":"1"})"),
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
            "datatypes");
  EXPECT_EQ(value_problem(R"({"X":"x"})"), "unknown type 'X'");
  EXPECT_EQ(value_problem(R"({"s":"x"})"), "unknown type 's'");
  EXPECT_EQ(value_problem(R"({"":"x"})"), "unknown type ''");
  EXPECT_EQ(value_problem(R"({"N":1})"), "expected a string in double quotes");
  EXPECT_EQ(value_problem(R"({"N":"x"})"), "The parameter cannot be converted to a numeric value: x");
  EXPECT_EQ(value_problem(R"({"N":"1e126"})"),
            "Number overflow. Attempting to store a number with magnitude larger than supported range");
  EXPECT_EQ(value_problem(R"({"B":"A"})"), "binary is not canonical base64");
  EXPECT_EQ(value_problem(R"({"B":"AB=="})"), "binary is not canonical base64");
  EXPECT_EQ(value_problem(R"({"BOOL":"true"})"), "expected true or false");
  EXPECT_EQ(value_problem(R"({"NULL":false})"), "NULL is not true");
  for (const char* set : {"SS", "NS", "BS"}) {
    EXPECT_EQ(value_problem(std::string("{\"") + set + "\":[]}"), "a set is empty");
  }
  EXPECT_EQ(value_problem(R"({"SS":["a","b","a"]})"), "set element 'a' stands twice");
  EXPECT_EQ(value_problem(R"({"SS":["a","\u0061"]})"), "set element 'a' stands twice");
  EXPECT_EQ(value_problem(R"({"NS":["1","2","1.0"]})"), "set element '1' stands twice");
  EXPECT_EQ(value_problem(R"({"BS":["AA==","AA=="]})"), "set element 'AA==' stands twice");
  EXPECT_EQ(value_problem(R"({"SS":[{"S":"a"}]})"), "expected a string in double quotes");
  EXPECT_EQ(value_problem(R"({"M":{"b":{"S":""},"a":{"S":""},"b":{"S":""}}})"), "name 'b' stands twice");
  EXPECT_EQ(value_problem(R"({"M":{"":{"S":""}}})"), "an attribute name is empty");
  EXPECT_EQ(value_problem(R"({"S":"\uD800"})"), "lone surrogate");
  EXPECT_EQ(value_problem("{\"S\":\"\t\"}"), "control character in a string");
  EXPECT_EQ(value_problem("{\"S\":\"a\xC0\x80\"}"), "a string is not UTF-8");
  EXPECT_EQ(value_problem("{\"S\":\"a\\n\xC0\x80\"}"), "a string is not UTF-8");
  EXPECT_EQ(value_problem("1"), "expected '{'");
  EXPECT_EQ(value_problem("{\"L\":[{\"S\":\"\"},]}"), "expected '{'");
  EXPECT_EQ(value_problem("{\"L\":[{\"S\":\"\"}}"), "expected ',' or ']'");
  EXPECT_EQ(value_problem("{\"M\":[]}"), "expected '{'");
}

TEST(Item, AttributeNamesHaveLimits) {
  EXPECT_EQ(problem(R"({"a":{"S":""},"b":{"S":""},"a":{"S":""}})"), "attribute 'a' stands twice");
  EXPECT_EQ(problem(R"({"a":{"S":""},"\u0061":{"N":"1"}})"), "attribute 'a' stands twice");
  EXPECT_EQ(problem(R"({"":{"S":""}})"), "an attribute name is empty");
  EXPECT_EQ(problem("{\"" + std::string(65'536, 'n') + "\":{\"S\":\"\"}}"),
            "an attribute name is longer than 65,535 bytes");
  facts("{\"" + std::string(65'535, 'n') + "\":{\"S\":\"\"}}");
}

TEST(Item, ProblemsNameAttributeAndByte) {
  Found where = found(R"({"ok":{"S":""},"bad":{"N":"x"}})");
  EXPECT_EQ(where.text, "attribute 'bad': The parameter cannot be converted to a numeric value: x");
  EXPECT_EQ(where.offset, 27u);
  where = found(R"({"a":{"S":""},"b":{"S":""},"a":{"S":""}})");
  EXPECT_EQ(where.offset, 28u);
  EXPECT_EQ(problem("{\"" + std::string(100, 'n') + "\":1}"),
            "attribute '" + std::string(64, 'n') + "...': expected '{'");
  EXPECT_EQ(problem("{\"a\\nb\":1}"), "attribute 'a\\nb': expected '{'");
  EXPECT_EQ(problem(R"({"a":{"S":"x"} "b":{"S":"x"}})"), "expected ',' or '}'");
  EXPECT_EQ(problem(R"({"a":{"S":"x"},})"), "expected a string in double quotes");
  EXPECT_EQ(problem("[]"), "expected '{'");
  EXPECT_EQ(problem(""), "the text ends too early");
}

std::string nested(int levels, const std::string& open, const std::string& close) {
  std::string text = "{\"NULL\":true}";
  for (int i = 0; i < levels; ++i) text = open + text + close;
  return text;
}

TEST(Item, NestingEndsAt32Levels) {
  facts("{\"a\":" + nested(32, "{\"L\":[", "]}") + "}");
  facts("{\"a\":" + nested(32, "{\"M\":{\"m\":", "}}") + "}");
  EXPECT_NE(canonical("{\"a\":" + nested(32, "{\"M\":{\"m\":", "}}") + "}"), "");
  EXPECT_EQ(value_problem(nested(33, "{\"L\":[", "]}")), "nested deeper than 32 levels");
  EXPECT_EQ(value_problem(nested(33, "{\"M\":{\"m\":", "}}")), "nested deeper than 32 levels");
}

TEST(Item, EveryCutIsNoticed) {
  const std::string item =
      R"({"a":{"S":"x\u00e9"},"b":{"M":{"z":{"N":"1"},"y":{"SS":["b","a"]}}},"c":{"L":[{"BOOL":true},{"NULL":true}]}})";
  ItemScanner scanner;
  ItemFacts facts;
  for (std::size_t length = 0; length < item.size(); ++length) {
    const std::vector<char> cut(item.begin(), item.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_FALSE(scanner.scan({cut.data(), cut.size()}, facts)) << length;
  }
  const std::vector<char> whole(item.begin(), item.end());
  EXPECT_TRUE(scanner.scan({whole.data(), whole.size()}, facts)) << scanner.problem().text;
}

// Items of any number of attributes, some of them longer than what the walk looks ahead.
TEST(Item, DigestIsTheSumOverTheAttributesHoweverManyAndLong) {
  std::mt19937 random(5);
  const auto below = [&random](std::size_t n) { return random() % n; };
  const auto text = [&](std::size_t most) {
    static constexpr const char* kPieces[] = {"a",    "plain text ", "é",       "東京", "\\n",
                                              "\\\\", "\\\"",        "} { ] [", "/",    "0123456789"};
    std::string text;
    for (std::size_t length = below(most + 1); text.size() < length;) text += kPieces[below(std::size(kPieces))];
    return text;
  };
  const auto value = [&]() -> std::string {
    const std::string s = "{\"S\":\"" + text(below(40) == 0 ? 5000 : 60) + "\"}";
    switch (below(9)) {
      case 0:
        return "{\"N\":\"" + std::to_string(below(2'000'000'000)) + "\"}";
      case 1:
        return "{\"N\":\"-0." + std::to_string(below(1000)) + "7\"}";
      case 2:
        return below(2) == 0 ? "{\"BOOL\":false}" : "{\"NULL\":true}";
      case 3:
        return "{\"M\":{\"zip\":" + s + ",\"city\":{\"L\":[" + s + ",{\"M\":{}}]},\"b\":{\"N\":\"1\"}}}";
      case 4:
        return "{\"SS\":[\"new\",\"" + std::to_string(below(9)) + "\",\"b2b\"]}";
      case 5:
        return "{\"NS\":[\"9\",\"10\",\"-3.5\"]}";
      case 6:
        return "{\"B\":\"q83v\"}";
      default:
        return s;
    }
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> attributes;
    const std::size_t count = below(20) == 0 ? 300 + below(400) : below(30);
    for (std::size_t i = 0; i < count; ++i) {
      std::string attribute = "\"";
      attribute.append(text(20)).append(std::to_string(i)).append("\":").append(value());
      attributes.push_back(std::move(attribute));
    }
    Digest sum;
    std::string item = "{";
    std::string spaced = "{";
    for (const std::string& attribute : attributes) {
      const std::string alone = canonical("{" + attribute + "}");
      sum += hash128(std::string_view(alone).substr(1, alone.size() - 2));
      if (item.size() > 1) item += ',', spaced += " ,\t";
      item += attribute;
      spaced += attribute;
    }
    item += '}';
    spaced += '}';
    const ItemFacts found = facts(item);
    EXPECT_EQ(found.digest, mix(sum)) << item;
    EXPECT_EQ(found.length, item.size());
    const ItemFacts same = facts(spaced);
    EXPECT_EQ(same.digest, found.digest);
    EXPECT_EQ(same.size_bytes, found.size_bytes);
    if (count < 2) continue;
    // One of them again, at the end.
    ItemScanner scanner;
    ItemFacts none;
    const std::string& twin = attributes[below(count)];
    EXPECT_FALSE(scanner.scan(item.substr(0, item.size() - 1) + "," + twin + "}", none));
    EXPECT_TRUE(scanner.problem().text.ends_with("stands twice")) << scanner.problem().text;
    EXPECT_EQ(scanner.problem().offset, item.size() + 1);
  }
}

TEST(Item, BadUtf8IsFoundWhereverItIs) {
  for (const std::size_t before : {0u, 10u, 63u, 64u, 4'000u, 4'090u, 4'100u, 9'000u}) {
    const std::string front = "{\"a\":{\"S\":\"" + std::string(before, 'x') + "\"},\"é\":{\"S\":\"ü\"},";
    facts(front + "\"b\":{\"S\":\"東\"}}");
    ItemScanner scanner;
    ItemFacts none;
    EXPECT_FALSE(scanner.scan(front + "\"b\":{\"S\":\"\xE6\x9D\"},\"c\":{\"S\":\"y\"}}", none)) << before;
    EXPECT_EQ(scanner.problem().text, "attribute 'b': a string is not UTF-8");
    EXPECT_EQ(scanner.problem().offset, front.size() + 10);
  }
}

TEST(Item, PublicSamplesAreLegal) {
  BULK_REQUIRE_SHARED("samples/aws-doc-sdk-examples");
  const KeySchema product_key = KeySchema::parse("Id:N");
  const KeySchema forum_key = KeySchema::parse("Name:S");
  int seen = 0;
  for (const char* name : {"ProductCatalog", "Forum"}) {
    rapidjson::Document document;
    document.Parse(test::read_file(test::shared_file(std::string("samples/aws-doc-sdk-examples/") + name + ".json")));
    ASSERT_TRUE(document.IsObject());
    ItemScanner scanner(name[0] == 'P' ? &product_key : &forum_key);
    for (const auto& request : document[name].GetArray()) {
      rapidjson::StringBuffer buffer;
      rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
      request["PutRequest"]["Item"].Accept(writer);
      ItemFacts facts;
      EXPECT_TRUE(scanner.scan({buffer.GetString(), buffer.GetSize()}, facts)) << scanner.problem().text;
      EXPECT_EQ(facts.length, buffer.GetSize());
      ++seen;
    }
  }
  EXPECT_EQ(seen, 10);
}

}  // namespace
}  // namespace bulk
