#include "codecs/decimal.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "codecs/item.h"

namespace bulk {
namespace {

const std::string kNines(38, '9');

std::string added(std::string_view a, std::string_view b) {
  std::string result = "unchanged";
  const NumberProblem problem = add_numbers(a, b, result);
  return problem == NumberProblem::none ? result : number_problem_text(problem, "");
}

std::string subtracted(std::string_view a, std::string_view b) {
  std::string result = "unchanged";
  const NumberProblem problem = subtract_numbers(a, b, result);
  return problem == NumberProblem::none ? result : number_problem_text(problem, "");
}

TEST(Decimal, ComparesByValueWhateverTheSpelling) {
  // In ascending order.
  const std::string ordered[] = {
      "-" + kNines + "e88", "-1e125", "-100", "-99.5", "-1.5", "-1",  "-0.001", "-1e-130", "0",           "1e-130",
      "1.1e-130",           "0.001",  "1",    "1.5",   "99.5", "100", "101",    "1e125",   kNines + "e88"};
  for (std::size_t i = 0; i < std::size(ordered); ++i) {
    for (std::size_t k = 0; k < std::size(ordered); ++k) {
      EXPECT_EQ(compare_numbers(ordered[i], ordered[k]), i <=> k) << ordered[i] << " " << ordered[k];
    }
  }
  for (const char* one : {"1", "1.0", "+1", "01", "1e0", "10e-1", "0.1e1"}) {
    EXPECT_EQ(compare_numbers(one, "1"), std::strong_ordering::equal) << one;
  }
  for (const char* zero : {"0", "-0", "0.00", "0e5", "-0.0"}) {
    EXPECT_EQ(compare_numbers(zero, "0"), std::strong_ordering::equal) << zero;
  }
}

TEST(Decimal, AddsAndSubtractsExactly) {
  EXPECT_EQ(added("1", "2"), "3");
  EXPECT_EQ(added("0.1", "0.2"), "0.3");
  EXPECT_EQ(added("-1", "1"), "0");
  EXPECT_EQ(added("0", "-0"), "0");
  EXPECT_EQ(added("5", "-7"), "-2");
  EXPECT_EQ(added("999", "1"), "1000");
  EXPECT_EQ(added("1e2", "+1.50"), "101.5");
  EXPECT_EQ(added("1", "10000000000000000000000"), "10000000000000000000001");
  EXPECT_EQ(subtracted("10000000000000000000000", "1"), "9999999999999999999999");
  EXPECT_EQ(subtracted("0", "5"), "-5");
  EXPECT_EQ(subtracted("0", "0"), "0");
  EXPECT_EQ(subtracted("-5", "-7"), "2");
  EXPECT_EQ(subtracted("1.5", "1.5"), "0");
  EXPECT_EQ(subtracted("1000", "0.001"), "999.999");
  EXPECT_EQ(added(kNines, "1"), "1" + std::string(38, '0'));
}

TEST(Decimal, RefusesWhatCannotBeStoredExactly) {
  EXPECT_EQ(added("1e50", "1"), "Attempting to store more than 38 significant digits in a Number");
  EXPECT_EQ(added(kNines, "0.1"), "Attempting to store more than 38 significant digits in a Number");
  EXPECT_EQ(added("9e125", "9e125"),
            "Number overflow. Attempting to store a number with magnitude larger than supported range");
  EXPECT_EQ(subtracted("9e125", "-9e125"),
            "Number overflow. Attempting to store a number with magnitude larger than supported range");
  EXPECT_EQ(subtracted("1.5e-130", "1.4e-130"),
            "Number underflow. Attempting to store a number with magnitude smaller than supported range");
  EXPECT_EQ(added("9e125", "9e124"), "99" + std::string(124, '0'));
  EXPECT_EQ(added("1e125", "1e-130"), "Attempting to store more than 38 significant digits in a Number");
}

TEST(Decimal, LeavesTheResultAloneWhenItRefuses) {
  std::string result = "kept";
  EXPECT_EQ(add_numbers("1e50", "1", result), NumberProblem::precision);
  EXPECT_EQ(add_numbers("x", "1", result), NumberProblem::not_numeric);
  EXPECT_EQ(subtract_numbers("1", "", result), NumberProblem::not_numeric);
  EXPECT_EQ(result, "kept");
}

// With integers of the machine as the judge, in many spellings.
TEST(Decimal, AgreesWithIntegerArithmetic) {
  std::mt19937_64 random(3);
  const auto number = [&] {
    const auto bits = random() % 62;
    const auto value = static_cast<std::int64_t>(random() >> (63 - bits));
    return random() % 2 == 0 ? value : -value;
  };
  // value * 10^-places
  const auto spelled = [&](std::int64_t value, unsigned places) {
    return std::to_string(value) + "e-" + std::to_string(places);
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t a = number();
    const std::int64_t b = number();
    const auto places = static_cast<unsigned>(random() % 40);
    const std::string a_text = spelled(a, places);
    const std::string b_text = spelled(b, places);
    ASSERT_EQ(added(a_text, b_text), canonical_number(spelled(a + b, places))) << a_text << " " << b_text;
    ASSERT_EQ(subtracted(a_text, b_text), canonical_number(spelled(a - b, places))) << a_text << " " << b_text;
    ASSERT_EQ(compare_numbers(a_text, b_text), a <=> b) << a_text << " " << b_text;
  }
}

}  // namespace
}  // namespace bulk
