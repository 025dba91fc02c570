#include "codecs/scan_page.h"

#include <gtest/gtest.h>

#include <random>

#include "io/error.h"

namespace bulk {
namespace {

struct Parsed {
  std::string lines;
  ScanPage page;
};

Parsed parse(ScanPageParser& parser, std::string_view reply) {
  Parsed parsed;
  Buffer out;
  parser.parse(Buffer(reply), out, parsed.page);
  parsed.lines = out.view();
  return parsed;
}

std::string problem(std::string_view reply) {
  ScanPageParser parser;
  try {
    parse(parser, reply);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::failed);
    EXPECT_EQ(error.next_action(), "check what answers at the endpoint");
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with("malformed Scan reply: ")) << what;
    return what.substr(what.find(": ") + 2);
  }
  return "sound";
}

constexpr const char* kReply =
    R"({"Count":2,"Items":[{"pk":{"S":"a"},"n":{"N":"1"}},{"pk":{"S":"ü}]\""}}],"ScannedCount":2,)"
    R"("LastEvaluatedKey": {"pk": {"S":"a b"}},"ConsumedCapacity":{"TableName":"t","CapacityUnits":12.5}})";

TEST(ScanPage, ItemsBecomeLines) {
  ScanPageParser parser;
  const Parsed parsed = parse(parser, kReply);
  EXPECT_EQ(parsed.lines,
            "{\"Item\":{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}}\n{\"Item\":{\"pk\":{\"S\":\"ü}]\\\"\"}}}\n");
  EXPECT_EQ(parsed.page.last_evaluated_key, R"({"pk":{"S":"a b"}})");
  EXPECT_EQ(parsed.page.consumed_units, 12.5);
  EXPECT_EQ(parsed.page.count, 2u);
  ASSERT_EQ(parsed.page.lines.size(), 2u);
  for (const LineSpan& line : parsed.page.lines) {
    EXPECT_EQ(parsed.lines[line.offset + line.length], '\n');
    EXPECT_NE(item_of_line(std::string_view(parsed.lines).substr(line.offset, line.length)), "");
  }
}

// A reply without white space is cut into items without parsing them; with a space in the right place it is parsed.
TEST(ScanPage, BothWaysOfReadingAReplyFindTheSameItems) {
  std::mt19937 random(9);
  const auto below = [&random](std::size_t n) { return random() % n; };
  static constexpr const char* kValues[] = {
      R"({"S":"a text },{ like ]} an end \" of \\"})",
      R"({"S":""})",
      R"({"L":[{"M":{"a":{"S":"b"}}},{"M":{}},{"M":{"c":{"N":"1"}}}]})",
      R"({"L":[{"L":[]},{"L":[{"BOOL":true}]}]})",
      R"({"S":"東京"})",
      R"({"SS":["a","},{"]})",
      R"({"S":"a text of more than sixty-four bytes, so that a whole block of it lies inside of the string"})"};
  ScanPageParser parser;
  for (int round = 0; round < 500; ++round) {
    std::string items;
    std::string lines;
    const std::size_t count = below(8);
    for (std::size_t i = 0; i < count; ++i) {
      std::string item = "{";
      for (std::size_t n = below(6); n > 0; --n) {
        item.append(item.size() > 1 ? ",\"Items" : "\"Items").append(std::to_string(n)).append("\":");
        item += kValues[below(std::size(kValues))];
      }
      item += '}';
      items += (i > 0 ? "," : "") + item;
      lines += "{\"Item\":" + item + "}\n";
    }
    const std::string back = "],\"LastEvaluatedKey\":{\"pk\":{\"S\":\"a\"}},\"ScannedCount\":9}";
    const std::string front =
        "{\"Count\":" + std::to_string(count) + ",\"ConsumedCapacity\":{\"CapacityUnits\":2.5},\"Items\":";
    for (const char* bracket : {"[", " ["}) {
      const Parsed parsed = parse(parser, front + bracket + items + back);
      EXPECT_EQ(parsed.lines, lines);
      EXPECT_EQ(parsed.page.lines.size(), count);
      EXPECT_EQ(parsed.page.last_evaluated_key, R"({"pk":{"S":"a"}})");
      EXPECT_EQ(parsed.page.consumed_units, 2.5);
    }
  }
}

