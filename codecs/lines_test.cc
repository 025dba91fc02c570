#include "codecs/lines.h"

#include <gtest/gtest.h>

#include "tests/support/shared.h"

namespace bulk {
namespace {

struct Outcome {
  bool accepted;
  std::string line;
  std::string problem;
  std::size_t offset;
};

Outcome normalise(std::string_view line) {
  ItemScanner scanner;
  Buffer out;
  ItemProblem problem;
  const bool accepted = normalise_line(line, scanner, out, problem);
  return {accepted, std::string(out.view()), problem.text, problem.offset};
}

constexpr const char* kNotARecord = "not a record: expected {\"Item\":{...}}";

TEST(Lines, AreCutAtNewlines) {
  std::vector<LineSpan> lines;
  EXPECT_TRUE(split_lines("", lines));
  EXPECT_TRUE(lines.empty());
  EXPECT_TRUE(split_lines("ab\n\nc\n", lines));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].offset, 0u);
  EXPECT_EQ(lines[0].length, 2u);
  EXPECT_EQ(lines[1].offset, 3u);
  EXPECT_EQ(lines[1].length, 0u);
  EXPECT_EQ(lines[2].offset, 4u);
  EXPECT_EQ(lines[2].length, 1u);
  EXPECT_FALSE(split_lines("ab\nc", lines));
}

TEST(Lines, ItemsAreLocatedByTheSpellingOfOurOwnLines) {
  EXPECT_EQ(item_of_line(R"({"Item":{"a":{"S":"x"}}})"), R"({"a":{"S":"x"}})");
  EXPECT_EQ(item_of_line(R"({"Item": {}})"), " {}");
  EXPECT_EQ(item_of_line(R"({ "Item":{}})"), "");
  EXPECT_EQ(item_of_line(R"({"Item":{})"), "{");
  EXPECT_EQ(item_of_line(""), "");
}

TEST(Lines, OurOwnLinesStayAsTheyAre) {
  const std::string line = R"({"Item":{"b":{"S":"\u0041 \n"},"a":{"N":"1.0"}}})";
  EXPECT_EQ(normalise(line).line, line + "\n");
}

TEST(Lines, ForeignSpellingsAreBroughtIntoOurs) {
  const std::string wanted = "{\"Item\":{\"a\":{\"S\":\"x\"}}}\n";
  EXPECT_EQ(normalise("\xEF\xBB\xBF{\"Item\":{\"a\":{\"S\":\"x\"}}}").line, wanted);
  EXPECT_EQ(normalise("{\"Item\":{\"a\":{\"S\":\"x\"}}}\r").line, wanted);
  EXPECT_EQ(normalise(" { \"Item\" :\t{\"a\":{\"S\":\"x\"}} } ").line, wanted);
  EXPECT_EQ(normalise("{\"Item\":{\"a\":\r\n{\"S\" : \"x\"} } }").line, wanted);
  EXPECT_EQ(normalise("{\"Item\":{\r\"a b\" : {\"S\": \" \\\" \\\\\"}}}").line,
            "{\"Item\":{\"a b\":{\"S\":\" \\\" \\\\\"}}}\n");
}

TEST(Lines, OtherShapesAreNoRecords) {
  for (const char* line : {R"({"a":{"S":"x"}})", "[]", "1", "\"x\"", "null", "{}", R"({"Item":1})", R"({"Item":[]})",
                           R"({"item":{}})", R"({"Item":{},"Metadata":{}})", R"({"Metadata":{},"Item":{}})",
                           R"([{"Item":{}}])", R"({"Item":{},"Item":{}})"}) {
    const Outcome outcome = normalise(line);
    EXPECT_FALSE(outcome.accepted);
    EXPECT_EQ(outcome.problem, kNotARecord) << line;
    EXPECT_EQ(outcome.line, "");
  }
}

TEST(Lines, ProblemsNameTheByteOfTheLine) {
  Outcome outcome = normalise(R"({"Item":{"a":{"S":"x"}}} x)");
  EXPECT_EQ(outcome.problem, "not JSON: text after the end of the value");
  EXPECT_EQ(outcome.offset, 25u);
  outcome = normalise("\xEF\xBB\xBF{\"Item\":{\"age\":{\"N\":\"x\"}}}");
  EXPECT_EQ(outcome.problem, "attribute 'age': The parameter cannot be converted to a numeric value: x");
  EXPECT_EQ(outcome.offset, 24u);
  outcome = normalise("{\"Item\":{}");
  EXPECT_EQ(outcome.problem, "not JSON: the text ends too early");
  EXPECT_EQ(outcome.offset, 10u);
  EXPECT_EQ(normalise("").problem, "not JSON: the text ends too early");
}

TEST(Lines, ThePublicTestSuiteHasNoRecords) {
  BULK_REQUIRE_SHARED("vectors/json");
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_file("vectors/json"))) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().filename().string();
    const Outcome outcome = normalise(test::read_file(entry.path()));
    EXPECT_FALSE(outcome.accepted) << name;
    EXPECT_EQ(outcome.line, "") << name;
    if (name.starts_with("y_")) {
      EXPECT_EQ(outcome.problem, kNotARecord) << name;
    } else if (name.starts_with("n_") && name != "n_structure_UTF8_BOM_no_data.json") {
      EXPECT_EQ(outcome.problem.find("not JSON: "), 0u) << name << ": " << outcome.problem;
    }
  }
}

// The same texts as values inside a record: whatever is bad JSON there is refused too.
TEST(Lines, BadJsonInsideARecordIsRefused) {
  BULK_REQUIRE_SHARED("vectors/json");
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_file("vectors/json"))) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json" || !name.starts_with("n_")) continue;
    const std::string text = test::read_file(entry.path());
    for (const char* before : {"{\"Item\":{\"a\":{\"L\":", "{\"Item\":{\"a\":{\"SS\":", "{\"Item\":{\"a\":{\"S\":"}) {
      EXPECT_FALSE(normalise(before + text + "}}}").accepted) << name;
    }
  }
}

}  // namespace
}  // namespace bulk
