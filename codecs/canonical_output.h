// Canonical text made from a text that is nearly canonical: nothing is copied until the first deviation, from then on
// the stretches between deviations are copied whole. A position in the output can be named before it is copied there,
// so that parts (map members, set elements) can be put in order afterwards.
//
// One thread; reused. Views of the result are valid until the next call.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace bulk {

// A map member or set element, sorted by `name` (an element is its own name). A name that had to be repaired lies in
// the output and not in the text: then `name` is null until its container is closed.
struct Part {
  std::uint64_t prefix = 0;  // the name's first 8 bytes, big-endian: decides most comparisons
  const char* name = nullptr;
  std::size_t name_length = 0;
  std::size_t name_offset = 0;  // in the output
  std::size_t begin = 0;        // of the whole part in the output
  std::size_t end = 0;
  const char* at = nullptr;  // in the text, for error messages

  std::string_view name_view() const { return {name, name_length}; }
};

// The first 8 bytes at `name`, zero-filled; bytes up to `limit` may be read.
inline std::uint64_t name_prefix(const char* name, std::size_t length, const char* limit) {
  std::uint64_t word = 0;
  if (limit - name >= 8) {
    std::memcpy(&word, name, 8);
  } else {
    std::memcpy(&word, name, length);
  }
  if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
  if (length >= 8) return word;
  return length == 0 ? 0 : word & (~std::uint64_t{0} << (64 - 8 * length));
}
bool part_before(const Part& a, const Part& b);
bool same_name(const Part& a, const Part& b);

class CanonicalOutput {
 public:
  void clear() { text_.clear(); }

  // A new piece of output begins, made from the text at `at`. Earlier pieces stay.
  void begin(const char* at) {
    start_ = text_.size();
    begin_ = kept_ = at;
  }

  // Where the text's byte `at` (not dropped, not behind what was read) will stand in the output.
  std::size_t position(const char* at) const { return text_.size() + static_cast<std::size_t>(at - kept_); }

  // [from, to) of the text does not go into the output.
  void drop(const char* from, const char* to) {
    flush(from);
    kept_ = to;
  }

  // `replacement` stands for [from, to) of the text.
  void replace(const char* from, const char* to, std::string_view replacement) {
    flush(from);
    text_ += replacement;
    kept_ = to;
  }

  // Everything from `position` on is `replacement`; the text goes on at `to`.
  void rewrite(std::size_t position, const char* to, std::string_view replacement);

  // From here on the output up to `to` can be looked at.
  void flush(const char* to) {
    text_.append(kept_, static_cast<std::size_t>(to - kept_));
    kept_ = to;
  }
  std::string_view view(std::size_t position, std::size_t length) const { return {text_.data() + position, length}; }

  // The piece, which ends before the text's byte `at`: the text itself when nothing had to be changed.
  std::string_view finish(const char* at);

  // Sorts the parts, which stand in the output with a comma between two, and moves them accordingly. Null when all
  // names differ, else one of the parts whose name stands twice. Changes the order of [parts, parts + count).
  // `in_output` false: only looks for duplicates.
  const Part* arrange(Part* parts, std::size_t count, bool in_output, const char* at);

 private:
  std::string text_;
  std::string moved_;  // scratch of arrange()
  std::size_t start_ = 0;
  const char* begin_ = nullptr;
  const char* kept_ = nullptr;  // the text from here on is not yet in text_
};

}  // namespace bulk
