// 64 bytes of text at once: which of them are a given character. A bit per byte, the first byte's lowest.
//
// One type per instruction set with the same members, so that a loop is written once, as a template. What uses
// Avx2Block must be a function marked BULK_AVX2, and [[gnu::flatten]] where the loop itself is not marked; whether the
// processor has it is asked when the program runs (has_avx2()). SSE2 every x86-64 has; elsewhere the loops are byte by
// byte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define BULK_HAS_AVX2 1
#define BULK_AVX2 gnu::target("avx2,bmi,bmi2,popcnt,pclmul")
#define BULK_AVX512 gnu::target("avx2,bmi,bmi2,popcnt,pclmul,avx512f,avx512bw,avx512vl,avx512vbmi2")
#endif

namespace bulk {

// Up to so many positions behind the last one are written, too, by a block's write_positions().
inline constexpr std::size_t kPositionsTooMany = 64;

// For each byte the places of its bits, lowest first.
inline constexpr auto kPlacesOfBits = [] {
  std::array<std::array<std::uint8_t, 8>, 256> places{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::size_t count = 0;
    for (unsigned bit = 0; bit < 8; ++bit) {
      if ((byte >> bit & 1) != 0) places[byte][count++] = static_cast<std::uint8_t>(bit);
    }
  }
  return places;
}();

#ifdef __SSE2__
// Writes where the marks stand, counted from the block's first byte plus `offset`, and returns the end of that list.
// Eight bits at a time from a table: a branch or a loop for each mark costs twice as much.
inline std::uint16_t* write_positions_by_table(std::uint64_t marks, std::size_t offset, std::uint16_t* to) {
  if (marks == 0) return to;
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t counts = marks - (marks >> 1 & kOnes * 0x55);  // of the marks in each byte
  counts = (counts & kOnes * 0x33) + (counts >> 2 & kOnes * 0x33);
  counts = (counts + (counts >> 4)) & kOnes * 0x0F;
  const std::uint64_t before = counts * kOnes << 8;  // of those in the bytes before it
  for (std::size_t i = 0; i < 64; i += 8) {
    const __m128i places = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kPlacesOfBits[marks >> i & 0xFF].data()));
    const __m128i base = _mm_set1_epi16(static_cast<short>(offset + i));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + (before >> i & 0xFF)),
                     _mm_add_epi16(_mm_unpacklo_epi8(places, _mm_setzero_si128()), base));
  }
  return to + (counts * kOnes >> 56);
}

class PortableBlock {
 public:
  explicit PortableBlock(const char* at) {
    for (int i = 0; i < 4; ++i) part_[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at) + i);
  }
  std::uint64_t equal(char c) const {
    const __m128i wanted = _mm_set1_epi8(c);
    std::uint64_t marks = 0;
    for (int i = 0; i < 4; ++i) marks |= bits(_mm_cmpeq_epi8(part_[i], wanted), i);
    return marks;
  }
  // '{' and '[' for '{', '}' and ']' for '}'.
  std::uint64_t bracket(char curly) const {
    const __m128i wanted = _mm_set1_epi8(curly);
    const __m128i fold = _mm_set1_epi8(0x20);
    std::uint64_t marks = 0;
    for (int i = 0; i < 4; ++i) marks |= bits(_mm_cmpeq_epi8(_mm_or_si128(part_[i], fold), wanted), i);
    return marks;
  }
  std::uint64_t non_ascii() const {
    std::uint64_t marks = 0;
    for (int i = 0; i < 4; ++i) marks |= bits(part_[i], i);
    return marks;
  }
  std::uint64_t control() const {
    std::uint64_t marks = 0;
    for (int i = 0; i < 4; ++i) marks |= bits(_mm_cmplt_epi8(part_[i], _mm_set1_epi8(0x20)), i);
    return marks & ~non_ascii();
  }
  // Is there a backslash or a control character? (Few texts have any: so this is worth a branch, which letters outside
  // ASCII, frequent but not in each block, are not.)
  bool odd() const {
    const __m128i last_control = _mm_set1_epi8(0x1F);
    __m128i any = _mm_setzero_si128();
    for (const __m128i part : part_) {
      any = _mm_or_si128(any, _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(part, last_control), part),
                                           _mm_cmpeq_epi8(part, _mm_set1_epi8('\\'))));
    }
    return _mm_movemask_epi8(any) != 0;
  }
  bool any_non_ascii() const {
    return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(part_[0], part_[1]), _mm_or_si128(part_[2], part_[3]))) != 0;
  }
  static std::uint64_t odd_bits_before(std::uint64_t marks) {
    for (int shift = 1; shift < 64; shift *= 2) marks ^= marks << shift;
    return marks;
  }
  static std::uint16_t* write_positions(std::uint64_t marks, std::size_t offset, std::uint16_t* to) {
    return write_positions_by_table(marks, offset, to);
  }

 private:
  static std::uint64_t bits(__m128i marks, int i) {
    return std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(marks))} << (16 * i);
  }
  __m128i part_[4];
};
#else
class PortableBlock {
 public:
  explicit PortableBlock(const char* at) { std::memcpy(bytes_, at, sizeof bytes_); }
  std::uint64_t equal(char c) const {
    return marks([c](unsigned char byte) { return byte == static_cast<unsigned char>(c); });
  }
  std::uint64_t bracket(char curly) const {
    return marks([curly](unsigned char byte) { return (byte | 0x20) == static_cast<unsigned char>(curly); });
  }
  std::uint64_t non_ascii() const {
    return marks([](unsigned char byte) { return byte >= 0x80; });
  }
  std::uint64_t control() const {
    return marks([](unsigned char byte) { return byte < 0x20; });
  }
  bool odd() const { return (equal('\\') | control()) != 0; }
  bool any_non_ascii() const { return non_ascii() != 0; }
  static std::uint64_t odd_bits_before(std::uint64_t marks) {
    for (int shift = 1; shift < 64; shift *= 2) marks ^= marks << shift;
    return marks;
  }
  static std::uint16_t* write_positions(std::uint64_t marks, std::size_t offset, std::uint16_t* to) {
    for (; marks != 0; marks &= marks - 1) {
      *to++ = static_cast<std::uint16_t>(offset + static_cast<std::size_t>(__builtin_ctzll(marks)));
    }
    return to;
  }

