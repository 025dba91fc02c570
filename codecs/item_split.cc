#include "codecs/item_split.h"

#include <bit>

#include "codecs/byte_block.h"
#include "codecs/json_text.h"

namespace bulk {

namespace {

constexpr std::string_view kMember = "\"Items\":[";
constexpr int kMemberDepth = 1;
constexpr int kItemsDepth = 2;

template <typename Block>
bool split(std::string_view reply, ItemArray& array) {
  const std::size_t member = reply.find(kMember);
  if (member == std::string_view::npos) return false;
  if (member > 0 && reply[member - 1] == '\\') return false;  // inside of a name
  const char* const begin = reply.data();
  const char* const end = begin + reply.size();
  const char* const open = begin + member + kMember.size() - 1;  // the array's '['
  const char* item = open + 1;
  array.items.clear();
  array.begin = member + kMember.size();
  StringTracker tracker;
  int depth = 0;
  std::uint64_t closed_before = 0;  // '}' of the block before
  for (const char* at = begin; at < end; at += BlockPlace::kBytes) {
    const BlockPlace place(begin, at, end);
    const Block block(place.bytes);
    const std::uint64_t outside = ~tracker.strings(block, place.shift);
    const std::uint64_t curly_opens = block.equal('{') >> place.shift & outside;
    const std::uint64_t curly_closes = block.equal('}') >> place.shift & outside;
    const std::uint64_t square_closes = block.equal(']') >> place.shift & outside;
    const std::uint64_t opens = curly_opens | (block.equal('[') >> place.shift & outside);
    const std::uint64_t closes = curly_closes | square_closes;
    const auto depth_before = [&](int bit) {
      const std::uint64_t below = (std::uint64_t{1} << bit) - 1;
      return depth + std::popcount(opens & below) - std::popcount(closes & below);
    };
    // `},{` by its last byte, `}]` too.
    std::uint64_t ends = (curly_opens & (curly_closes << 2 | closed_before >> 62)) |
                         (square_closes & (curly_closes << 1 | closed_before >> 63));
    if (at + BlockPlace::kBytes > open) {
      if (at <= open) {
        const auto bit = static_cast<int>(open - at);
        if ((opens >> bit & 1) == 0 || depth_before(bit) != kMemberDepth) return false;
        ends &= ~std::uint64_t{0} << bit;
      }
      for (; ends != 0; ends &= ends - 1) {
        const int bit = std::countr_zero(ends);
        const char* const found = at + bit;
        if (depth_before(bit) != kItemsDepth || *item != '{') continue;
        const char* const item_end = *found == '{' ? found - 1 : found;
        if (*found == '{' && *item_end != ',') return false;
        array.items.push_back({static_cast<std::size_t>(item - begin), static_cast<std::size_t>(item_end - item)});
        item = found;
        if (*found != ']') continue;
        array.end = static_cast<std::size_t>(found - begin);
        return !tracker.broken() && (!tracker.non_ascii() || valid_utf8(reply.substr(0, array.end)));
      }
    }
    depth += std::popcount(opens) - std::popcount(closes);
    closed_before = curly_closes;
  }
  return false;
}

bool split_portable(std::string_view reply, ItemArray& array) {
  return split<PortableBlock>(reply, array);
}

#ifdef BULK_HAS_AVX2
[[BULK_AVX2, gnu::flatten]] bool split_avx2(std::string_view reply, ItemArray& array) {
  return split<Avx2Block>(reply, array);
}

[[BULK_AVX512, gnu::flatten]] bool split_avx512(std::string_view reply, ItemArray& array) {
  return split<Avx512Block>(reply, array);
}
#endif

}  // namespace

bool split_items(std::string_view reply, ItemArray& array) {
#ifdef BULK_HAS_AVX2
  if (has_avx512()) return split_avx512(reply, array);
  if (has_avx2()) return split_avx2(reply, array);
#endif
  return split_portable(reply, array);
}

}  // namespace bulk
