// hash128() of codecs/digest.h for innermost loops: compiled in (XXH_INLINE_ALL), because most inputs are attributes of
// 10 to 60 bytes, where a call costs as much as the hash. Same values.
#pragma once

#include <string_view>

#include "codecs/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace bulk {

inline Digest hash128_inline(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

}  // namespace bulk
