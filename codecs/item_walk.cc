// Top level of the walk: attributes, keys, tokens and strings. Values are in item_value.cc.
#include "codecs/item_walk.h"

#include <algorithm>
#include <cstring>

#include "codecs/json_check.h"
#include "codecs/json_text.h"

namespace bulk {

ItemWalk::ItemWalk(const KeySchema* keys) {
  if (keys == nullptr) return;
  add_key(keys->partition, kMaxPartitionKeyBytes);
  if (keys->sort) add_key(*keys->sort, kMaxSortKeyBytes);
}

void ItemWalk::add_key(const KeyAttribute& attribute, std::size_t most_bytes) {
  Key& key = keys_.emplace_back();
  append_json_escaped(key.canonical_name, attribute.name);
  std::memcpy(&key.prefix, key.canonical_name.data(), std::min(key.canonical_name.size(), sizeof key.prefix));
  key.type = attribute.type;
  key.most_bytes = most_bytes;
  key.name = shown(attribute.name);
}

void ItemWalk::begin(std::string_view text) {
  begin_ = at_ = text.data();
  end_ = begin_ + text.size();
  problem_.text.clear();
  problem_.offset = 0;
  output_.clear();
  parts_.clear();
  quotes_.begin(begin_, end_);
  names_.clear();
  keys_left_ = keys_.size();
  sum_ = {};
  in_attribute_ = false;
  size_bytes_ = 0;
  one_line_ = true;
  for (Key& key : keys_) key.text = {};
}

bool ItemWalk::scan(std::string_view text, ItemFacts& facts, std::string& key_text) {
  begin(text);
  output_.begin(at_);
  if (!expect('{')) return false;
  space();
  if (peek() != '}' && !attributes()) return false;
  if (peek() != '}') return fail_syntax("',' or '}'");
  ++at_;
  if (careful_) {
    const bool differ = close_parts(0, false, false, "attribute");
    careful_ = false;
    if (!differ) return false;
  } else if (!names_.all_differ()) {
    careful_ = true;
    return scan(text, facts, key_text);
  }
  if (!keys_.empty() && !keys_complete(key_text)) return false;
  facts.digest = mix(sum_);
  facts.key_hash = keys_.empty() ? Digest{} : hash128(key_text);
  facts.partition_hash = keys_.empty() ? 0 : keys_.front().hash;
  facts.size_bytes = size_bytes_;
  facts.length = static_cast<std::size_t>(at_ - begin_);
  facts.one_line = one_line_;
  return true;
}

// All of them: the plain ones in a fast loop, what interrupts it one by one.
bool ItemWalk::attributes() {
  for (;;) {
    if (plain_attributes()) return true;
    output_.begin(at_);
    space();
    if (!attribute()) return false;
    space();
    if (peek() != ',') return true;
    ++at_;
  }
}

bool ItemWalk::attribute() {
  output_.begin(at_);
  String name;
  if (!member_name(name)) return false;
  attribute_name_ = {name.raw, static_cast<std::size_t>(name.raw_end - name.raw)};
  in_attribute_ = true;
  const char* const content = name.content.data();
  std::uint64_t prefix = 0;
  std::memcpy(&prefix, content, std::min(name.content.size(), sizeof prefix));
  Key* const key = key_of(prefix, name.content);
  if (names_.all_differ()) {
    names_.add(prefix, content, name.content.size());
    names_.count(1);
  }
  bool ascending = true;
  if (careful_) add_part(0, name, 0, ascending);
  if (!colon()) return false;
  const std::size_t size_before = size_bytes_;
  Type type = Type::unknown;
  if (!value(0, &type)) return false;
  const std::string_view canonical = output_.finish(at_);
  const Digest hash = hash128(canonical);
  sum_ += hash;
  if (key != nullptr) {
    if (!check_key(*key, type, size_bytes_ - size_before, canonical)) return false;
    key->hash = hash.low;
  }
  in_attribute_ = false;
  output_.begin(at_);
  return true;
}

bool ItemWalk::canonical(std::string_view text, std::string& out) {
  begin(text);
  output_.begin(at_);
  if (!map(-1)) return false;  // so that its members are at depth 0
  out = output_.finish(at_);
  return true;
}

bool ItemWalk::check_key(Key& key, Type type, std::size_t value_bytes, std::string_view text) {
  const char wanted = key.type;
  const bool right =
      (wanted == 'S' && type == Type::s) || (wanted == 'N' && type == Type::n) || (wanted == 'B' && type == Type::b);
  if (!right) return fail(begin_, std::string("key attribute is not of type ") + wanted);
  if (value_bytes == 0) return fail(begin_, "key attribute is empty");
  if (value_bytes > key.most_bytes) {
    return fail(begin_, "key attribute has " + std::to_string(value_bytes) + " bytes, more than " +
                            std::to_string(key.most_bytes));
  }
  if (key.text.empty()) --keys_left_;
  key.kept = text;  // what is repaired lies in the output
  key.text = key.kept;
  return true;
}

bool ItemWalk::keys_complete(std::string& key_text) {
  std::size_t length = 1;
  for (const Key& key : keys_) {
    if (key.text.empty()) return fail(begin_, "key attribute '" + key.name + "' is missing");
    length += key.text.size() + 1;
  }
  key_text.resize(length);
  char* to = key_text.data();
  char separator = '{';
  for (const Key& key : keys_) {
    *to++ = separator;
    std::memcpy(to, key.text.data(), key.text.size());
    to += key.text.size();
    separator = ',';
  }
  *to = '}';
  return true;
}

bool ItemWalk::fail(const char* at, const std::string& text) {
  problem_.text = in_attribute_ ? "attribute '" + shown(attribute_name_) + "': " + text : text;
  problem_.offset = static_cast<std::size_t>(at - begin_);
  return false;
}

bool ItemWalk::fail_syntax(const char* wanted) {
  return at_ == end_ ? fail(at_, "the text ends too early") : fail(at_, std::string("expected ") + wanted);
}

bool ItemWalk::expect(char c) {
  if (peek() != c) {
    const char wanted[] = {'\'', c, '\'', '\0'};
    return fail_syntax(wanted);
  }
  ++at_;
  return true;
}

bool ItemWalk::colon() {
  space();
  if (!expect(':')) return false;
  space();
  return true;
}

void ItemWalk::skip_space() {
  const char* from = at_;
  for (; at_ != end_ && is_json_space(*at_); ++at_) {
    if (*at_ == '\n' || *at_ == '\r') one_line_ = false;
  }
  if (at_ != from) output_.drop(from, at_);
}

bool ItemWalk::read_string(String& string) {
  if (peek() != '"') return fail_syntax("a string in double quotes");
  ++at_;
  string.raw = at_;
  string.position = output_.position(at_);
  if (const char* const close = quotes_.plain_end(at_ - 1); close != nullptr) {
    string.raw_end = close;
    at_ = close + 1;
    string.content = {string.raw, static_cast<std::size_t>(close - string.raw)};
    string.decoded_bytes = string.content.size();
    return true;
  }
  bool non_ascii = false;
  at_ = find_string_stop(at_, end_, non_ascii);
  if (peek() != '"') return repair_string(string, non_ascii);
  string.raw_end = at_++;
  string.content = {string.raw, static_cast<std::size_t>(string.raw_end - string.raw)};
  string.decoded_bytes = string.content.size();
  if (non_ascii && !valid_utf8(string.content)) return fail(string.raw, "a string is not UTF-8");
  return true;
}

// The string has escapes (or is broken): those that are not canonical are replaced.
bool ItemWalk::repair_string(String& string, bool non_ascii) {
  std::size_t saved_bytes = 0;
  while (peek() != '"') {
    if (at_ == end_) return fail_syntax("");
    if (*at_ != '\\') return fail(at_, "control character in a string");
    if (end_ - at_ >= 2 && is_canonical_escape(at_[1])) {  // `\n` and `\"`: most escapes there are
      ++saved_bytes;
      at_ = find_string_stop(at_ + 2, end_, non_ascii);
      continue;
    }
    const Escape escape = read_escape(at_, end_);
    if (escape.problem != nullptr) return fail(at_, escape.problem);
    saved_bytes += escape.length - utf8_length(escape.code);
    std::string wanted;
    append_canonical_character(wanted, escape.code);
    if (wanted != std::string_view(at_, escape.length)) {
      output_.replace(at_, at_ + escape.length, wanted);
      string.repaired = true;
    }
    at_ = find_string_stop(at_ + escape.length, end_, non_ascii);
  }
  string.raw_end = at_++;
  const std::string_view raw(string.raw, static_cast<std::size_t>(string.raw_end - string.raw));
  if (non_ascii && !valid_utf8(raw)) return fail(string.raw, "a string is not UTF-8");
  string.decoded_bytes = raw.size() - saved_bytes;
  string.content = raw;
  if (string.repaired) {
    const std::size_t length = output_.position(string.raw_end) - string.position;
    output_.flush(string.raw_end);
    string.content = output_.view(string.position, length);
  }
  return true;
}

}  // namespace bulk
