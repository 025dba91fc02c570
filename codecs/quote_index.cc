#include "codecs/quote_index.h"

#include <algorithm>
#include <bit>

#include "codecs/json_text.h"

namespace bulk {

void QuoteIndex::begin(const char* text, const char* end) {
  window_ = window_end_ = text;
  end_ = end;
  odds_[0] = end;
  odd_ = odds_.data();
  std::fill_n(quotes_.begin(), kBehind, kNone);
  next = quotes_.data();
}

QuoteIndex::QuoteIndex() : fill_(&fill_portable) {
#ifdef BULK_HAS_AVX2
  if (has_avx2()) fill_ = &fill_avx2;
  if (has_avx512()) fill_ = &fill_avx512;
#endif
}

template <typename Block>
void QuoteIndex::fill_window(const char* open) {
  window_ = open;
  const std::size_t length = std::min(static_cast<std::size_t>(end_ - open), kWindow);
  window_end_ = open + length;
  const char** odd = odds_.data();
  std::uint16_t* quotes = quotes_.data();
  bool non_ascii = false;
  bool escape = false;
  for (const char* at = open; at < window_end_; at += BlockPlace::kBytes) {
    const BlockPlace place(open, at, window_end_);
    const Block bytes(place.bytes);
    std::uint64_t quote = bytes.equal('"') >> place.shift;
    std::uint64_t odds = 0;
    non_ascii |= bytes.any_non_ascii();
    if (bytes.odd() || escape) {
      const std::uint64_t backslash = bytes.equal('\\') >> place.shift;
      quote &= ~escaped_bytes(backslash, escape);
      odds = backslash | bytes.control() >> place.shift;
    }
    for (; odds != 0; odds &= odds - 1) {
      *odd++ = at + std::countr_zero(odds);
    }
    quotes = Block::write_positions(quote, static_cast<std::size_t>(at - open), quotes);
  }
  // A character that the window's end cuts belongs to no string that ends in the window.
  if (non_ascii && quotes != quotes_.data() && !valid_utf8({open, quotes[-1]})) {
    // Every string is read closely, so that the one with the bad byte is found.
    odd = odds_.data();
    for (const char* at = open; at < window_end_; ++at) *odd++ = at;
  }
  *odd = end_;
  odd_ = odds_.data();
  std::fill_n(quotes, kBehind, kNone);
  next = quotes_.data();
}

void QuoteIndex::fill_portable(QuoteIndex& index, const char* open) {
  index.fill_window<PortableBlock>(open);
}

#ifdef BULK_HAS_AVX2
[[BULK_AVX2, gnu::flatten]] void QuoteIndex::fill_avx2(QuoteIndex& index, const char* open) {
  index.fill_window<Avx2Block>(open);
}

[[BULK_AVX512, gnu::flatten]] void QuoteIndex::fill_avx512(QuoteIndex& index, const char* open) {
  index.fill_window<Avx512Block>(open);
}
#endif

const char* QuoteIndex::plain_end_in_next_window(const char* open) {
  refill(open);
  return plain_end(open);
}

}  // namespace bulk
