#include "codecs/json_check.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/shared.h"

namespace bulk {
namespace {

TEST(JsonCheck, AcceptsAndRefusesAsThePublicTestSuite) {
  BULK_REQUIRE_SHARED("vectors/json");
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_file("vectors/json"))) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().filename().string();
    const std::string text = test::read_file(entry.path());
    const JsonProblem problem = check_json(text);
    EXPECT_LE(problem.offset, text.size()) << name;
    if (name.starts_with("y_")) {
      EXPECT_EQ(problem.text, "") << name << " at " << problem.offset;
    } else if (name.starts_with("n_")) {
      EXPECT_NE(problem.text, "") << name;
    }
    ++seen;
  }
  EXPECT_GT(seen, 200);
}

void expect_problem(std::string_view text, const char* problem, std::size_t offset) {
  const JsonProblem found = check_json(text);
  EXPECT_EQ(found.text, problem) << text;
  EXPECT_EQ(found.offset, offset) << text;
}

TEST(JsonCheck, NamesTheByte) {
  expect_problem("", "the text ends too early", 0);
  expect_problem("{", "the text ends too early", 1);
  expect_problem("[1,]", "expected a value", 3);
  expect_problem("{\"a\" 1}", "expected ':'", 5);
  expect_problem("{\"a\":1,}", "expected a name in double quotes", 7);
  expect_problem("{\"a\":1]", "expected ',' or '}'", 6);
  expect_problem("[1}", "expected ',' or ']'", 2);
  expect_problem("[1] x", "text after the end of the value", 4);
  expect_problem("\"a\nb\"", "control character in a string", 2);
  expect_problem("\"\xFF\"", "a string is not UTF-8", 1);
  expect_problem("\"\\uD800\"", "lone surrogate", 1);
  expect_problem("-x", "expected a digit", 1);
  expect_problem("[nul]", "expected a value", 1);
}

TEST(JsonCheck, NestingEndsAt512) {
  EXPECT_EQ(check_json(std::string(512, '[') + std::string(512, ']')).text, "");
  expect_problem(std::string(513, '[') + std::string(513, ']'), "nested deeper than 512 levels", 512);
  expect_problem(std::string(1'000'000, '['), "nested deeper than 512 levels", 512);
  std::string objects;
  for (int i = 0; i < 600; ++i) objects += "{\"a\":";
  EXPECT_EQ(check_json(objects).text, "nested deeper than 512 levels");
}

TEST(JsonCheck, DamagedTextsNeverPassTheirEnd) {
  const std::string sound = R"({"a":[1,-2.5e+3,true,false,null,"x\u00e9\uD83D\uDE00\n"],"b":{"c":{},"d":[]},"ü":0})";
  ASSERT_EQ(check_json(sound).text, "");
  for (std::size_t length = 0; length < sound.size(); ++length) {
    // A copy of exactly this length, so that a sanitizer sees a read behind it.
    const std::vector<char> cut(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_NE(check_json({cut.data(), cut.size()}).text, "") << length;
  }
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<char> bytes(sound.begin(), sound.end());
    bytes[random() % bytes.size()] = static_cast<char>(random());
    EXPECT_LE(check_json({bytes.data(), bytes.size()}).offset, bytes.size());
  }
}

TEST(JsonCheck, EscapesOnlyWhatJsonRequires) {
  EXPECT_EQ(json_quoted("a\"b\\c/\n\x01ü"), "\"a\\\"b\\\\c/\\n\\u0001ü\"");
  EXPECT_EQ(json_quoted(""), "\"\"");
  std::string every;
  for (int c = 0; c < 128; ++c) every += static_cast<char>(c);
  EXPECT_EQ(check_json(json_quoted(every)).text, "");
}

}  // namespace
}  // namespace bulk
