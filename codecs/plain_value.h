// A typed value that is spelled canonically but for the order of its maps and sets: read with whole-word comparisons
// and the string ends of a QuoteIndex, and put in order afterwards. That is nearly every value a table returns
// (DynamoDB keeps maps and sets in no order). What is anything else, or wrong, is refused without a reason: the general
// walk (item_walk.h) reads it again from its beginning.
//
// One thread; reused. What it reads lies before `limit`, where there is no escape and no control character.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "codecs/base64.h"
#include "codecs/number.h"
#include "codecs/quote_index.h"
#include "codecs/token.h"
#include "io/buffer.h"

namespace bulk {

inline constexpr int kMaxNesting = 32;
// DynamoDB's counting: a list or map costs 3 bytes, each of its elements 1 more.
inline constexpr std::size_t kContainerBytes = 3;
inline constexpr std::size_t kElementBytes = 1;

class PlainValue {
 public:
  // Where reading has come to: behind the value (null: refused) and at the quote that comes next.
  struct Place {
    const char* at;
    const std::uint16_t* next;
  };

  // Everything that is read from now on lies before `limit`; quotes are counted from `window`; up to `readable` there
  // are bytes.
  void begin(const char* window, const char* limit, const char* readable) {
    window_ = window;
    limit_ = limit;
    readable_ = readable;
    bytes_ = 0;
    open_ = 0;
  }

  // The value behind a name, whose closing quote is *name_end, with 8 bytes from there before the limit. What comes
  // next is the quote behind *name_end. What it returns lies before the limit.
  Place read_named(const std::uint16_t* next, const char* name_end, int depth) {
    return is_scalar(name_end) ? read_scalar(next, name_end) : read_other(next, name_end, depth);
  }
  // The same by kinds of value: strings, numbers and binaries, whose text is canonical as it stands ...
  static bool is_scalar(const char* name_end) {
    static constexpr Token kNamedScalar = token("\":{\"?\":\"");
    return kNamedScalar.begins(word_at(name_end));
  }
  static char scalar_type(const char* name_end) { return name_end[4]; }
  Place read_scalar(const std::uint16_t* next, const char* name_end) {
    return scalar(next, scalar_type(name_end), name_end + 8);
  }
  // ... and others.
  Place read_other(const std::uint16_t* next, const char* name_end, int depth) {
    return name_end[1] == ':' ? other(next, name_end + 2, depth) : refused();
  }

  // Of all that was read since begin(), what was refused included.
  std::size_t bytes() const { return bytes_; }  // as DynamoDB counts them

  // To be called before an attribute that is no scalar, which begins at `begin` ...
  void start(const char* begin) {
    begin_ = arranged_ = begin;
    to_ = ordered_.data();
  }
  // ... and behind it: its text in canonical order, valid until the next start().
  std::string_view canonical(const char* end) {
    const auto length = static_cast<std::size_t>(end - begin_);
    if (arranged_ == begin_) return {begin_, length};
    arrange_up_to(end);
    return {ordered_.data(), length};
  }

 private:
  // A member of a map or an element of a set. Its text begins with the quote before `name`.
  struct Member {
    std::uint64_t prefix = 0;  // of its name: 8 bytes, big-endian, zero-filled
    const char* name = nullptr;
    std::uint32_t name_length = 0;
    std::uint32_t length = 0;  // of the text
    std::string_view name_view() const { return {name, name_length}; }
    const char* begin() const { return name - 1; }
  };
  static Place refused() { return {nullptr, nullptr}; }
  const char* quote(const std::uint16_t* next) const { return window_ + *next; }

  Place scalar(const std::uint16_t* next, char type, const char* content) {
    const char* const close = quote(next + 3);
    if (limit_ - close < 3 || close[1] != '}' || !take_content(type, content, close)) return refused();
    return {close + 2, next + 4};
  }
  bool take_content(char type, const char* content, const char* close) {
    const auto length = static_cast<std::size_t>(close - content);
    std::size_t bytes = length;
    if (type != 'S') {
      if (type == 'N') {
        if (!plain_number_size({content, length}, limit_, bytes)) return false;
      } else if (type != 'B' || !is_canonical_base64({content, length}, bytes)) {
        return false;
      }
    }
    bytes_ += bytes;
    return true;
  }

  Place other(const std::uint16_t* next, const char* at, int depth);
  Place set(const std::uint16_t* next, char type, const char* at);
  Place list(const std::uint16_t* next, const char* at, int depth);
  Place map(const std::uint16_t* next, const char* at, int depth);
  void add_member(const Member& member) {
    if (open_ == members_.size()) members_.resize(2 * members_.size());
    members_[open_++] = member;
  }
  // Those from `first` on are a whole container, which ends at `end`. False: two are the same.
  bool close_members(std::size_t first, bool ascending, const char* end) {
    const std::size_t count = open_ - first;
    open_ = first;
    return ascending || put_in_order(members_.data() + first, count, end);
  }
  bool put_in_order(Member* members, std::size_t count, const char* end);
  void arrange_up_to(const char* end) {
    copy(arranged_, static_cast<std::size_t>(end - arranged_));
    arranged_ = end;
  }
  void copy(const char* from, std::size_t length);

  static constexpr std::size_t kStep = 32;  // copied at once
  static constexpr std::size_t kUsualMembers = 64;

  const char* window_ = nullptr;
  const char* limit_ = nullptr;
  const char* readable_ = nullptr;
  std::size_t bytes_ = 0;
  // Of the containers that are open, innermost last: the first open_.
  std::vector<Member> members_ = std::vector<Member>(kUsualMembers);
  std::size_t open_ = 0;
  // [begin_, arranged_) of the attribute stands in ordered_ as it is to be; to_ is behind it. Empty until something has
  // to change places.
  const char* begin_ = nullptr;
  const char* arranged_ = nullptr;
  char* to_ = nullptr;
  std::array<char, QuoteIndex::kWindow + kStep> ordered_;
  Buffer moved_;
};

}  // namespace bulk
