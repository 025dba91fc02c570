#include "codecs/quote_index.h"

#include <algorithm>

#include "codecs/byte_block.h"
#include "codecs/json_text.h"

namespace bulk {

void QuoteIndex::begin(const char* text, const char* end) {
  window_ = window_end_ = text;
  end_ = end;
  quotes_[0] = quotes_[1] = ~std::uint64_t{0};
  odds_[0] = end;
  odd_ = odds_.data();
  cursor.block_ = end;
  cursor.next_ = quotes_.data();
  cursor.word_ = ~std::uint64_t{0};
}

QuoteIndex::QuoteIndex() : fill_(&fill_portable) {
#ifdef BULK_HAS_AVX2
  if (has_avx2()) fill_ = &fill_avx2;
#endif
}

template <typename Block>
void QuoteIndex::fill_window(const char* open) {
  window_ = open;
  const std::size_t length = std::min(static_cast<std::size_t>(end_ - open), kBlocks * kBlock);
  window_end_ = open + length;
  const char** odd = odds_.data();
  const char* last_quote = open;
  std::uint64_t non_ascii = 0;
  bool escape = false;
  std::size_t block = 0;
  for (const char* at = open; at < window_end_; at += kBlock, ++block) {
    const BlockPlace place(open, at, window_end_);
    const Block bytes(place.bytes);
    std::uint64_t quote = bytes.equal('"') >> place.shift;
    std::uint64_t odds = 0;
    if (bytes.odd() || escape) {
      const std::uint64_t backslash = bytes.equal('\\') >> place.shift;
      quote &= ~escaped_bytes(backslash, escape);
      odds = backslash | bytes.control() >> place.shift;
      non_ascii |= bytes.non_ascii();
    }
    for (; odds != 0; odds &= odds - 1) {
      *odd++ = at + std::countr_zero(odds);
    }
    if (quote != 0) last_quote = at + 63 - std::countl_zero(quote);
    quotes_[block] = quote;
  }
  // A character that the window's end cuts belongs to no string that ends in the window.
  if (non_ascii != 0 && !valid_utf8({open, static_cast<std::size_t>(last_quote - open)})) {
    // Every string is read closely, so that the one with the bad byte is found.
    odd = odds_.data();
    for (const char* at = open; at < window_end_; ++at) *odd++ = at;
  }
  *odd = end_;
  odd_ = odds_.data();
  quotes_[block] = quotes_[block + 1] = ~std::uint64_t{0};
  cursor.block_ = open;
  cursor.word_ = quotes_[0];
  cursor.next_ = quotes_.data() + 1;
}

void QuoteIndex::fill_portable(QuoteIndex& index, const char* open) {
  index.fill_window<PortableBlock>(open);
}

#ifdef BULK_HAS_AVX2
[[BULK_AVX2, gnu::flatten]] void QuoteIndex::fill_avx2(QuoteIndex& index, const char* open) {
  index.fill_window<Avx2Block>(open);
}
#endif

const char* QuoteIndex::plain_end_in_next_window(const char* open) {
  refill(open);
  return plain_end(open);
}

}  // namespace bulk
