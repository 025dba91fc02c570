#include "codecs/bracket_index.h"

#include <algorithm>
#include <bit>

namespace bulk {

BracketIndex::BracketIndex() : fill_(&fill_portable) {
#ifdef BULK_HAS_AVX2
  if (has_avx2()) fill_ = &fill_avx2;
#endif
}

template <typename Block>
std::size_t BracketIndex::fill_window() {
  constexpr std::uint64_t kHighestBit = std::uint64_t{1} << 63;
  const char* const window = at_;
  const char* const window_end = window + std::min(static_cast<std::size_t>(end_ - window), kWindow);
  std::uint16_t* out = brackets_.data();
  StringTracker tracker = tracker_;
  for (const char* at = window; at < window_end; at += BlockPlace::kBytes) {
    const BlockPlace place(begin_, at, end_);
    const Block block(place.bytes);
    const std::uint64_t strings = tracker.strings(block, place.shift);
    std::uint64_t brackets = ((block.bracket('{') | block.bracket('}')) >> place.shift) & ~strings;
    const auto count = static_cast<std::size_t>(std::popcount(brackets));
    const auto offset = static_cast<std::size_t>(at - window);
    std::uint16_t* to = out;
    out += count;
    do {
      for (std::size_t i = 0; i < kAtOnce; ++i) {
        // With the highest bit nobody has to ask whether there is one.
        const auto bit = static_cast<std::size_t>(__builtin_ctzll(brackets | kHighestBit));
        to[i] = static_cast<std::uint16_t>(offset + bit);
        brackets &= brackets - 1;
      }
      to += kAtOnce;
    } while (brackets != 0);
  }
  tracker_ = tracker;
  at_ = window_end;
  return static_cast<std::size_t>(out - brackets_.data());
}

std::size_t BracketIndex::fill_portable(BracketIndex& index) {
  return index.fill_window<PortableBlock>();
}

#ifdef BULK_HAS_AVX2
[[BULK_AVX2, gnu::flatten]] std::size_t BracketIndex::fill_avx2(BracketIndex& index) {
  return index.fill_window<Avx2Block>();
}
#endif

}  // namespace bulk
