// The metadata frames of a dump part (docs/format.md): header and footer as values, to bytes and back. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/digest.h"
#include "codecs/zstd_frame.h"

namespace bulk {

inline constexpr std::uint32_t kHeaderMagic = 0x184D2A5B;
inline constexpr std::uint32_t kFooterMagic = 0x184D2A5C;
inline constexpr int kFormatVersion = 1;
inline constexpr std::size_t kMaxMetadataBytes = 64u << 20;

struct TableIdentity {
  std::string name, id, created, arn;  // empty: the source has none
};

struct DumpHeader {
  std::string tool, dialect, started, source, stage;
  bool distinct_keys = true;  // false: made from a foreign file; a key may stand twice, the last one counts
  TableIdentity table;
  std::string schema_json;     // compact JSON object, or empty
  std::string selection_json;  // the same: what was left out or changed on the way; empty: nothing
};

struct SegmentTotals {
  std::uint64_t records = 0;
  Digest digest;
};

struct DumpFooter {
  std::string ended;
  std::uint64_t records = 0;
  std::uint64_t raw_bytes = 0;
  Digest digest;
  bool consistent = false;
  std::map<std::uint32_t, SegmentTotals> segments;
  std::vector<Sha256> frame_hashes;
};

// Whole skippable frames.
std::string encode_header(const DumpHeader& header);
std::string encode_footer(const DumpFooter& footer);

// The payload of a skippable frame whose magic is `magic`; false when `bytes` does not begin with such a frame.
// `frame_bytes` is set to the whole frame's length, which may exceed what `bytes` holds.
bool skippable_payload_size(std::string_view bytes, std::uint32_t magic, std::uint64_t& frame_bytes);

// From the payload. Throws Error(corrupt) with what is wrong; Error(usage) for a format version that is not known.
DumpHeader decode_header(std::string_view payload);
DumpFooter decode_footer(std::string_view payload);

}  // namespace bulk
