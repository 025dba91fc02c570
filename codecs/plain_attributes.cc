// The walk's fast loop over attributes whose values are plain (plain_value.h), which nearly all are. Everything else,
// errors included, is left to the general walk, which begins again at that attribute: so there is nothing here that
// must say what is wrong.
#include <algorithm>

#include "codecs/hash128.h"
#include "codecs/item_walk.h"

namespace bulk {

// A key attribute that is as it should be and stands there for the first time; what is wrong with it otherwise is for
// check_key() to say.
inline bool ItemWalk::plain_key(Key& key, char type, std::size_t value_bytes, std::string_view text,
                                std::uint64_t hash) {
  if (key.type != type || value_bytes == 0 || value_bytes > key.most_bytes || !key.text.empty()) return false;
  --keys_left_;
  key.text = text;
  key.hash = hash;
  return true;
}

bool ItemWalk::plain_attributes() {
  if (careful_ || !names_.all_differ() || peek() != '"') return false;
  if (!quotes_.seek(at_)) quotes_.refill(at_);
  const char* const window = quotes_.window();
  const char* const limit = std::min(quotes_.window_end(), quotes_.next_odd(at_));
  plain_.begin(window, limit, end_);
  const std::uint16_t* next = quotes_.next;
  const char* at = at_;
  Digest sum = sum_;
  std::size_t name_bytes = 0;
  std::size_t value_bytes = 0;
  std::size_t count = 0;
  bool complete = false;
  for (;;) {
    const char* const name = at + 1;
    const char* const name_end = window + next[1];
    const auto name_length = static_cast<std::size_t>(name_end - name);
    if (window + next[0] != at || limit - name_end < 8 || name_length == 0) break;
    PlainValue::Place place;
    std::string_view canonical;
    char type = '\0';
    if (PlainValue::is_scalar(name_end)) {
      place = plain_.read_scalar(next + 2, name_end);
      if (place.at == nullptr) break;
      canonical = {at, static_cast<std::size_t>(place.at - at)};
      type = PlainValue::scalar_type(name_end);
    } else {
      plain_.start(at);
      place = plain_.read_other(next + 2, name_end, 0);
      if (place.at == nullptr) break;
      canonical = plain_.canonical(place.at);
    }
    const char behind = *place.at;
    if (behind != ',' && behind != '}') break;

    const Digest hash = hash128_inline(canonical);
    const std::uint64_t prefix = word_at(name) & first_bytes(name_length);
    if (keys_left_ != 0) {
      if (Key* const key = key_of(prefix, {name, name_length}); key != nullptr) {
        if (!plain_key(*key, type, plain_.bytes() - value_bytes, canonical, hash.low)) break;
      }
    }
    sum += hash;
    names_.add(prefix, name, name_length);
    name_bytes += name_length;
    value_bytes = plain_.bytes();
    ++count;
    at = place.at;
    next = place.next;
    complete = behind == '}';
    if (complete) break;
    ++at;
  }
  at_ = at;
  sum_ = sum;
  size_bytes_ += name_bytes + value_bytes;
  names_.count(count);
  quotes_.next = next;
  return complete;
}

}  // namespace bulk
