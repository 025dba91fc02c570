#include "codecs/number.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "codecs/item.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

std::vector<std::vector<std::string>> table(const std::string& relative) {
  std::istringstream in(test::read_file(test::shared_file(relative)));
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    std::vector<std::string>& row = rows.emplace_back();
    std::size_t begin = 0;
    for (std::size_t tab = 0; (tab = line.find('\t', begin)) != std::string::npos; begin = tab + 1) {
      row.push_back(line.substr(begin, tab - begin));
    }
    row.push_back(line.substr(begin));
  }
  return rows;
}

std::string reason(const std::string& number) {
  std::string text;
  EXPECT_EQ(canonical_number(number, &text), "");
  return text;
}

TEST(Number, CanonicalFormsAreThoseOfTheVectors) {
  BULK_REQUIRE_SHARED("vectors/number_canonical.tsv");
  const auto rows = table("vectors/number_canonical.tsv");
  ASSERT_GT(rows.size(), 80u);
  for (const auto& row : rows) {
    ASSERT_GE(row.size(), 2u);
    std::string why;
    const std::string canonical = canonical_number(row[0], &why);
    if (row[1] == "!overflow") {
      EXPECT_EQ(why.find("Number overflow"), 0u) << row[0] << " -> " << canonical << why;
    } else if (row[1] == "!underflow") {
      EXPECT_EQ(why.find("Number underflow"), 0u) << row[0] << " -> " << canonical << why;
    } else if (row[1] == "!precision") {
      EXPECT_EQ(why.find("Attempting to store more than 38"), 0u) << row[0] << " -> " << canonical << why;
    } else if (row[1] == "!not_numeric") {
      EXPECT_EQ(why, "The parameter cannot be converted to a numeric value: " + row[0]);
    } else {
      EXPECT_EQ(canonical, row[1]) << row[0];
      EXPECT_EQ(why, "");
      EXPECT_EQ(canonical_number(canonical), canonical);
    }
  }
}

TEST(Number, SizesAreThoseOfTheVectors) {
  BULK_REQUIRE_SHARED("vectors/number_size.tsv");
  const auto rows = table("vectors/number_size.tsv");
  ASSERT_GT(rows.size(), 20u);
  for (const auto& row : rows) EXPECT_EQ(number_size(row.at(0)), std::stoul(row.at(1))) << row[0];
  EXPECT_EQ(number_size("dog"), 0u);
}

TEST(Number, ReasonsAreTheServicesOwnWords) {
  EXPECT_EQ(reason("1e126"),
            "Number overflow. Attempting to store a number with magnitude larger than supported range");
  EXPECT_EQ(reason("1e-131"),
            "Number underflow. Attempting to store a number with magnitude smaller than supported range");
  EXPECT_EQ(reason("123456789012345678901234567890123456789"),
            "Attempting to store more than 38 significant digits in a Number");
  EXPECT_EQ(reason("dog\x01"), "The parameter cannot be converted to a numeric value: dog?");
}

TEST(Number, HugeTextsAndExponentsAreNoTrouble) {
  EXPECT_EQ(canonical_number("0." + std::string(100'000, '0') + "1e100001"), "1");
  EXPECT_EQ(canonical_number("1" + std::string(100'000, '0') + "e-100000"), "1");
  EXPECT_EQ(canonical_number(std::string(100'000, '0') + "7." + std::string(100'000, '0')), "7");
  const std::string nines(100'000, '9');
  EXPECT_EQ(reason("1e" + nines).find("Number overflow"), 0u);
  EXPECT_EQ(reason("1e-" + nines).find("Number underflow"), 0u);
  EXPECT_EQ(canonical_number("0.0e" + nines), "0");
  EXPECT_EQ(reason(nines).find("Number overflow"), 0u);
}

TEST(Number, RefusesWhatIsNotANumber) {
  for (const char* text : {"", "+", "-", ".", "-.", "e1", ".e1", "1e+", "1e-", "1ee1", "1e1.0", "1e1e1", "++1", "1+",
                           "1-1", "1 ", "1_000", "\xD9\xA1", "1f"}) {
    EXPECT_EQ(reason(text).find("The parameter cannot be converted"), 0u) << text;
  }
}

// A random number in many spellings has one canonical form, and that one is recognised as such.
TEST(Number, AllSpellingsOfAValueAgree) {
  std::mt19937_64 random(7);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 20'000; ++round) {
    std::string digits(1, static_cast<char>('1' + below(9)));
    for (int more = below(38); more > 0; --more) digits += static_cast<char>('0' + below(10));
    const int exponent = below(256) - 130;  // of the first digit
    const std::string sign = below(2) == 0 ? "" : "-";
    const auto spell = [&] {
      const int point = below(static_cast<int>(digits.size()) + 1);
      std::string text = sign.empty() && below(3) == 0 ? "+" : sign;
      text += std::string(static_cast<std::size_t>(below(3)), '0') + digits.substr(0, static_cast<std::size_t>(point));
      text +=
          '.' + digits.substr(static_cast<std::size_t>(point)) + std::string(static_cast<std::size_t>(below(3)), '0');
      text += (below(2) == 0 ? "e" : "E") + std::to_string(exponent - point + 1);
      return text;
    };
    const std::string first = spell();
    const std::string canonical = canonical_number(first);
    ASSERT_NE(canonical, "") << first;
    const std::string second = spell();
    ASSERT_EQ(canonical_number(second), canonical) << first << " " << second;
    NumberShape shape;
    ASSERT_EQ(read_number(canonical, shape), NumberProblem::none);
    ASSERT_TRUE(shape.canonical) << canonical;
    ASSERT_EQ(number_size(canonical), number_size(first));
    ASSERT_EQ(read_number(second, shape), NumberProblem::none);
    ASSERT_EQ(shape.canonical, second == canonical) << second;
  }
}

// All texts of up to 5 of these characters, and longer ones at random.
TEST(Number, ThePlainOnesAreToldAtOnce) {
  constexpr std::string_view kCharacters = "0157.-+e ";
  std::size_t plain = 0;
  const auto check = [&plain](const std::string& number) {
    const std::string text = number + "\"}}, and what follows";
    NumberShape shape;
    const bool legal = read_number(number, shape) == NumberProblem::none;
    const std::string_view view = std::string_view(text).substr(0, number.size());
    std::size_t bytes = 0;
    if (plain_number_size(view, text.data() + text.size(), bytes)) {
      ++plain;
      ASSERT_TRUE(legal && shape.canonical) << number;
      ASSERT_EQ(bytes, number_size(shape)) << number;
    } else {
#ifdef __SSE2__
      ASSERT_FALSE(legal && shape.canonical && number.size() <= 16) << number;
#endif
    }
    // Without room behind it nothing is read.
    const std::vector<char> alone(number.begin(), number.end());
    EXPECT_FALSE(plain_number_size({alone.data(), alone.size()}, alone.data() + alone.size(), bytes));
  };
  std::vector<std::string> texts = {""};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    check(texts[i]);
    if (texts[i].size() == 5) continue;
    for (const char c : kCharacters) texts.push_back(texts[i] + c);
  }
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string number = random() % 4 == 0 ? "-" : "";
    for (std::size_t digits = 1 + random() % 17; digits > 0; --digits) number += static_cast<char>('0' + random() % 10);
    if (random() % 2 == 0) number.insert(1 + random() % (number.size()), ".");
    check(number);
  }
#ifdef __SSE2__
  EXPECT_GT(plain, 10'000u);
#endif
}

}  // namespace
}  // namespace bulk
