#include "codecs/digest.h"

#include <gtest/gtest.h>

#include <random>

namespace bulk {
namespace {

TEST(Digest, IsWrittenMostSignificantDigitFirst) {
  EXPECT_EQ((Digest{.low = 0x0123456789abcdef, .high = 0xfedcba9876543210}).hex(), "fedcba98765432100123456789abcdef");
  EXPECT_EQ(Digest{}.hex(), std::string(32, '0'));
}

TEST(Digest, ReadsOnlyWhatItWrites) {
  Digest digest;
  ASSERT_TRUE(Digest::parse("fedcba98765432100123456789abcdef", digest));
  EXPECT_EQ(digest, (Digest{.low = 0x0123456789abcdef, .high = 0xfedcba9876543210}));
  EXPECT_FALSE(Digest::parse("", digest));
  EXPECT_FALSE(Digest::parse("fedcba98765432100123456789abcde", digest));
  EXPECT_FALSE(Digest::parse("fedcba98765432100123456789abcdef0", digest));
  EXPECT_FALSE(Digest::parse("FEDCBA98765432100123456789ABCDEF", digest));
  EXPECT_FALSE(Digest::parse("fedcba9876543210 123456789abcdef", digest));
}

TEST(Digest, SumsCarryIntoTheHighHalfAndWrapAround) {
  Digest sum{.low = UINT64_MAX, .high = 1};
  sum += Digest{.low = 1, .high = 0};
  EXPECT_EQ(sum, (Digest{.low = 0, .high = 2}));
  sum -= Digest{.low = 1, .high = 2};
  EXPECT_EQ(sum, (Digest{.low = UINT64_MAX, .high = UINT64_MAX}));
  sum += Digest{.low = 1, .high = 0};
  EXPECT_EQ(sum, Digest{});
}

TEST(Digest, SubtractingUndoesAddingInAnyOrder) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 1000; ++round) {
    const Digest a{random(), random()};
    const Digest b{random(), random()};
    Digest one = a;
    Digest other = b;
    one += b;
    other += a;
    EXPECT_EQ(one, other);
    one -= a;
    EXPECT_EQ(one, b);
  }
}

// The published value of XXH3_128bits for no input, and this specification's choice of byte order for mix().
TEST(Digest, HashesAreThoseOfTheSpecification) {
  EXPECT_EQ(hash128("").hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(mix({.low = 0x0807060504030201, .high = 0x100f0e0d0c0b0a09}),
            hash128("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"));
}

}  // namespace
}  // namespace bulk
