// The nested types of plain_value.h, and how what stands out of order is moved: text that is canonical otherwise keeps
// its length, so an attribute is copied once, the members of each such container in their order.
#include "codecs/plain_value.h"

#include <algorithm>

namespace bulk {

namespace {

constexpr std::ptrdiff_t kHeadBytes = 8;   // of a value, read as one word
constexpr std::ptrdiff_t kFlagBytes = 14;  // of one that holds a flag and of what must stand behind it
constexpr std::ptrdiff_t kFlagAt = 6;      // of its colon's quote

std::uint64_t prefix_of(const char* name, std::size_t length) {
  std::uint64_t word = word_at(name) & first_bytes(length);
  if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

PlainValue::Place PlainValue::other(const std::uint16_t* next, const char* at, int depth) {
  static constexpr Token kMap = token("{\"M\":{");
  static constexpr Token kList = token("{\"L\":[");
  static constexpr Token kSet = token("{\"?S\":[");
  static constexpr Token kBool = token("{\"BOOL\":");
  static constexpr Token kNull = token("{\"NULL\":");
  static constexpr Token kTrue = token("\":true}");
  static constexpr Token kFalse = token("\":false}");
  if (limit_ - at < kHeadBytes) return refused();
  const std::uint64_t head = word_at(at);
  const bool is_bool = kBool.begins(head);
  if (is_bool || kNull.begins(head)) {
    if (limit_ - at < kFlagBytes) return refused();
    const std::uint64_t flag = word_at(at + kFlagAt);
    const bool is_true = kTrue.begins(flag);
    ++bytes_;
    // Without a branch on what it is: nobody can guess that.
    const std::uint64_t legal = (is_true ? 1 : 0) | (kFalse.begins(flag) && is_bool ? 1 : 0);
    const char* const end = at + kFlagBytes - (is_true ? 1 : 0);
    if (legal == 0 || end >= limit_) return refused();
    return {end, next + 2};
  }
  next += 2;
  Place inside = refused();  // what stands in the value's braces
  if (kMap.begins(head)) {
    inside = map(next, at + 6, depth);
  } else if (kList.begins(head)) {
    inside = list(next, at + 6, depth);
  } else if (kSet.begins(head)) {
    inside = set(next, at[2], at + 7);
  }
  if (inside.at == nullptr || limit_ - inside.at < 2 || *inside.at != '}') return refused();
  ++inside.at;
  return inside;
}

PlainValue::Place PlainValue::list(const std::uint16_t* next, const char* at, int depth) {
  static constexpr Token kScalar = token("{\"?\":\"");
  if (depth >= kMaxNesting) return refused();
  bytes_ += kContainerBytes;
  if (*at == ']') return {at + 1, next};
  Place place{at, next};
  for (;;) {
    if (limit_ - place.at < kHeadBytes) return refused();
    bytes_ += kElementBytes;
    place = kScalar.begins(word_at(place.at)) ? scalar(place.next, place.at[2], place.at + 6)
                                              : other(place.next, place.at, depth + 1);
    if (place.at == nullptr) return refused();
    const char behind = *place.at++;
    if (behind == ']') return place;
    if (behind != ',') return refused();
  }
}

PlainValue::Place PlainValue::map(const std::uint16_t* next, const char* at, int depth) {
  if (depth >= kMaxNesting) return refused();
  bytes_ += kContainerBytes;
  if (*at == '}') return {at + 1, next};
  const std::size_t first = open_;
  std::uint64_t before = 0;  // prefix of the name before
  bool ascending = true;
  Place place{at, next};
  for (;;) {
    const char* const begin = place.at;
    const char* const name_end = quote(place.next + 1);
    if (quote(place.next) != begin || limit_ - name_end < kHeadBytes) return refused();
    const auto length = static_cast<std::size_t>(name_end - begin - 1);
    if (length == 0) return refused();
    bytes_ += kElementBytes + length;
    const std::uint64_t prefix = prefix_of(begin + 1, length);
    ascending = ascending && before < prefix;  // names that begin alike are looked at in the end
    before = prefix;
    const std::size_t member = open_;
    add_member({prefix, begin + 1, static_cast<std::uint32_t>(length), 0});
    place = read_named(place.next + 2, name_end, depth + 1);
    if (place.at == nullptr) return refused();
    members_[member].length = static_cast<std::uint32_t>(place.at - begin);
    const char behind = *place.at++;
    if (behind == '}') break;
    if (behind != ',') return refused();
  }
  return close_members(first, ascending, place.at - 1) ? place : refused();
}

PlainValue::Place PlainValue::set(const std::uint16_t* next, char type, const char* at) {
  const std::size_t first = open_;
  std::uint64_t before = 0;
  bool ascending = true;
  for (;;) {
    const char* const close = quote(next + 1);
    if (quote(next) != at || limit_ - close < 3 || readable_ - at <= kHeadBytes) return refused();
    if (!take_content(type, at + 1, close)) return refused();
    const auto length = static_cast<std::size_t>(close - at - 1);
    const std::uint64_t prefix = prefix_of(at + 1, length);
    ascending = ascending && (before < prefix || open_ == first);
    before = prefix;
    add_member({prefix, at + 1, static_cast<std::uint32_t>(length), static_cast<std::uint32_t>(length + 2)});
    next += 2;
    at = close + 1;
    const char behind = *at++;
    if (behind == ']') break;
    if (behind != ',') return refused();
  }
  return close_members(first, ascending, at - 1) ? Place{at, next} : refused();
}

// Not every one of them is seen to be behind the one before it.
bool PlainValue::put_in_order(Member* members, std::size_t count, const char* end) {
  const auto before = [](const Member& a, const Member& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.name_view() < b.name_view();
  };
  const char* const begin = members[0].begin();
  if (count == 2 && members[0].prefix != members[1].prefix) {  // most that are out of order are pairs
    std::swap(members[0], members[1]);
  } else {
    const auto not_ascending = [&](const Member& a, const Member& b) { return !before(a, b); };
    if (std::adjacent_find(members, members + count, not_ascending) == members + count) return true;
    std::sort(members, members + count, before);
    if (std::adjacent_find(members, members + count, not_ascending) != members + count) return false;
  }
  if (begin >= arranged_) {
    arrange_up_to(begin);
    for (std::size_t i = 0; i < count; ++i) {
      copy(members[i].begin(), members[i].length);
      *to_++ = ',';
    }
    --to_;
    arranged_ = end;
    return true;
  }
  // Containers in it were put in order: its members change places in the copy.
  arrange_up_to(end);
  moved_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    moved_.append({ordered_.data() + (members[i].begin() - begin_), members[i].length});
    moved_.push_back(',');
  }
  std::memcpy(ordered_.data() + (begin - begin_), moved_.data(), moved_.size() - 1);
  return true;
}

// In steps, which run over the end; what runs over is written again by whatever is copied next.
void PlainValue::copy(const char* from, std::size_t length) {
  char* const to = to_;
  to_ += length;
  if (static_cast<std::size_t>(readable_ - from) < length + kStep) {
    std::memcpy(to, from, length);
    return;
  }
  std::size_t copied = 0;
  do {
    std::memcpy(to + copied, from + copied, kStep);
    copied += kStep;
  } while (copied < length);
}

}  // namespace bulk
