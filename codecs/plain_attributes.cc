// The walk's fast loop over attributes whose values are plain (plain_value.h), which nearly all are. Everything else,
// errors included, is left to the general walk, which begins again at that attribute: so there is nothing here that
// must say what is wrong.
#include <algorithm>

#include "codecs/hash128.h"
#include "codecs/item_walk.h"

namespace bulk {

namespace {

// Of the value that begins at `at`, if it can be a key's.
ItemWalk::Type scalar_type(const char* at) {
  if (at[3] != '"') return ItemWalk::Type::unknown;
  return at[2] == 'S'   ? ItemWalk::Type::s
         : at[2] == 'N' ? ItemWalk::Type::n
         : at[2] == 'B' ? ItemWalk::Type::b
                        : ItemWalk::Type::unknown;
}

}  // namespace

bool ItemWalk::plain_attributes() {
  if (careful_ || peek() != '"') return false;
  if (!quotes_.seek(at_)) quotes_.refill(at_);
  const char* const limit = std::min(quotes_.window_end(), quotes_.next_odd(at_));
  plain_.begin(limit);
  QuoteIndex::Cursor cursor = quotes_.cursor;
  const char* at = at_;
  Digest sum = sum_;
  std::size_t size_bytes = size_bytes_;
  bool complete = false;
  while (!complete) {
    QuoteIndex::Cursor ahead = cursor;
    if (ahead.take() != at) break;
    const char* const name = at + 1;
    const char* const name_end = ahead.take();
    const auto name_length = static_cast<std::size_t>(name_end - name);
    if (limit - name_end < 8 || name_end[1] != ':' || name_length == 0) break;
    plain_.start(at);
    const char* const end = plain_.read(ahead, name_end + 2, 0);
    if (end == nullptr || end >= limit || (*end != ',' && *end != '}')) break;

    const std::string_view canonical = plain_.canonical(end);
    const Digest hash = hash128_inline(canonical);
    const std::uint64_t prefix = word_at(name) & first_bytes(name_length);
    if (keys_left_ != 0) {
      if (Key* const key = key_of(prefix, {name, name_length}); key != nullptr) {
        if (!check_key(*key, scalar_type(name_end + 2), plain_.bytes(), canonical)) break;
        key->hash = hash.low;
      }
    }
    sum += hash;
    names_.add(prefix, name, name_length);
    size_bytes += name_length + plain_.bytes();
    complete = *end == '}';
    at = complete ? end : end + 1;
    cursor = ahead;
  }
  at_ = at;
  sum_ = sum;
  size_bytes_ = size_bytes;
  quotes_.cursor = cursor;
  return complete;
}

}  // namespace bulk
