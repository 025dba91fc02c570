// A typed value that is spelled canonically but for the order of its maps and sets: read with whole-word comparisons
// and the string ends of a QuoteIndex, and put in order afterwards. That is nearly every value a table returns
// (DynamoDB keeps maps and sets in no order). What is anything else, or wrong, is refused without a reason: the general
// walk (item_walk.h) reads it again from its beginning.
//
// One thread; reused. What it reads lies before `limit`, where there is no escape and no control character.
#pragma once

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
  using Cursor = QuoteIndex::Cursor;

  // Everything that is read from now on lies before `limit`.
  void begin(const char* limit) {
    limit_ = limit;
    members_.clear();
    if (!orders_.empty()) forget_orders();
  }

  // A new attribute, whose text begins at `begin`.
  void start(const char* begin) {
    begin_ = begin;
    bytes_ = 0;
    if (!orders_.empty()) forget_orders();
  }

  // The value that begins with the '{' at `at`: the byte behind its '}', or null.
  const char* read(Cursor& cursor, const char* at, int depth) {
    if (limit_ - at < 8) return nullptr;
    const std::uint64_t head = word_at(at);
    return kScalar.begins(head) ? scalar(cursor, at) : other(cursor, at, head, depth);
  }

  // Of what was read since start().
  std::size_t bytes() const { return bytes_; }  // as DynamoDB counts them
  // The attribute, which ends at `end`, in canonical order; valid until the next call.
  std::string_view canonical(const char* end) {
    const std::string_view text(begin_, static_cast<std::size_t>(end - begin_));
    return orders_.empty() ? text : in_order(text);
  }

 private:
  static constexpr Token kScalar = token("{\"?\":\"");

  // A member of a map or an element of a set.
  struct Member {
    std::uint64_t prefix = 0;  // of its name, see name_prefix()
    const char* name = nullptr;
    std::size_t name_length = 0;
    const char* begin = nullptr;
    const char* end = nullptr;
    std::string_view name_view() const { return {name, name_length}; }
  };
  // Members of one container that stand in another order: those of kept_ from `first` on.
  struct Order {
    const char* begin = nullptr;  // of the first member in the text
    std::size_t first = 0;
    std::size_t count = 0;
  };

  const char* scalar(Cursor& cursor, const char* at) {
    cursor.take(), cursor.take(), cursor.take();
    const char* const content = at + 6;
    const char* const close = cursor.take();
    if (limit_ - close < 3 || close[1] != '}') return nullptr;
    return take_content(at[2], content, close) ? close + 2 : nullptr;
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

  const char* other(Cursor& cursor, const char* at, std::uint64_t head, int depth);
  const char* set(Cursor& cursor, char type, const char* at);
  const char* list(Cursor& cursor, const char* at, int depth);
  const char* map(Cursor& cursor, const char* at, int depth);
  void add_member(std::size_t first, const char* begin, const char* name, const char* name_end, bool& ascending);
  bool close_members(std::size_t first, bool ascending);
  std::string_view in_order(std::string_view text);
  void forget_orders();

  const char* begin_ = nullptr;
  const char* limit_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<Member> members_;  // of the containers that are open, innermost last
  std::vector<Member> kept_;
  std::vector<Order> orders_;  // innermost containers first
  Buffer ordered_;
  Buffer moved_;
};

}  // namespace bulk
