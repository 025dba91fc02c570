#include "backends/dump/record_splitter.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/dump_files.h"

namespace bulk {
namespace {

using Strings = std::vector<std::string>;

// Feeds `text` in pieces of random sizes.
Strings split(RecordSplitter& splitter, std::string_view text, std::size_t largest_piece, unsigned seed = 1) {
  std::mt19937 random(seed);
  Strings records;
  std::string_view record;
  while (!text.empty()) {
    const std::string piece(text.substr(0, random() % largest_piece + 1));
    text.remove_prefix(piece.size());
    std::string_view rest = piece;
    while (splitter.next(rest, record)) records.emplace_back(record);
    EXPECT_TRUE(rest.empty());
  }
  if (splitter.last(record)) records.emplace_back(record);
  EXPECT_FALSE(splitter.last(record));
  return records;
}

std::string refusal(RecordSplitter& splitter, std::string_view text) {
  return test::error_line([&] { split(splitter, text, 7); }, ErrorKind::failed);
}

TEST(LineSplitter, CutsAnywhereAlike) {
  const std::string text = "one\n\ntwo\r\nthree, the longest of them\nlast";
  for (unsigned seed = 0; seed < 20; ++seed) {
    for (const std::size_t largest : {1, 2, 5, 100}) {
      const auto splitter = make_line_splitter("f", 100);
      EXPECT_EQ(split(*splitter, text, largest, seed),
                (Strings{"one", "", "two\r", "three, the longest of them", "last"}));
      EXPECT_EQ(splitter->line(), 5u);
      EXPECT_EQ(splitter->where(), "line 5");
    }
  }
}

TEST(LineSplitter, NamesALineThatIsTooLong) {
  const std::string expected = "f, line 2: longer than 5 bytes, more than the buffers allow; raise --memory";
  EXPECT_EQ(refusal(*make_line_splitter("f", 5), "12345\n123456\n"), expected);
  EXPECT_EQ(refusal(*make_line_splitter("f", 5), "1\n1234567890"), expected);
}

TEST(ItemsSplitter, TakesTheItemsOfAPrettyPrintedScan) {
  const std::string text = R"({
    "Count": 2, "ScannedCount": 2,
    "Items": [
        {
            "pk": { "S": "a } ] \" b" },
            "n": { "N": "1" }
        },
        { "pk": {"S": "b"}, "l": { "L": [ { "NULL": true } ] } }
    ],
    "ConsumedCapacity": { "TableName": "Items", "x": [1, "]", {"Items": [7]}] }
}
)";
  const Strings expected = {R"({"Item":{"pk":{"S":"a } ] \" b"},"n":{"N":"1"}}})",
                            R"({"Item":{"pk":{"S":"b"},"l":{"L":[{"NULL":true}]}}})"};
  for (unsigned seed = 0; seed < 20; ++seed) {
    for (const std::size_t largest : {1, 3, 10, 1000}) {
      EXPECT_EQ(split(*make_items_splitter("f", 1000), text, largest, seed), expected);
    }
  }
}

TEST(ItemsSplitter, TakesSeveralPagesAndEmptyOnes) {
  EXPECT_EQ(split(*make_items_splitter("f", 100), R"({"Items":[]}{"Items":[{}],"Count":1} {"Count":0,"Items":[ ]})", 5),
            (Strings{R"({"Item":{}})"}));
}

constexpr std::string_view kScanAgain = "; scan the whole table";

std::string incomplete(std::string_view text) {
  return test::error_line([&] { split(*make_items_splitter("f", 1000), text, 7); }, ErrorKind::corrupt);
}

TEST(ItemsSplitter, OnePageOfSeveralIsNotTheScan) {
  const std::string token =
      std::string("f: is one page of several: it ends with a NextToken") + std::string(kScanAgain);
  EXPECT_EQ(incomplete(R"({"Items":[{"a":{}}],"Count":1,"NextToken":"eyJ"})"), token);
  EXPECT_EQ(incomplete(R"({"NextToken":"eyJ","Items":[{"a":{}}]})"), token);
  EXPECT_EQ(incomplete(R"({"Count":3,"Items":[{"a":{}}],"NextToken":"eyJ"})"), token);
  const std::string key =
      std::string("f: is one page of several: it ends with a LastEvaluatedKey") + std::string(kScanAgain);
  EXPECT_EQ(incomplete(R"({"Items":[], "LastEvaluatedKey" : { "pk": {"S": ")" + std::string(100'000, 'x') + "\"}}}"),
            key);
  EXPECT_EQ(incomplete(R"({"LastEvaluatedKey":{"pk":{"S":"}"}},"Items":[]})"), key);
  EXPECT_EQ(incomplete(R"({"Items":[],"LastEvaluatedKey":{"pk":{"S":"a"}}}{"Items":[],"NextToken":"eyJ"})"), token);
}

