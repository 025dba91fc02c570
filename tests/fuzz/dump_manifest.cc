// The manifest of a folder: what was accepted comes back the same through the encoder, adds up, and names no file
// outside of the folder.
#include "codecs/dump_manifest.h"

#include <algorithm>

#include "codecs/json_check.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  DumpManifest manifest;
  if (!fuzz::accepted({ErrorKind::corrupt, ErrorKind::usage}, [&] { manifest = decode_manifest(text); })) return 0;
  HOLDS(manifest.header.schema_json.empty() || check_json(manifest.header.schema_json).text.empty());
  std::uint64_t records = 0;
  for (const ManifestPart& part : manifest.parts) {
    HOLDS(!part.name.empty() && part.name != "." && part.name != ".." && part.name.size() <= 255);
    HOLDS(part.name.find('/') == std::string::npos && part.name.find('\0') == std::string::npos);
    HOLDS(part.fingerprint.size() == 64);
    records += part.records;
  }
  HOLDS(records == manifest.records);

  DumpManifest again = decode_manifest(encode_manifest(manifest));
  HOLDS(again.header.schema_json == manifest.header.schema_json && again.parts.size() == manifest.parts.size());
  HOLDS(again.records == manifest.records && again.raw_bytes == manifest.raw_bytes && again.digest == manifest.digest);
  // Of a number of hundreds of digits, which no selection has, the last ones may differ from copy to copy.
  HOLDS(again.header.selection_json.empty() == manifest.header.selection_json.empty());
  again.header.selection_json.clear();
  manifest.header.selection_json.clear();
  HOLDS(encode_manifest(again) == encode_manifest(manifest));

  // Any text can be a table's name.
  std::vector<std::string> tables;
  for (std::string_view rest = text.substr(0, 4096); !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find('"'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    tables.emplace_back(name);
  }
  const std::vector<std::string> names = part_names(tables);
  HOLDS(names.size() == tables.size());
  for (const std::string& name : names) {
    HOLDS(name.size() <= 200 && name.find('/') == std::string::npos && name.front() != '.');
    HOLDS(std::count(names.begin(), names.end(), name) == 1);
  }
  return 0;
}