 private:
  template <typename Is>
  std::uint64_t marks(Is is) const {
    std::uint64_t marks = 0;
    for (int i = 0; i < 64; ++i) marks |= std::uint64_t{is(bytes_[i])} << i;
    return marks;
  }
  unsigned char bytes_[64];
};
#endif

#ifdef BULK_HAS_AVX2
class Avx2Block {
 public:
  [[BULK_AVX2]] explicit Avx2Block(const char* at) {
    for (int i = 0; i < 2; ++i) part_[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at) + i);
  }
  [[BULK_AVX2]] std::uint64_t equal(char c) const {
    const __m256i wanted = _mm256_set1_epi8(c);
    return bits(_mm256_cmpeq_epi8(part_[0], wanted), _mm256_cmpeq_epi8(part_[1], wanted));
  }
  [[BULK_AVX2]] std::uint64_t bracket(char curly) const {
    const __m256i wanted = _mm256_set1_epi8(curly);
    const __m256i fold = _mm256_set1_epi8(0x20);
    return bits(_mm256_cmpeq_epi8(_mm256_or_si256(part_[0], fold), wanted),
                _mm256_cmpeq_epi8(_mm256_or_si256(part_[1], fold), wanted));
  }
  [[BULK_AVX2]] std::uint64_t non_ascii() const { return bits(part_[0], part_[1]); }
  [[BULK_AVX2]] std::uint64_t control() const {
    const __m256i space = _mm256_set1_epi8(0x20);
    return bits(_mm256_cmpgt_epi8(space, part_[0]), _mm256_cmpgt_epi8(space, part_[1])) & ~non_ascii();
  }
  [[BULK_AVX2]] bool odd() const {
    const __m256i last_control = _mm256_set1_epi8(0x1F);
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i low = _mm256_or_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(part_[0], last_control), part_[0]),
                                        _mm256_cmpeq_epi8(_mm256_min_epu8(part_[1], last_control), part_[1]));
    const __m256i escapes =
        _mm256_or_si256(_mm256_cmpeq_epi8(part_[0], backslash), _mm256_cmpeq_epi8(part_[1], backslash));
    return _mm256_movemask_epi8(_mm256_or_si256(low, escapes)) != 0;
  }
  [[BULK_AVX2]] bool any_non_ascii() const { return _mm256_movemask_epi8(_mm256_or_si256(part_[0], part_[1])) != 0; }
  // A multiplication with all ones, without carries.
  [[BULK_AVX2]] static std::uint64_t odd_bits_before(std::uint64_t marks) {
    const __m128i factor = _mm_cvtsi64_si128(static_cast<std::int64_t>(marks));
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_clmulepi64_si128(factor, _mm_set1_epi8(-1), 0)));
  }
  [[BULK_AVX2]] static std::uint16_t* write_positions(std::uint64_t marks, std::size_t offset, std::uint16_t* to) {
    return write_positions_by_table(marks, offset, to);
  }

 private:
  [[BULK_AVX2]] static std::uint64_t bits(__m256i low, __m256i high) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
           std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(high))} << 32;
  }
  __m256i part_[2];
};

