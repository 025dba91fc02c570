#include "codecs/reserved_words.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

TEST(ReservedWords, AreKnownInAnyCase) {
  for (const char* word : {"ABORT", "abort", "Name", "status", "LOCALTIMESTAMP", "size", "TTL", "zone", "flattern"}) {
    EXPECT_TRUE(is_reserved_word(word)) << word;
  }
  for (const char* word :
       {"", "id", "address", "pk", "zonex", "localtimestamps", "flatten", "_name", "n\xC3\xA4me", "AND ANY", " AND"}) {
    EXPECT_FALSE(is_reserved_word(word)) << word;
  }
}

}  // namespace
}  // namespace bulk
