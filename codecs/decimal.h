// Arithmetic on DynamoDB numbers as text: exact, at most 38 significant digits of any magnitude that the service
// stores, and an error where the service has one; nothing is ever rounded. (The numbers span 293 decimal places, so a
// sum is made in a fixed row of digits; a library of arbitrary precision has nothing to add.) Pure.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "codecs/number.h"

namespace bulk {

// By value. Both are numbers that read_number() accepts.
std::strong_ordering compare_numbers(std::string_view a, std::string_view b);

// a + b or a - b in canonical spelling. Overflow, underflow or loss of precision: the problem, and `result` is
// unchanged.
NumberProblem add_numbers(std::string_view a, std::string_view b, std::string& result);
NumberProblem subtract_numbers(std::string_view a, std::string_view b, std::string& result);

}  // namespace bulk
