// Sizes such as 256M or 1GiB: what is accepted is the number times its unit, and fits.
#include "src/cli.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  std::uint64_t bytes = 0;
  if (!parse_size(text, bytes)) return 0;
  __extension__ using Wide = unsigned __int128;
  Wide number = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + static_cast<unsigned>(text[at] - '0');
    HOLDS(number <= UINT64_MAX);
  }
  HOLDS(at > 0 && text.size() - at <= 3);
  unsigned shift = 0;
  if (at < text.size()) {
    const std::size_t unit = std::string_view("KMGT").find(static_cast<char>(text[at] & ~0x20));
    HOLDS(unit != std::string_view::npos || text.size() - at == 1);  // "B" alone
    if (unit != std::string_view::npos) shift = 10 * (static_cast<unsigned>(unit) + 1);
  }
  HOLDS(bytes > 0 && Wide{bytes} == number << shift);
  return 0;
}
