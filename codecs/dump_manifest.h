// The manifest of a dump of several parts (docs/format.md, "A dump of several parts"): as values, as JSON and back.
// Pure. The text is hostile input: part names that would lead out of the folder are refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/dump_part.h"

namespace bulk {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr std::size_t kMaxManifestBytes = 256u << 20;

struct ManifestPart {
  std::string name;  // of its file in the folder
  std::uint32_t table = 0;
  std::string fingerprint;  // 64 hex digits: PartFile::fingerprint()
  std::uint64_t stored_bytes = 0, records = 0, raw_bytes = 0;
  Digest digest;
};

struct DumpManifest {
  DumpHeader header;  // with the whole schema; distinct_keys is always true
  std::string ended;
  bool consistent = false;
  std::uint64_t records = 0, raw_bytes = 0;
  Digest digest;
  std::vector<ManifestPart> parts;
};

std::string encode_manifest(const DumpManifest& manifest);
// Throws Error(corrupt) with what is wrong: also when counts and digests do not add up, a name is no plain file name
// ("..", a slash, a control character) or stands twice. Error(usage) for a format version that is not known.
DumpManifest decode_manifest(std::string_view json);

// Names of part files for tables, in their order: "public.orders.jsonl.zst"; characters that a file name cannot hold on
// every system become '_', names are cut to 200 bytes, and names that would be equal (case apart) are told apart by a
// number.
std::vector<std::string> part_names(const std::vector<std::string>& tables);

}  // namespace bulk
