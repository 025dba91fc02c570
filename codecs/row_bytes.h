// The steps of row_text that rows are moved by, in both directions: text is copied and searched in the same pass, 16
// bytes at a time, up to the next byte that is not to be copied. Pure; nothing behind the text is read.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "io/buffer.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace bulk::row {

// A copy may write so many bytes behind what it copies, and a step with escapes so many more before they are announced
// (Output::room()). A Buffer has room for them behind its end.
inline constexpr std::size_t kStep = 16;
static_assert(Buffer::kPadding >= 3 * kStep);

inline bool has_steps(std::size_t count, const char* at, const char* end) {
  return static_cast<std::size_t>(end - at) >= count * kStep;
}

// What ends a run of bytes that can be copied: control characters, backslashes, and where it says so double quotes.
enum class Stops { with_quotes, without_quotes };

struct Run {
  const char* at;  // the byte that ends it, or the text's end
  char* to;        // behind the copy
};

#ifdef __SSE2__
using Bytes = __m128i;

inline Bytes step_at(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

template <typename Word>
std::uint64_t read(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// The last bytes of a text, fewer than 16, and zeros, which are control characters, behind them. In registers alone:
// what is put together in memory has to be waited for.
inline Bytes last_step_at(const char* at, const char* end) {
  const auto count = static_cast<std::size_t>(end - at);
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (count >= 8) {
    low = read<std::uint64_t>(at);
    high = read<std::uint64_t>(end - 8) >> 8 * (15 - count) >> 8;
  } else if (count >= 4) {
    low = read<std::uint32_t>(at) | read<std::uint32_t>(end - 4) << 8 * (count - 4);
  } else if (count > 0) {
    low = read<std::uint8_t>(at) | read<std::uint8_t>(at + count / 2) << 8 * (count / 2) |
          read<std::uint8_t>(end - 1) << 8 * (count - 1);
  }
  return _mm_set_epi64x(static_cast<std::int64_t>(high), static_cast<std::int64_t>(low));
}

inline void store(Bytes bytes, char* to) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
}

// Which bytes are what is asked for; as bits, the first byte's lowest.
using Marks = __m128i;

inline Marks equal(Bytes bytes, char c) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}
// One of first, first + 1, ... last.
inline Marks within(Bytes bytes, char first, char last) {
  const __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
  return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(static_cast<char>(last - first))), above);
}
inline Marks either(Marks a, Marks b) {
  return _mm_or_si128(a, b);
}
inline unsigned bits(Marks marks) {
  return static_cast<unsigned>(_mm_movemask_epi8(marks));
}
#else
// The same byte by byte.
struct Bytes {
  char at[kStep];
};

inline Bytes step_at(const char* at) {
  Bytes bytes;
  std::memcpy(bytes.at, at, kStep);
  return bytes;
}

inline Bytes last_step_at(const char* at, const char* end) {
  Bytes bytes{};
  std::memcpy(bytes.at, at, static_cast<std::size_t>(end - at));
  return bytes;
}

inline void store(const Bytes& bytes, char* to) {
  std::memcpy(to, bytes.at, kStep);
}

using Marks = unsigned;

inline Marks within(const Bytes& bytes, char first, char last) {
  unsigned marks = 0;
  for (unsigned i = 0; i < kStep; ++i) marks |= unsigned{bytes.at[i] >= first && bytes.at[i] <= last} << i;
  return marks;
}
inline Marks equal(const Bytes& bytes, char c) {
  return within(bytes, c, c);
}
inline Marks either(Marks a, Marks b) {
  return a | b;
}
inline unsigned bits(Marks marks) {
  return marks;
}
#endif

template <Stops kStops>
unsigned stops_in(const Bytes& bytes) {
  Marks stops = either(within(bytes, '\0', '\x1F'), equal(bytes, '\\'));
  if constexpr (kStops == Stops::with_quotes) stops = either(stops, equal(bytes, '"'));
  return bits(stops);
}

// Copies [at, end) up to the first stop. Up to kStep bytes behind the copy are written.
template <Stops kStops>
Run copy_run(const char* at, const char* end, char* to) {
  unsigned stops = 0;
  for (; has_steps(1, at, end); at += kStep, to += kStep) {
    const Bytes bytes = step_at(at);
    store(bytes, to);
    stops = stops_in<kStops>(bytes);
    if (stops != 0) break;
  }
  if (stops == 0) {
    const Bytes bytes = last_step_at(at, end);
    store(bytes, to);
    stops = stops_in<kStops>(bytes);
  }
  const int length = std::countr_zero(stops);
  return {at + length, to + length};
}

// What becomes of a stop.
enum class Stop {
  ends,     // it ends the copy
  pair,     // it and the byte behind it are copied
  dropped,  // the byte behind it is copied
  escaped,  // it is copied, with a backslash before it
};

