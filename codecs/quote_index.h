// Where the strings of a JSON text begin and end: quotes are found 64 bytes at a time, in a window of up to 4 KiB ahead
// of the walk that asks for them. A walk that searches a string's end when it gets there waits for each search before
// it knows where to go on; one that takes ends from here has them all at once (measured: a third of the time of a
// walk).
//
// The index knows strings that can be taken as they stand. One with an escape, a control character or bad UTF-8, and
// one that does not end in the window, is left to whoever reads it closely.
// AVX2 where the processor has it, chosen when it runs; else SSE2. One thread; reused. Nothing behind the text is read.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bulk {

class QuoteIndex {
 public:
  QuoteIndex();
  QuoteIndex(const QuoteIndex&) = delete;
  QuoteIndex& operator=(const QuoteIndex&) = delete;

  // Walks from quote to quote. Kept in registers by the innermost loops, hence apart from what it walks over.
  class Cursor {
   public:
    // The quote that comes next; at or behind window_end() when the window has no more.
    const char* peek() const { return block_ + std::countr_zero(word_); }
    const char* take() {
      const char* quote = peek();
      word_ &= word_ - 1;
      while (word_ == 0) {
        word_ = *next_++;
        block_ += kBlock;
      }
      return quote;
    }

   private:
    friend class QuoteIndex;
    const char* block_ = nullptr;          // the text that `word_` is about
    const std::uint64_t* next_ = nullptr;  // words of the blocks behind it
    std::uint64_t word_ = 0;               // never 0: behind the window stand words full of quotes that are none
  };

  // Without a look at the text: the first window begins at the first quote that is asked for.
  void begin(const char* text, const char* end);

  // The closing quote of the string whose opening quote is *open, when all between them is plain; else null. Calls go
  // forwards through the text; quotes before `open` are passed over.
  const char* plain_end(const char* open) {
    if (!seek(open)) refill(open);
    cursor.take();
    const char* close = cursor.take();
    if (close >= window_end_) return window_ == open ? nullptr : plain_end_in_next_window(open);
    return next_odd(open) < close ? nullptr : close;
  }

  // The cursor's next quote is to be *open, an opening quote; false when that is not in the window.
  bool seek(const char* open) {
    if (open >= window_end_) return false;
    while (cursor.peek() < open) cursor.take();
    return cursor.peek() == open;
  }

  // For loops that take quotes themselves: whatever stands in the window before next_odd() is plain.
  Cursor cursor;
  const char* window_end() const { return window_end_; }
  // The first byte at or behind `at`, no further than calls have been, that a plain string cannot hold.
  const char* next_odd(const char* at) {
    while (*odd_ < at) ++odd_;
    return *odd_;
  }
  // The window now begins at `open`, which is the opening quote of a string.
  void refill(const char* open) { fill_(*this, open); }

 private:
  static constexpr std::size_t kBlock = 64;
  static constexpr std::size_t kBlocks = 64;
  // Nobody takes as many quotes as these hold without a look at window_end().
  static constexpr std::size_t kWordsBehind = 2;

  template <typename Block>
  void fill_window(const char* open);
  static void fill_portable(QuoteIndex& index, const char* open);
  static void fill_avx2(QuoteIndex& index, const char* open);
  const char* plain_end_in_next_window(const char* open);

  void (*fill_)(QuoteIndex&, const char*);
  const char* window_ = nullptr;
  const char* window_end_ = nullptr;
  const char* end_ = nullptr;
  const char* const* odd_ = nullptr;  // the next of odds_
  std::array<std::uint64_t, kBlocks + kWordsBehind> quotes_;
  std::array<const char*, kBlocks * kBlock + 1> odds_;  // backslashes and control characters; then one behind all text
};

}  // namespace bulk