// Where a wrong Count goes with it, what stands between items can end up in a line: one that nobody takes for a record.
TEST(ScanPage, WhatStandsBetweenItemsIsNoRecord) {
  const std::string item = R"({"pk":{"S":"a"}})";
  ScanPageParser parser;
  ItemScanner scanner;
  for (const std::string& items :
       {item + ",5," + item, item + ",5", "5," + item, item + "," + item + ",[]", item + "," + item + "}"}) {
    for (const char* count : {"1", "2", "3"}) {
      const std::string reply = "{\"Count\":" + std::string(count) + ",\"Items\":[" + items + "]}";
      if (problem(reply) != "sound") continue;
      ItemFacts facts;
      bool all_legal = true;
      const Parsed parsed = parse(parser, reply);
      for (const LineSpan& line : parsed.page.lines) {
        const std::string_view text = item_of_line(std::string_view(parsed.lines).substr(line.offset, line.length));
        all_legal = all_legal && scanner.scan(text, facts) && facts.length == text.size();
      }
      EXPECT_FALSE(all_legal) << reply;
    }
  }
  EXPECT_EQ(problem("{\"Count\":1,\"Items\":[" + item + "],\"Items\":[" + item + "]}"), "Items stands twice");
  EXPECT_EQ(problem("{\"Count\":1,\"Items\":[" + item + "],\"It\\u0065ms\":[]}"), "Items stands twice");
  EXPECT_EQ(problem("{\"x\":{\"Items\":[" + item + "]},\"Count\":1}"), "no Items");
  EXPECT_EQ(problem("{\"x\":{\"Items\":[" + item + "]},\"Count\":0,\"Items\":[]}"), "sound");
}

TEST(ScanPage, SpaceBehindAnItemIsNotPartOfItsLine) {
  ScanPageParser parser;
  const Parsed parsed =
      parse(parser, "{\"Items\":[ {\"pk\":{\"S\":\"a\"}} ,\t{\"pk\":{\"S\":\"b\"}}\t ] ,\"Count\":2}");
  EXPECT_EQ(parsed.lines, "{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n{\"Item\":{\"pk\":{\"S\":\"b\"}}}\n");
}

TEST(ScanPage, AppendsToWhatIsThereAndForgetsTheLastPage) {
  ScanPageParser parser;
  Buffer out;
  ScanPage page;
  parser.parse(Buffer(std::string_view(kReply)), out, page);
  const std::size_t before = out.size();
  parser.parse(Buffer(std::string_view(R"({"Items":[{}],"Count":1})")), out, page);
  EXPECT_EQ(out.view().substr(before), "{\"Item\":{}}\n");
  ASSERT_EQ(page.lines.size(), 1u);
  EXPECT_EQ(page.lines[0].offset, before);
  EXPECT_EQ(page.last_evaluated_key, "");
  EXPECT_EQ(page.consumed_units, 0);
}

TEST(ScanPage, AnEmptyPageIsNotTheEnd) {
  ScanPageParser parser;
  const Parsed parsed = parse(parser, R"({"Items":[],"Count":0,"LastEvaluatedKey":{"pk":{"N":"1"}}})");
  EXPECT_EQ(parsed.lines, "");
  EXPECT_EQ(parsed.page.last_evaluated_key, R"({"pk":{"N":"1"}})");
}

TEST(ScanPage, NullStandsForAbsent) {
  ScanPageParser parser;
  const Parsed parsed = parse(parser, R"({"Items":[],"Count":0,"LastEvaluatedKey":null,"ConsumedCapacity":null})");
  EXPECT_EQ(parsed.page.last_evaluated_key, "");
}

