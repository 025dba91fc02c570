#include "codecs/json_text.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

// At every position of a text long enough for all the loops, whatever follows behind.
TEST(JsonText, FindsTheFirstStopAtEveryDistance) {
  for (std::size_t length = 0; length < 70; ++length) {
    for (unsigned char stop : {0x00, 0x09, 0x1F, 0x22, 0x5C}) {
      for (std::size_t at = 0; at < length; ++at) {
        std::string text(length, 'x');
        text[at] = static_cast<char>(stop);
        bool non_ascii = false;
        ASSERT_EQ(find_string_stop(text.data(), text.data() + length, non_ascii), text.data() + at);
        ASSERT_FALSE(non_ascii);
        if (at > 0) text[at - 1] = '\x80';
        if (at + 1 < length) text[at + 1] = '\x80';
        ASSERT_EQ(find_string_stop(text.data(), text.data() + length, non_ascii), text.data() + at);
        ASSERT_EQ(non_ascii, at > 0);
      }
    }
    const std::string plain(length, ' ');
    bool non_ascii = false;
    ASSERT_EQ(find_string_stop(plain.data(), plain.data() + length, non_ascii), plain.data() + length);
    ASSERT_FALSE(non_ascii);
  }
}

TEST(JsonText, OnlyTheThreeKindsOfByteAreStops) {
  for (int c = 0; c < 256; ++c) {
    for (std::size_t length : {1, 8, 16}) {
      const std::string text(length, static_cast<char>(c));
      bool non_ascii = false;
      const bool stops = find_string_stop(text.data(), text.data() + length, non_ascii) == text.data();
      ASSERT_EQ(stops, c < 0x20 || c == '"' || c == '\\') << c;
      ASSERT_EQ(non_ascii, c >= 0x80) << c;
    }
  }
}

Escape read(std::string_view text) {
  return read_escape(text.data(), text.data() + text.size());
}

TEST(JsonText, DecodesEscapes) {
  EXPECT_EQ(read("\\n").code, U'\n');
  EXPECT_EQ(read("\\/").code, U'/');
  EXPECT_EQ(read("\\u0041zz").code, U'A');
  EXPECT_EQ(read("\\uD83D\\uDE00").code, U'\U0001F600');
  EXPECT_EQ(read("\\uD83D\\uDE00").length, 12u);
  EXPECT_EQ(read("\\udbff\\uDFFF").code, U'\U0010FFFF');
  EXPECT_EQ(read("\\uFFFF").code, U'\uFFFF');
}

TEST(JsonText, SaysWhatIsWrongWithAnEscape) {
  for (const char* text : {"\\uD800", "\\uD800x", "\\uD800\\n00000", "\\uD800\\u0041", "\\uDC00", "\\uDC00\\uD800",
                           "\\uD800\\uD800", "\\uD800\\uZZZZ"}) {
    EXPECT_STREQ(read(text).problem, "lone surrogate") << text;
  }
  EXPECT_STREQ(read("\\").problem, "the text ends inside an escape sequence");
  EXPECT_STREQ(read("\\u123").problem, "the text ends inside an escape sequence");
  EXPECT_STREQ(read("\\u12G4").problem, "\\u without four hexadecimal digits");
  EXPECT_STREQ(read("\\u-123").problem, "\\u without four hexadecimal digits");
  for (const char* text : {"\\U0041", "\\x41", "\\'", "\\0", "\\N"}) {
    EXPECT_STREQ(read(text).problem, "unknown escape sequence");
  }
}

TEST(JsonText, SpellsEveryCharacterInOneWay) {
  const auto spelled = [](char32_t code) {
    std::string out;
    append_canonical_character(out, code);
    return out;
  };
  EXPECT_EQ(spelled('"'), "\\\"");
  EXPECT_EQ(spelled('\\'), "\\\\");
  EXPECT_EQ(spelled('/'), "/");
  EXPECT_EQ(spelled(8) + spelled(9) + spelled(10) + spelled(12) + spelled(13), "\\b\\t\\n\\f\\r");
  EXPECT_EQ(spelled(0) + spelled(11) + spelled(0x1F), "\\u0000\\u000b\\u001f");
  EXPECT_EQ(spelled(0x7F), "\x7F");
  for (char32_t code : {0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF}) {
    EXPECT_TRUE(valid_utf8(spelled(code)));
    EXPECT_EQ(spelled(code).size(), utf8_length(code));
  }
  EXPECT_EQ(spelled(0x20AC), "€");
  EXPECT_EQ(spelled(0x1F600), "😀");
}

TEST(JsonText, ShowsOddTextsInOnePrintableLine) {
  EXPECT_EQ(shown("plain"), "plain");
  EXPECT_EQ(shown("a\nb\x7F\xC2\x85z"), "a?b??z");
  EXPECT_EQ(shown("\xFF\xFE"), "??");
  EXPECT_EQ(shown("grün"), "grün");
  EXPECT_EQ(shown(std::string(65, 'x')), std::string(64, 'x') + "...");
  EXPECT_EQ(shown(std::string(63, 'x') + "ü"), std::string(63, 'x') + "...");
}

}  // namespace
}  // namespace bulk
