// The nested types of plain_value.h, and how what stands out of order is moved: text that is canonical otherwise keeps
// its length, so the whole attribute is copied once and the members of each container change places in the copy,
// innermost containers first.
#include "codecs/plain_value.h"

#include <algorithm>

#include "codecs/canonical_output.h"

namespace bulk {

const char* PlainValue::other(Cursor& cursor, const char* at, std::uint64_t head, int depth) {
  static constexpr Token kMap = token("{\"M\":{");
  static constexpr Token kList = token("{\"L\":[");
  static constexpr Token kSet = token("{\"?S\":[");
  static constexpr Token kBool = token("{\"BOOL\":");
  static constexpr Token kNull = token("{\"NULL\":");
  static constexpr Token kTrue = token("true}");
  static constexpr Token kFalse = token("false}");
  constexpr std::size_t kLongestFlag = 16;  // 8 bytes of `{"BOOL":`, and a word behind them
  cursor.take(), cursor.take();
  const char* end = nullptr;  // of what stands in the value's braces
  if (kMap.begins(head)) {
    end = map(cursor, at + 6, depth);
  } else if (kList.begins(head)) {
    end = list(cursor, at + 6, depth);
  } else if (kSet.begins(head)) {
    end = set(cursor, at[2], at + 7);
  } else if (kBool.begins(head) || kNull.begins(head)) {
    if (limit_ - at < static_cast<std::ptrdiff_t>(kLongestFlag)) return nullptr;
    const std::uint64_t flag = word_at(at + 8);
    ++bytes_;
    if (kTrue.begins(flag)) return at + 13;
    return kFalse.begins(flag) && kBool.begins(head) ? at + 14 : nullptr;
  }
  return end != nullptr && end < limit_ && *end == '}' ? end + 1 : nullptr;
}

const char* PlainValue::list(Cursor& cursor, const char* at, int depth) {
  if (depth >= kMaxNesting) return nullptr;
  bytes_ += kContainerBytes;
  if (at < limit_ && *at == ']') return at + 1;
  for (;;) {
    bytes_ += kElementBytes;
    at = read(cursor, at, depth + 1);
    if (at == nullptr || at >= limit_) return nullptr;
    if (*at == ']') return at + 1;
    if (*at++ != ',') return nullptr;
  }
}

const char* PlainValue::map(Cursor& cursor, const char* at, int depth) {
  if (depth >= kMaxNesting) return nullptr;
  bytes_ += kContainerBytes;
  if (at < limit_ && *at == '}') return at + 1;
  const std::size_t first = members_.size();
  bool ascending = true;
  for (;;) {
    if (cursor.take() != at) return nullptr;
    const char* const name_end = cursor.take();
    const auto length = static_cast<std::size_t>(name_end - at - 1);
    if (limit_ - name_end < 3 || name_end[1] != ':' || length == 0) return nullptr;
    bytes_ += kElementBytes + length;
    add_member(first, at, at + 1, name_end, ascending);
    const std::size_t member = members_.size() - 1;
    at = read(cursor, name_end + 2, depth + 1);
    if (at == nullptr || at >= limit_) return nullptr;
    members_[member].end = at;
    if (*at == '}') break;
    if (*at++ != ',') return nullptr;
  }
  return close_members(first, ascending) ? at + 1 : nullptr;
}

const char* PlainValue::set(Cursor& cursor, char type, const char* at) {
  const std::size_t first = members_.size();
  bool ascending = true;
  for (;;) {
    if (cursor.take() != at) return nullptr;
    const char* const close = cursor.take();
    if (limit_ - close < 3 || !take_content(type, at + 1, close)) return nullptr;
    add_member(first, at, at + 1, close, ascending);
    at = members_.back().end = close + 1;
    if (*at == ']') break;
    if (*at++ != ',') return nullptr;
  }
  return close_members(first, ascending) ? at + 1 : nullptr;
}

void PlainValue::add_member(std::size_t first, const char* begin, const char* name, const char* name_end,
                            bool& ascending) {
  const auto length = static_cast<std::size_t>(name_end - name);
  members_.push_back({name_prefix(name, length, limit_), name, length, begin, nullptr});
  if (!ascending || members_.size() - first == 1) return;
  const Member& before = members_[members_.size() - 2];
  const Member& last = members_.back();
  ascending = before.prefix < last.prefix || (before.prefix == last.prefix && before.name_view() < last.name_view());
}

// False: two are the same.
bool PlainValue::close_members(std::size_t first, bool ascending) {
  if (!ascending) {
    const auto begin = members_.begin() + static_cast<std::ptrdiff_t>(first);
    orders_.push_back({begin->begin, kept_.size(), members_.size() - first});
    const auto before = [](const Member& a, const Member& b) {
      return a.prefix != b.prefix ? a.prefix < b.prefix : a.name_view() < b.name_view();
    };
    if (members_.end() - begin == 2) {
      std::swap(begin[0], begin[1]);  // they are not in ascending order
    } else {
      std::sort(begin, members_.end(), before);
    }
    const auto same = [](const Member& a, const Member& b) {
      return a.prefix == b.prefix && a.name_view() == b.name_view();
    };
    if (std::adjacent_find(begin, members_.end(), same) != members_.end()) return false;
    kept_.insert(kept_.end(), begin, members_.end());
  }
  members_.resize(first);
  return true;
}

std::string_view PlainValue::in_order(std::string_view text) {
  ordered_.clear();
  ordered_.append(text);
  for (const Order& order : orders_) {
    char* const begin = ordered_.data() + (order.begin - begin_);
    moved_.clear();
    for (std::size_t i = order.first; i < order.first + order.count; ++i) {
      const Member& member = kept_[i];
      moved_.append({ordered_.data() + (member.begin - begin_), static_cast<std::size_t>(member.end - member.begin)});
      moved_.push_back(',');
    }
    std::memcpy(begin, moved_.data(), moved_.size() - 1);
  }
  return ordered_.view();
}

void PlainValue::forget_orders() {
  orders_.clear();
  kept_.clear();
}

}  // namespace bulk