class Avx512Block {
 public:
  [[BULK_AVX512]] explicit Avx512Block(const char* at) : bytes_(_mm512_loadu_si512(at)) {}
  [[BULK_AVX512]] std::uint64_t equal(char c) const { return _mm512_cmpeq_epi8_mask(bytes_, _mm512_set1_epi8(c)); }
  [[BULK_AVX512]] std::uint64_t bracket(char curly) const {
    return _mm512_cmpeq_epi8_mask(_mm512_or_si512(bytes_, _mm512_set1_epi8(0x20)), _mm512_set1_epi8(curly));
  }
  [[BULK_AVX512]] std::uint64_t non_ascii() const { return _mm512_movepi8_mask(bytes_); }
  [[BULK_AVX512]] std::uint64_t control() const { return _mm512_cmplt_epu8_mask(bytes_, _mm512_set1_epi8(0x20)); }
  [[BULK_AVX512]] bool odd() const { return (control() | equal('\\')) != 0; }
  [[BULK_AVX512]] bool any_non_ascii() const { return non_ascii() != 0; }
  [[BULK_AVX512]] static std::uint64_t odd_bits_before(std::uint64_t marks) {
    return Avx2Block::odd_bits_before(marks);
  }
  [[BULK_AVX512]] static std::uint16_t* write_positions(std::uint64_t marks, std::size_t offset, std::uint16_t* to) {
    alignas(64) static constexpr auto kPlaces = [] {
      std::array<std::uint8_t, 64> places{};
      for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<std::uint8_t>(i);
      return places;
    }();
    const __m512i places = _mm512_maskz_compress_epi8(marks, _mm512_load_si512(kPlaces.data()));
    const __m512i base = _mm512_set1_epi16(static_cast<short>(offset));
    __m256i half;
    std::memcpy(&half, &places, sizeof half);
    _mm512_storeu_si512(to, _mm512_add_epi16(_mm512_cvtepu8_epi16(half), base));
    const int count = __builtin_popcountll(marks);
    if (count > 32) {
      std::memcpy(&half, reinterpret_cast<const char*>(&places) + sizeof half, sizeof half);
      _mm512_storeu_si512(to + 32, _mm512_add_epi16(_mm512_cvtepu8_epi16(half), base));
    }
    return to + count;
  }

 private:
  __m512i bytes_;
};

// What a 512-bit block needs; processors that have all of it do not slow down for it.
inline bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
}

inline bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
}
#endif

// Where to take the next 64 bytes of a text from, [at, end) of [begin, end), when fewer may be left: nothing beyond the
// text is read. `shift`: how many bits in front of the masks are not of [at, end).
struct BlockPlace {
  static constexpr std::ptrdiff_t kBytes = 64;

  BlockPlace(const char* begin, const char* at, const char* end) : bytes(at) {
    if (end - at >= kBytes) return;
    if (end - begin >= kBytes) {
      bytes = end - kBytes;
      shift = static_cast<unsigned>(kBytes - (end - at));
      return;
    }
    std::memset(copy, ' ', sizeof copy);
    std::memcpy(copy, at, static_cast<std::size_t>(end - at));
    bytes = copy;
  }
  BlockPlace(const BlockPlace&) = delete;
  BlockPlace& operator=(const BlockPlace&) = delete;

  const char* bytes;
  unsigned shift = 0;
  char copy[kBytes];
};

// Bits of the bytes that a backslash before them escapes. `carry`: the first byte of this block is one; becomes whether
// the first one of the next block is.
inline std::uint64_t escaped_bytes(std::uint64_t backslash, bool& carry) {
  std::uint64_t escaped = carry ? 1 : 0;
  carry = false;
  while (backslash != 0) {
    const std::uint64_t bit = backslash & (~backslash + 1);
    backslash ^= bit;
    if ((escaped & bit) != 0) continue;
    escaped |= bit << 1;
    if (bit << 1 == 0) carry = true;
  }
  return escaped;
}

// Follows strings from block to block: which bytes are inside one, its opening quote included and its closing quote
// not. And notes what no text of ours holds.
class StringTracker {
 public:
  // `shift` as in BlockPlace.
  template <typename Block>
  std::uint64_t strings(const Block& block, unsigned shift) {
    std::uint64_t quote = block.equal('"') >> shift;
    std::uint64_t backslash = 0;
    non_ascii_ |= block.any_non_ascii();
    if (block.odd() || escape_) {
      broken_ |= block.control() != 0;
      backslash = block.equal('\\') >> shift;
      quote &= ~escaped_bytes(backslash, escape_);
    }
    const std::uint64_t strings = Block::odd_bits_before(quote) ^ inside_;
    broken_ |= (backslash & ~strings) != 0;
    inside_ = static_cast<std::uint64_t>(static_cast<std::int64_t>(strings) >> 63);
    return strings;
  }

  bool broken() const { return broken_; }  // a control character anywhere, or a backslash outside strings
  bool in_string() const { return inside_ != 0; }
  bool non_ascii() const { return non_ascii_; }

 private:
  std::uint64_t inside_ = 0;  // all bits: a string goes on
  bool escape_ = false;       // the next byte is escaped
  bool broken_ = false;
  bool non_ascii_ = false;
};

}  // namespace bulk