TEST(ScanPage, LineBreaksBetweenTokensGoOut) {
  ScanPageParser parser;
  const Parsed parsed =
      parse(parser, "{\"Items\": [\n{\r\n \"a b\": {\n\"S\": \"x  \\n\\\" {\"}\n }\n],\n\"Count\": 1}\n");
  EXPECT_EQ(parsed.lines, "{\"Item\":{\"a b\":{\"S\":\"x  \\n\\\" {\"}}}\n");
}

TEST(ScanPage, ItemsInsideOfANameAreNone) {
  EXPECT_EQ(problem(R"({"x\"Items":[{"a":{"S":"1"}}],"Items":[],"Count":1})"), "Count is 1 but there are 0 items");
  ScanPageParser parser;
  EXPECT_EQ(parse(parser, R"({"x\"Items":[{"a":{"S":"1"}}],"Items":[{"b":{"S":"2"}}],"Count":1})").lines,
            "{\"Item\":{\"b\":{\"S\":\"2\"}}}\n");
}

TEST(ScanPage, SaysWhatIsMalformed) {
  EXPECT_EQ(problem(""), "it is empty");
  EXPECT_EQ(problem("[]"), "it is of the wrong type");
  EXPECT_EQ(problem("{}"), "no Items");
  EXPECT_EQ(problem(R"({"Items":[]})"), "no Count");
  EXPECT_EQ(problem(R"({"Count":0})"), "no Items");
  EXPECT_EQ(problem(R"({"Items":[{}],"Count":2})"), "Count is 2 but there are 1 items");
  EXPECT_EQ(problem(R"({"Items":{},"Count":0})"), "Items is of the wrong type");
  EXPECT_EQ(problem(R"({"Items":[1],"Count":1})"), "an item is of the wrong type");
  EXPECT_EQ(problem(R"({"Items":[],"Count":"0"})"), "Count is of the wrong type");
  EXPECT_EQ(problem(R"({"Items":[],"Items":[],"Count":0})"), "Items stands twice");
  EXPECT_EQ(problem(R"({"Items":[],"Count":0,"LastEvaluatedKey":[]})"), "LastEvaluatedKey is of the wrong type");
  EXPECT_EQ(problem(R"({"Items":[],"Count":0,"LastEvaluatedKey":{}})"), "LastEvaluatedKey is empty");
  EXPECT_EQ(problem(R"({"Items":[],"Count":0,"LastEvaluatedKey":{"a":nul}})"), "LastEvaluatedKey: expected a value");
  EXPECT_EQ(problem(R"({"Items":[],"Count":0,"ConsumedCapacity":{"CapacityUnits":-1}})"), "CapacityUnits is negative");
  EXPECT_EQ(problem("{\"Items\":[{\"a\":{\"S\":\"\n\"}}],\"Count\":1}"),
            "Within strings, some characters must be escaped, we found unescaped characters");
  EXPECT_NE(problem(R"({"Items":[],"Count":0} x)"), "sound");
  EXPECT_NE(problem(R"({"Items":[],"Count":0}{})"), "sound");
  EXPECT_NE(problem("{\"Items\":[{\"a\":{\"S\":\"\xFF\"}}],\"Count\":1}"), "sound");
  EXPECT_NE(problem("<html>"), "sound");
}

TEST(ScanPage, CutRepliesAreRefusedAtEveryLength) {
  const std::string_view reply = kReply;
  for (std::size_t length = 0; length < reply.size(); ++length) {
    EXPECT_NE(problem(reply.substr(0, length)), "sound") << length;
  }
}

TEST(ScanPage, DamagedRepliesNeverCrashAndKeepOneItemALine) {
  ScanPageParser parser;
  std::mt19937 random(17);
  for (int round = 0; round < 20'000; ++round) {
    std::string reply = kReply;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
      reply[random() % reply.size()] = random() % 2 == 0 ? static_cast<char>(random()) : "{}[]\",:\\\n"[random() % 9];
    }
    try {
      const Parsed parsed = parse(parser, reply);
      std::vector<LineSpan> lines;
      EXPECT_TRUE(split_lines(parsed.lines, lines));
      EXPECT_EQ(lines.size(), parsed.page.lines.size());
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace bulk
