// A DynamoDB number. Its canonical spelling is short and stays as it is, and it is the same number: sign, digits and
// exponent.
#include "codecs/number.h"

#include "codecs/item.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

// The significant digits, read without the code under test.
std::string digits_of(std::string_view text) {
  std::string digits;
  for (const char c : text.substr(0, text.find_first_of("eE"))) {
    if (c >= '0' && c <= '9' && !(digits.empty() && c == '0')) digits += c;
  }
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  return digits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  std::string reason;
  const std::string canonical = canonical_number(text, &reason);
  HOLDS(canonical.empty() != reason.empty());
  HOLDS((number_size(text) == 0) == canonical.empty());
  if (canonical.empty()) return 0;

  // "-0." with 129 zeros and 38 digits is the longest.
  HOLDS(canonical.size() <= 3 + 129 + 38);
  NumberShape before;
  NumberShape after;
  HOLDS(read_number(text, before) == NumberProblem::none);
  HOLDS(read_number(canonical, after) == NumberProblem::none);
  HOLDS(after.canonical);
  HOLDS(before.canonical == (text == canonical));
  HOLDS(canonical_number(canonical) == canonical);
  HOLDS(before.zero == after.zero && before.negative == after.negative && before.digits == after.digits);
  HOLDS(before.zero || before.exponent == after.exponent);
  HOLDS(digits_of(text) == digits_of(canonical));
  HOLDS(number_size(before) == number_size(after) && number_size(before) <= 22);
  return 0;
}
