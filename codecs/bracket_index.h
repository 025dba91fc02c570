// Where the brackets of a JSON text stand that are not inside strings: found 64 bytes at a time, a window of up to 4
// KiB in one go, so that whoever matches them runs through a list. (Matching them block by block costs a mispredicted
// branch for each block, half of the whole: measured.)
//
// AVX-512 or AVX2 where the processor has it, chosen when it runs; else SSE2. One thread; reused. Nothing behind the
// text is read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "codecs/byte_block.h"

namespace bulk {

class BracketIndex {
 public:
  BracketIndex();
  BracketIndex(const BracketIndex&) = delete;
  BracketIndex& operator=(const BracketIndex&) = delete;

  void begin(std::string_view text) {
    begin_ = at_ = text.data();
    end_ = begin_ + text.size();
    tracker_ = {};
  }
  bool at_end() const { return at_ == end_; }
  // The brackets of the next window: offsets from `base`, ascending. What is outside of strings and no bracket is not
  // looked at.
  std::span<const std::uint16_t> next(const char*& base) {
    base = at_;
    return {brackets_.data(), fill_(*this)};
  }

  // Of what was read so far.
  const StringTracker& strings() const { return tracker_; }

 private:
  static constexpr std::size_t kWindow = 4096;

  template <typename Block>
  std::size_t fill_window();
  static std::size_t fill_portable(BracketIndex& index);
  static std::size_t fill_avx2(BracketIndex& index);
  static std::size_t fill_avx512(BracketIndex& index);

  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  StringTracker tracker_;
  std::size_t (*fill_)(BracketIndex&);
  std::array<std::uint16_t, kWindow + kPositionsTooMany> brackets_;
};

}  // namespace bulk
