// Where the strings of a JSON text begin and end: quotes are found 64 bytes at a time, in a window of up to 4 KiB ahead
// of the walk that asks for them. A walk that searches a string's end when it gets there waits for each search before
// it knows where to go on; one that takes ends from here has them all at once (measured: a third of the time of a
// walk).
//
// The index knows strings that can be taken as they stand. One with an escape, a control character or bad UTF-8, and
// one that does not end in the window, is left to whoever reads it closely. AVX-512 or AVX2
// where the processor has it, chosen when it runs; else SSE2. One thread; reused. Nothing behind the text is read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "codecs/byte_block.h"

namespace bulk {

class QuoteIndex {
 public:
  static constexpr std::size_t kWindow = 4096;  // bytes at most

  QuoteIndex();
  QuoteIndex(const QuoteIndex&) = delete;
  QuoteIndex& operator=(const QuoteIndex&) = delete;

  // Without a look at the text: the first window begins at the first quote that is asked for.
  void begin(const char* text, const char* end);

  // The closing quote of the string whose opening quote is *open, when all between them is plain; else null. Calls go
  // forwards through the text; quotes before `open` are passed over.
  const char* plain_end(const char* open) {
    if (!seek(open)) refill(open);
    const char* const close = quote(1);
    next += 2;
    if (close >= window_end_) return window_ == open ? nullptr : plain_end_in_next_window(open);
    return next_odd(open) < close ? nullptr : close;
  }

  // The next quote is to be *open, an opening quote; false when that is not in the window.
  bool seek(const char* open) {
    if (open >= window_end_) return false;
    while (quote(0) < open) ++next;
    return quote(0) == open;
  }

  // For loops that take quotes themselves: where they stand, counted from window(); the next one first. Behind the last
  // one of the window come some that point behind it, so that 8 may be looked at ahead. Whatever stands in the window
  // before next_odd() is plain.
  const std::uint16_t* next = nullptr;
  const char* window() const { return window_; }
  const char* window_end() const { return window_end_; }
  // The first byte at or behind `at`, no further than calls have been, that a plain string cannot hold.
  const char* next_odd(const char* at) {
    while (*odd_ < at) ++odd_;
    return *odd_;
  }
  // The window now begins at `open`, which is the opening quote of a string.
  void refill(const char* open) { fill_(*this, open); }

 private:
  static constexpr std::size_t kBehind = 16;  // of the positions that are none
  static constexpr std::uint16_t kNone = 0xFFFF;

  const char* quote(std::size_t i) const { return window_ + next[i]; }
  template <typename Block>
  void fill_window(const char* open);
  static void fill_portable(QuoteIndex& index, const char* open);
  static void fill_avx2(QuoteIndex& index, const char* open);
  static void fill_avx512(QuoteIndex& index, const char* open);
  const char* plain_end_in_next_window(const char* open);

  void (*fill_)(QuoteIndex&, const char*);
  const char* window_ = nullptr;
  const char* window_end_ = nullptr;
  const char* end_ = nullptr;
  const char* const* odd_ = nullptr;  // the next of odds_
  std::array<std::uint16_t, kWindow + kPositionsTooMany + kBehind> quotes_;
  std::array<const char*, kWindow + 1> odds_;  // backslashes and control characters; then one behind all text
};

}  // namespace bulk
