#include "codecs/bracket_index.h"

#include <algorithm>

namespace bulk {

BracketIndex::BracketIndex() : fill_(&fill_portable) {
#ifdef BULK_HAS_AVX2
  if (has_avx2()) fill_ = &fill_avx2;
  if (has_avx512()) fill_ = &fill_avx512;
#endif
}

template <typename Block>
std::size_t BracketIndex::fill_window() {
  const char* const window = at_;
  const char* const window_end = window + std::min(static_cast<std::size_t>(end_ - window), kWindow);
  std::uint16_t* out = brackets_.data();
  StringTracker tracker = tracker_;
  for (const char* at = window; at < window_end; at += BlockPlace::kBytes) {
    const BlockPlace place(begin_, at, end_);
    const Block block(place.bytes);
    const std::uint64_t strings = tracker.strings(block, place.shift);
    const std::uint64_t brackets = ((block.bracket('{') | block.bracket('}')) >> place.shift) & ~strings;
    out = Block::write_positions(brackets, static_cast<std::size_t>(at - window), out);
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

[[BULK_AVX512, gnu::flatten]] std::size_t BracketIndex::fill_avx512(BracketIndex& index) {
  return index.fill_window<Avx512Block>();
}
#endif

}  // namespace bulk
