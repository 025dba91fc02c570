// Each instruction set against a loop over bytes: a machine runs only one of them in the program.
#include "codecs/byte_block.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace bulk {
namespace {

std::string random_block(std::mt19937& random) {
  static constexpr std::string_view kCharacters = "\"\\{}[]:,ab \x7F";
  std::string text(64, random() % 100 == 0 ? '"' : 'x');
  if (text[0] == '"') return text;
  const unsigned odd = random() % 4;
  for (char& c : text) {
    c = odd == 0 ? static_cast<char>(random() % 256) : kCharacters[random() % kCharacters.size()];
  }
  return text;
}

template <typename Is>
std::uint64_t marks(const std::string& text, Is is) {
  std::uint64_t marks = 0;
  for (unsigned i = 0; i < 64; ++i) marks |= std::uint64_t{is(static_cast<unsigned char>(text[i]))} << i;
  return marks;
}

struct Seen {
  std::uint64_t quote, open, close, non_ascii, control, between;
  bool odd, any_non_ascii;
  std::vector<std::uint16_t> places;  // of the quotes
  bool operator==(const Seen&) const = default;
};

constexpr std::size_t kOffset = 4032;  // of the last block in a window

template <typename Block>
Seen look(const char* at) {
  const Block block(at);
  const std::uint64_t quote = block.equal('"');
  std::vector<std::uint16_t> places(64 + kPositionsTooMany);
  const std::uint16_t* const end = Block::write_positions(quote, kOffset, places.data());
  places.resize(static_cast<std::size_t>(end - places.data()));
  return {quote,
          block.bracket('{'),
          block.bracket('}'),
          block.non_ascii(),
          block.control(),
          Block::odd_bits_before(quote),
          block.odd(),
          block.any_non_ascii(),
          places};
}

#ifdef BULK_HAS_AVX2
[[BULK_AVX2, gnu::flatten]] Seen look_avx2(const char* at) {
  return look<Avx2Block>(at);
}

[[BULK_AVX512, gnu::flatten]] Seen look_avx512(const char* at) {
  return look<Avx512Block>(at);
}
#endif

Seen look_at_each(const std::string& text) {
  Seen seen{};
  seen.quote = marks(text, [](unsigned char c) { return c == '"'; });
  seen.open = marks(text, [](unsigned char c) { return c == '{' || c == '['; });
  seen.close = marks(text, [](unsigned char c) { return c == '}' || c == ']'; });
  seen.non_ascii = marks(text, [](unsigned char c) { return c >= 0x80; });
  seen.control = marks(text, [](unsigned char c) { return c < 0x20; });
  bool inside = false;
  for (unsigned i = 0; i < 64; ++i) {
    if (text[i] == '"') inside = !inside;
    seen.between |= std::uint64_t{inside} << i;
    if (text[i] == '"') seen.places.push_back(static_cast<std::uint16_t>(kOffset + i));
  }
  seen.odd = seen.control != 0 || text.find('\\') != std::string::npos;
  seen.any_non_ascii = seen.non_ascii != 0;
  return seen;
}

TEST(ByteBlock, SeesWhatALoopOverTheBytesSees) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_block(random);
    const Seen wanted = look_at_each(text);
    ASSERT_EQ(look<PortableBlock>(text.data()), wanted) << text;
#ifdef BULK_HAS_AVX2
    if (has_avx2()) {
      ASSERT_EQ(look_avx2(text.data()), wanted) << text;
    }
    if (has_avx512()) {
      ASSERT_EQ(look_avx512(text.data()), wanted) << text;
    }
#endif
  }
}

// All brackets outside strings of a text of any length, block by block and by hand.
TEST(ByteBlock, FollowsStringsOverTheEndsOfBlocks) {
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    // Escapes only in strings, as in JSON.
    bool in_string = false;
    for (std::size_t length = random() % 200; text.size() < length;) {
      const char c = "\"{}\\ab\xC3"[random() % 7];
      if (c == '\\' && !in_string) continue;
      if (c == '\\') text += c, text += "\\\"n"[random() % 3];
      if (c != '\\') text += c;
      if (c == '"') in_string = !in_string;
    }
    StringTracker tracker;
    std::string outside;
    for (const char* at = text.data(); at < text.data() + text.size(); at += BlockPlace::kBytes) {
      const std::vector<char> exact(text.data(), text.data() + text.size());  // reading beyond it would be noticed
      const char* const begin = exact.data();
      const BlockPlace place(begin, begin + (at - text.data()), begin + exact.size());
      const std::uint64_t strings = tracker.strings(PortableBlock(place.bytes), place.shift);
      for (int i = 0; i < 64 && at + i < text.data() + text.size(); ++i) {
        if ((strings >> i & 1) == 0) outside += at[i];
      }
    }
    std::string wanted;
    bool inside = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (inside && text[i] == '\\') {
        ++i;
      } else if (text[i] == '"') {
        inside = !inside;
        if (!inside) wanted += '"';
      } else if (!inside) {
        wanted += text[i];
      }
    }
    ASSERT_EQ(outside, wanted) << text;
    EXPECT_EQ(tracker.in_string(), inside);
    EXPECT_FALSE(tracker.broken());
    EXPECT_EQ(tracker.non_ascii(), text.find('\xC3') != std::string::npos);
  }
}

}  // namespace
}  // namespace bulk
