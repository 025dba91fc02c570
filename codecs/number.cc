#include "codecs/number.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>

#include "codecs/item.h"
#include "codecs/json_text.h"

namespace bulk {

namespace {

constexpr std::size_t kMaxDigits = 38;
constexpr std::int64_t kMaxExponent = 125;
constexpr std::int64_t kMinExponent = -130;
constexpr std::int64_t kExponentClamp = std::int64_t{1} << 40;  // beyond any text's length, far from overflow

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// `e[+-]digits` up to the end of the text; false when it is not that.
bool read_exponent(std::string_view text, std::int64_t& exponent) {
  std::size_t at = 1;
  const bool negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  if (at == text.size()) return false;
  for (exponent = 0; at < text.size(); ++at) {
    if (!is_digit(text[at])) return false;
    if (exponent < kExponentClamp) exponent = exponent * 10 + (text[at] - '0');
  }
  if (negative) exponent = -exponent;
  return true;
}

}  // namespace

NumberProblem read_number(std::string_view text, NumberShape& shape) {
  shape = {};
  std::size_t at = 0;
  const bool sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  if (sign) {
    shape.negative = text[0] == '-';
    at = 1;
  }
  std::size_t count = 0;  // digits seen
  std::size_t last = 0;   // index of the last digit that is not 0
  std::size_t whole = 0;  // digits before the point
  bool point = false;
  shape.zero = true;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (is_digit(c)) {
      if (c != '0') {
        if (shape.zero) shape.first = count;
        shape.zero = false;
        last = count;
      }
      ++count;
    } else if (c == '.' && !point) {
      point = true;
      whole = count;
    } else {
      break;
    }
  }
  if (count == 0) return NumberProblem::not_numeric;
  if (!point) whole = count;
  std::int64_t exponent = 0;
  const bool has_exponent = at < text.size();
  if (has_exponent && ((text[at] | 0x20) != 'e' || !read_exponent(text.substr(at), exponent))) {
    return NumberProblem::not_numeric;
  }
  const bool plain = !has_exponent && text[0] != '+';
  if (shape.zero) {
    shape.canonical = plain && text == "0";
    shape.negative = false;
    return NumberProblem::none;
  }
  shape.digits = last - shape.first + 1;
  shape.exponent = static_cast<std::int64_t>(whole) - 1 - static_cast<std::int64_t>(shape.first) + exponent;
  if (shape.exponent > kMaxExponent) return NumberProblem::overflow;
  if (shape.exponent < kMinExponent) return NumberProblem::underflow;
  if (shape.digits > kMaxDigits) return NumberProblem::precision;
  const bool leading_ok = whole == 1 || (whole > 1 && shape.first == 0);
  const bool trailing_ok = !point || (count > whole && last == count - 1);
  shape.canonical = plain && leading_ok && trailing_ok;
  return NumberProblem::none;
}

bool plain_number_size([[maybe_unused]] std::string_view text, [[maybe_unused]] const char* readable,
                       [[maybe_unused]] std::size_t& bytes) {
#ifdef __SSE2__
  const char* at = text.data();
  auto length = static_cast<unsigned>(text.size());
  if (length == 0 || text.size() > 16 || readable - at < 17) return false;
  const unsigned negative = *at == '-' ? 1 : 0;
  at += negative;
  length -= negative;
  const __m128i characters = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i values = _mm_sub_epi8(characters, _mm_set1_epi8('0'));
  const auto bits = [length](__m128i marks) {
    return static_cast<unsigned>(_mm_movemask_epi8(marks)) & ((1u << length) - 1);
  };
  const unsigned digits = bits(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values));
  const unsigned points = bits(_mm_cmpeq_epi8(characters, _mm_set1_epi8('.')));
  const unsigned others = digits & ~bits(_mm_cmpeq_epi8(values, _mm_setzero_si128()));  // than 0
  if ((digits | points) != (1u << length) - 1 || (points & (points - 1)) != 0) return false;
  if (others == 0) {
    bytes = 1;
    return digits == 1 && points == 0 && negative == 0;
  }
  const auto first = static_cast<unsigned>(std::countr_zero(others));
  const unsigned last = 31 - static_cast<unsigned>(std::countl_zero(others));
  unsigned significant = last - first + 1;
  unsigned whole = length;       // digits before the point
  unsigned first_digit = first;  // counting digits only
  if (points != 0) {
    whole = static_cast<unsigned>(std::countr_zero(points));
    if (last != length - 1) return false;
    const unsigned behind = first > whole ? 1 : 0;  // the point
    first_digit -= behind;
    significant -= 1 - behind;
  }
  if (whole == 0 || (whole > 1 && first_digit != 0)) return false;
  // As number_size() has it, with exponent = whole - 1 - first_digit.
  const unsigned even_exponent = (whole + first_digit) & 1;
  bytes = 1 + (significant + 1 + even_exponent) / 2 + negative;
  return true;
#else
  return false;
#endif
}

std::size_t number_size(const NumberShape& shape) {
  if (shape.zero) return 1;
  const std::size_t pairs = shape.exponent % 2 != 0 ? (shape.digits + 1) / 2 : 1 + shape.digits / 2;
  return 1 + pairs + (shape.negative ? 1 : 0);
}

void append_canonical_number(std::string& out, std::string_view text, const NumberShape& shape) {
  if (shape.zero) {
    out += '0';
    return;
  }
  if (shape.negative) out += '-';
  const auto digits = static_cast<std::int64_t>(shape.digits);
  if (shape.exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-shape.exponent - 1), '0');
  }
  std::size_t index = 0;     // among the digits of the text
  std::int64_t written = 0;  // significant digits
  for (std::size_t at = 0; written < digits; ++at) {
    if (!is_digit(text[at])) continue;
    if (index++ < shape.first) continue;
    if (shape.exponent >= 0 && written == shape.exponent + 1) out += '.';
    out += text[at];
    ++written;
  }
  if (shape.exponent >= digits) out.append(static_cast<std::size_t>(shape.exponent - digits + 1), '0');
}

std::string number_problem_text(NumberProblem problem, std::string_view text) {
  switch (problem) {
    case NumberProblem::none:
      return {};
    case NumberProblem::overflow:
      return "Number overflow. Attempting to store a number with magnitude larger than supported range";
    case NumberProblem::underflow:
      return "Number underflow. Attempting to store a number with magnitude smaller than supported range";
    case NumberProblem::precision:
      return "Attempting to store more than 38 significant digits in a Number";
    case NumberProblem::not_numeric:
      break;
  }
  return "The parameter cannot be converted to a numeric value: " + shown(text);
}

std::string canonical_number(std::string_view number, std::string* reason) {
  NumberShape shape;
  const NumberProblem problem = read_number(number, shape);
  if (reason != nullptr) *reason = number_problem_text(problem, number);
  std::string out;
  if (problem == NumberProblem::none) append_canonical_number(out, number, shape);
  return out;
}

std::size_t number_size(std::string_view number) {
  NumberShape shape;
  return read_number(number, shape) == NumberProblem::none ? number_size(shape) : 0;
}

}  // namespace bulk
