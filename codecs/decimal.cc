#include "codecs/decimal.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "codecs/item.h"

namespace bulk {

namespace {

// Decimal places of what read_number() accepts: 10^125 down to the 38th digit behind 10^-130, and one for a carry.
constexpr std::int64_t kTopPlace = 126;
constexpr std::int64_t kLowestPlace = -130 - 37;

// A magnitude: the digit of 10^(kTopPlace - i) at i.
using Row = std::array<std::int8_t, kTopPlace - kLowestPlace + 1>;

struct Number {
  NumberShape shape;
  std::array<char, 38> digits{};  // significant ones, '0' to '9'
};

NumberProblem read(std::string_view text, Number& number) {
  const NumberProblem problem = read_number(text, number.shape);
  if (problem != NumberProblem::none || number.shape.zero) return problem;
  std::size_t index = 0;  // among the digits of the text
  std::size_t taken = 0;
  for (const char c : text) {
    if (taken == number.shape.digits) break;
    if (c < '0' || c > '9') continue;
    if (index++ >= number.shape.first) number.digits[taken++] = c;
  }
  return problem;
}

std::strong_ordering compare_magnitudes(const Number& a, const Number& b) {
  if (a.shape.exponent != b.shape.exponent) return a.shape.exponent <=> b.shape.exponent;
  // Behind the last significant digit are zero bytes, which are less than any digit that is not there.
  for (std::size_t i = 0; i < a.digits.size(); ++i) {
    if (a.digits[i] != b.digits[i]) return a.digits[i] <=> b.digits[i];
  }
  return std::strong_ordering::equal;
}

// `sign` 1 or -1.
void add_to_row(Row& row, const Number& number, int sign) {
  auto place = static_cast<std::size_t>(kTopPlace - number.shape.exponent);
  for (std::size_t i = 0; i < number.shape.digits; ++i, ++place) {
    row[place] = static_cast<std::int8_t>(row[place] + sign * (number.digits[i] - '0'));
  }
}

// Makes every digit one of 0 to 9. The whole is not negative.
void carry(Row& row) {
  int carried = 0;
  for (std::size_t i = row.size(); i-- > 0;) {
    int digit = row[i] + carried;
    carried = 0;
    if (digit < 0) {
      digit += 10;
      carried = -1;
    } else if (digit > 9) {
      digit -= 10;
      carried = 1;
    }
    row[i] = static_cast<std::int8_t>(digit);
  }
}

NumberProblem write(const Row& row, bool negative, std::string& result) {
  const auto is_digit = [](std::int8_t digit) { return digit != 0; };
  const auto first = std::find_if(row.begin(), row.end(), is_digit);
  if (first == row.end()) {
    result = "0";
    return NumberProblem::none;
  }
  const auto behind = std::find_if(row.rbegin(), row.rend(), is_digit).base();
  std::string text(negative ? "-" : "");
  for (auto digit = first; digit != behind; ++digit) text += static_cast<char>('0' + *digit);
  text += 'e' + std::to_string(kTopPlace - (behind - row.begin() - 1));
  NumberShape shape;
  const NumberProblem problem = read_number(text, shape);
  if (problem != NumberProblem::none) return problem;
  result.clear();
  append_canonical_number(result, text, shape);
  return problem;
}

NumberProblem sum(std::string_view a_text, std::string_view b_text, bool subtract, std::string& result) {
  Number a;
  Number b;
  if (const NumberProblem problem = read(a_text, a); problem != NumberProblem::none) return problem;
  if (const NumberProblem problem = read(b_text, b); problem != NumberProblem::none) return problem;
  if (b.shape.zero) b.shape.negative = false;
  const bool b_negative = b.shape.negative != subtract;
  Row row{};
  bool negative = a.shape.negative;
  if (a.shape.zero || b.shape.zero || a.shape.negative == b_negative) {
    if (a.shape.zero) negative = b_negative;
    if (!a.shape.zero) add_to_row(row, a, 1);
    if (!b.shape.zero) add_to_row(row, b, 1);
  } else {
    const bool a_greater = compare_magnitudes(a, b) > 0;
    if (!a_greater) negative = b_negative;
    add_to_row(row, a, a_greater ? 1 : -1);
    add_to_row(row, b, a_greater ? -1 : 1);
  }
  carry(row);
  return write(row, negative, result);
}

}  // namespace

std::strong_ordering compare_numbers(std::string_view a_text, std::string_view b_text) {
  Number a;
  Number b;
  read(a_text, a);
  read(b_text, b);
  const auto sign = [](const NumberShape& shape) { return shape.zero ? 0 : shape.negative ? -1 : 1; };
  if (sign(a.shape) != sign(b.shape)) return sign(a.shape) <=> sign(b.shape);
  if (a.shape.zero) return std::strong_ordering::equal;
  return a.shape.negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

NumberProblem add_numbers(std::string_view a, std::string_view b, std::string& result) {
  return sum(a, b, false, result);
}

NumberProblem subtract_numbers(std::string_view a, std::string_view b, std::string& result) {
  return sum(a, b, true, result);
}

}  // namespace bulk