TEST(ItemsSplitter, TheLastPageEndsTheScan) {
  const auto items = [](std::string_view text) { return split(*make_items_splitter("f", 1000), text, 5).size(); };
  EXPECT_EQ(items(R"({"Items":[{}],"NextToken":null,"LastEvaluatedKey":{ }})"), 1u);
  EXPECT_EQ(items(R"({"Items":[{"NextToken":{"S":"a"}}],"ConsumedCapacity":{"NextToken":"a"},"LastEvaluatedKeys":1})"),
            1u);
  // As `aws dynamodb scan --max-items` and `--starting-token` count.
  EXPECT_EQ(items(R"({"Items":[{},{}],"Count":9,"NextToken":"a"}{"Items":[{}],"Count":0})"), 3u);
}

TEST(ItemsSplitter, TheCountIsThatOfTheItems) {
  const auto wrong = [](std::string_view count, std::string_view held) {
    return "f, after item 2: \"Count\" is " + std::string(count) + ", but " + std::string(held) + " items are there" +
           std::string(kScanAgain);
  };
  EXPECT_EQ(incomplete(R"({"Items":[{},{}],"Count":3})"), wrong("3", "2"));
  EXPECT_EQ(incomplete(R"({"Count" : 1 ,"ScannedCount":2,"Items":[{},{}]})"), wrong("1", "2"));
  EXPECT_EQ(incomplete(R"({"Items":[{}],"Count":1}{"Items":[{}],"Count":2})"), wrong("2", "1"));
  EXPECT_EQ(split(*make_items_splitter("f", 99), R"({"ScannedCount":7,"Count":null,"Items":[{}]})", 3).size(), 1u);
  const std::string no_number =
      "f, after item 0: \"Count\" is no number; a dump is lines of {\"Item\":{...}} or what "
      "`aws dynamodb scan` prints";
  for (const char* count : {"-1", "1.0", "\"0\"", "{}", "99999999999999999999999999999"}) {
    EXPECT_EQ(refusal(*make_items_splitter("f", 99), "{\"Items\":[],\"Count\":" + std::string(count) + "}"), no_number)
        << count;
  }
}

TEST(ItemsSplitter, WhiteSpaceNeverJoinsTokens) {
  EXPECT_EQ(split(*make_items_splitter("f", 100), "{\"Items\":[{\"a\":{\"BOOL\":tr ue}}]}", 5),
            (Strings{R"({"Item":{"a":{"BOOL":tr ue}}})"}));
}

TEST(ItemsSplitter, SaysWhatIsWrong) {
  const std::string next = "; a dump is lines of {\"Item\":{...}} or what `aws dynamodb scan` prints";
  const auto refused = [](std::string_view text) { return refusal(*make_items_splitter("f", 50), text); };
  EXPECT_EQ(refused(R"({"Items":[{"a":{}},{"b")"), "f, after item 1: the text ends inside the document" + next);
  EXPECT_EQ(refused(R"({"Items":[{"a":{}}])"), "f, after item 1: the text ends inside the document" + next);
  EXPECT_EQ(refused(R"({"pk":{"S":"a"}})"), "f, after item 0: an object without \"Items\"" + next);
  EXPECT_EQ(refused(R"({"Items":{}})"), "f, after item 0: \"Items\" is no list" + next);
  EXPECT_EQ(refused(R"({"Items":[1]})"), "f, after item 0: unexpected '1'" + next);
  EXPECT_EQ(refused(R"({"Items":[]}x)"), "f, after item 0: unexpected 'x'" + next);
  EXPECT_EQ(refused(R"({"Items":[{"a":")" + std::string(60, 'x')),
            "f, item 1: longer than 50 bytes, more than the buffers allow; raise --memory");
}

TEST(ItemsSplitter, SurvivesAnyBytes) {
  std::mt19937 random(11);
  constexpr std::string_view kAlphabet = "{}[]\",:\\ Items\n1";
  for (int round = 0; round < 5000; ++round) {
    std::string text = random() % 2 == 0 ? "{\"Items\":[" : "";
    for (std::size_t length = random() % 60; length > 0; --length) text += kAlphabet[random() % kAlphabet.size()];
    const auto splitter = make_items_splitter("f", 30);
    try {
      for (const std::string& record : split(*splitter, text, 9)) EXPECT_LE(record.size(), 31u);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::failed);
    }
  }
}

TEST(BeginsItemsFile, LooksAtTheFirstMember) {
  EXPECT_TRUE(begins_items_file("{\"Items\":["));
  EXPECT_TRUE(begins_items_file("\xEF\xBB\xBF \n{ \"Count\" : 1"));
  EXPECT_FALSE(begins_items_file("{\"Item\":{}}"));
  EXPECT_FALSE(begins_items_file(" { \"Item\" : {}}"));
  EXPECT_FALSE(begins_items_file("[{}]"));
  EXPECT_FALSE(begins_items_file(""));
  EXPECT_FALSE(begins_items_file("{"));
}

}  // namespace
}  // namespace bulk
