// DynamoDB numbers as text: decimal, at most 38 significant digits, magnitude 1E-130 to below 1E+126. They are never
// converted to a binary type: the shape of the text says all that is needed. Pure.
// The public functions canonical_number() and number_size() are declared in codecs/item.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bulk {

enum class NumberProblem { none, not_numeric, overflow, underflow, precision };

struct NumberShape {
  bool canonical = false;  // already spelled as docs/format.md wants it
  bool negative = false;
  bool zero = false;
  std::size_t first = 0;      // index of the first digit that is not 0, counting digits only
  std::size_t digits = 0;     // significant ones
  std::int64_t exponent = 0;  // decimal, of the first significant digit: d.ddd * 10^exponent
};

// Accepts [+-]digits[.digits][e[+-]digits] with digits missing on one side of the point. The service refuses a plain
// zero with an exponent out of range (0e126) although it takes 0.0e126; here both are 0.
NumberProblem read_number(std::string_view text, NumberShape& shape);

// The usual case of it at once: a canonical number of up to 16 characters, of which number_size() is told. False: look
// closely. Bytes up to `readable` are read.
bool plain_number_size(std::string_view text, const char* readable, std::size_t& bytes);

// Bytes that DynamoDB counts: 1 for zero, else 1 + base-100 digits + 1 if negative (measured on the service by
// dynalite).
std::size_t number_size(const NumberShape& shape);

// The canonical spelling of `text`, whose shape this is.
void append_canonical_number(std::string& out, std::string_view text, const NumberShape& shape);

// DynamoDB's own message.
std::string number_problem_text(NumberProblem problem, std::string_view text);

}  // namespace bulk
