#include "codecs/base64.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

TEST(Base64, CountsDecodedBytes) {
  std::size_t bytes = 99;
  EXPECT_TRUE(is_canonical_base64("", bytes));
  EXPECT_EQ(bytes, 0u);
  EXPECT_TRUE(is_canonical_base64("AA==", bytes));
  EXPECT_EQ(bytes, 1u);
  EXPECT_TRUE(is_canonical_base64("AAA=", bytes));
  EXPECT_EQ(bytes, 2u);
  EXPECT_TRUE(is_canonical_base64("+/9z", bytes));
  EXPECT_EQ(bytes, 3u);
  EXPECT_TRUE(is_canonical_base64("dGhpcyB0ZXh0IGlzIGJhc2U2NC1lbmNvZGVk", bytes));
  EXPECT_EQ(bytes, 27u);
}

TEST(Base64, RefusesEveryOtherSpelling) {
  std::size_t bytes = 0;
  for (const char* text : {"A", "AA", "AAA", "AA=", "=", "====", "A===", "AAAA=", "AA==AA==", "AA=A",
                           "AB==", "AAB=", "A-_A", "AA A", "AA\nA", "AAA\x80", " AA=", "*AAA"}) {
    EXPECT_FALSE(is_canonical_base64(text, bytes)) << text;
  }
}

}  // namespace
}  // namespace bulk