// Copies one step of a text of which two can be read, and what `judge` makes of its stops, up to one that ends it. All
// of a step in one go: where escapes stand close together, a search from each of them to the next takes one and a half
// times to twice as long, since it has to wait for the one before. (Measured: JSON in a column of text.)
template <typename Judge>
Run copy_step(const char* at, char* to, Judge&& judge) {
  const char* const step = at;
  const char* end = at + kStep;
  for (unsigned stops = stops_in<Stops::with_quotes>(step_at(step)); stops != 0;) {
    const int n = std::countr_zero(stops);
    const char* const stop = step + n;
    const Stop what = judge(stop);
    const bool takes_two = what == Stop::pair || what == Stop::dropped;
    if (what == Stop::ends || (takes_two && stop + 1 == end)) {
      end = stop;
      break;
    }
    stops &= ~((takes_two ? 3u : 1u) << n);
    if (what == Stop::pair) continue;
    store(step_at(at), to);
    to += stop - at;
    at = stop;
    if (what == Stop::dropped) {
      ++at;
    } else {
      *to++ = '\\';
    }
  }
  store(step_at(at), to);
  return {end, to + (end - at)};
}

// The length of a number of fewer than 16 characters and without exponent, copied like that; 0 when it is none: look
// closely.
inline std::size_t copy_plain_number(const char* at, const char* end, char* to) {
  const Bytes bytes = has_steps(1, at, end) ? step_at(at) : last_step_at(at, end);
  store(bytes, to);
  const Marks digits = within(bytes, '0', '9');
  const Marks point = equal(bytes, '.');
  const unsigned minus = bits(equal(bytes, '-')) & 1;
  const unsigned others = ~(bits(either(digits, point)) | minus) & 0xFFFF;
  if (others == 0) return 0;
  const int length = std::countr_zero(others);
  const unsigned points = bits(point) & ((1u << length) - 1);
  if ((points & (points - 1)) != 0) return 0;
  // Of the digits before the point: at least one, and no zero before others.
  const unsigned whole = static_cast<unsigned>(std::countr_zero(points | 1u << length)) - minus;
  if (whole == 0 || (whole > 1 && (bits(equal(bytes, '0')) >> minus & 1) != 0)) return 0;
  return points == 1u << (length - 1) ? 0 : static_cast<std::size_t>(length);
}

// Copies `text`, of which whole steps can be read. Up to kStep bytes behind the copy are written.
inline char* copy_steps(std::string_view text, char* to) {
  for (std::size_t i = 0; i < text.size(); i += kStep) std::memcpy(to + i, text.data() + i, kStep);
  return to + text.size();
}

// Copies `text`, which stands before `end`, in steps where that reads nothing behind `end`.
inline char* copy_within(std::string_view text, const char* end, char* to) {
  if (static_cast<std::size_t>(end - text.data()) >= text.size() + kStep) return copy_steps(text, to);
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

// Does [at, end) begin with `prefix`, of which whole steps can be read?
inline bool begins_with(const char* at, const char* end, std::string_view prefix) {
  const auto rest = static_cast<std::size_t>(end - at);
#ifdef __SSE2__
  if (prefix.size() <= kStep && rest >= kStep) {
    const Marks same = _mm_cmpeq_epi8(step_at(at), step_at(prefix.data()));
    return (~bits(same) & ((1u << prefix.size()) - 1)) == 0;
  }
#endif
  return rest >= prefix.size() && std::memcmp(at, prefix.data(), prefix.size()) == 0;
}

// Where one row is written: behind what a buffer holds. Room for all that is planned is made at once; what goes beyond
// the plan, which escapes alone do, is announced. What is not finished is taken back.
class Output {
 public:
  Output(Buffer& buffer, std::size_t planned)
      : buffer_(buffer), before_(buffer.size()), end_(before_), planned_(before_ + planned) {
    buffer_.resize(planned_);
  }
  ~Output() { buffer_.resize(end_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  char* begin() { return buffer_.data() + before_; }
  // Before `extra` bytes more than planned are written; `to`, where writing is at, may move.
  char* room(std::size_t extra, char* to) {
    planned_ += extra;
    if (planned_ <= buffer_.capacity()) return to;
    const std::ptrdiff_t written = to - buffer_.data();
    grow();
    return buffer_.data() + written;
  }
  void finish(const char* to) { end_ = static_cast<std::size_t>(to - buffer_.data()); }

 private:
  void grow();

  Buffer& buffer_;
  std::size_t before_;
  std::size_t end_;  // of what is finished
  std::size_t planned_;
};

// The end of the JSON number that begins at `at`, or null.
const char* number_end(const char* at, const char* end);

// The end of the JSON value that begins at `at`, within `text`; null when it is none: a string that is not closed,
// brackets that do not come out even, a number or word that is none. Inside of brackets nothing but strings and the
// number of brackets is looked at, and inside of strings nothing but escapes.
const char* value_end(const char* text, const char* at, const char* end);

}  // namespace bulk::row
