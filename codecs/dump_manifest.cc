#include "codecs/dump_manifest.h"

#include <algorithm>
#include <array>
#include <set>

#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "codecs/metadata.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr std::string_view kExtension = ".jsonl.zst";
constexpr std::size_t kMostNameBytes = 200;  // of a part; the longest that file systems take is 255, with ".partial"
constexpr std::size_t kMostPartBytes = 64u << 10;  // of a part's description
constexpr std::size_t kFingerprintDigits = 64;

// What a manifest says beside `schema` and `parts`.
constexpr std::array<std::string_view, 14> kSmallMembers = {"bulk",    "format",    "tool",   "dialect",   "started",
                                                            "ended",   "source",    "stage",  "table",     "selection",
                                                            "records", "raw_bytes", "digest", "consistent"};

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(ErrorKind::corrupt, "dump manifest: " + what);
}

// Text that check_json() has accepted is taken apart here without a tree: that of a database of a hundred thousand
// tables would be many times as large as its manifest.

std::size_t behind_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_json_space(text[at])) ++at;
  return at;
}

std::size_t behind_string(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

std::size_t behind_value(std::string_view text, std::size_t at) {
  if (text[at] == '"') return behind_string(text, at);
  if (text[at] != '{' && text[at] != '[') return std::min(text.find_first_of(",]} \t\r\n", at), text.size());
  std::size_t depth = 0;
  while (true) {
    const char c = text[at];
    if (c == '"') {
      at = behind_string(text, at);
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
    if (depth == 0) return at;
  }
}

// Calls `each` with the name (as it is spelled; empty in a list) and the text of every element of an object or a list.
template <typename Each>
void for_each_element(std::string_view container, Each each) {
  const bool is_object = container.front() == '{';
  std::size_t at = behind_space(container, 1);
  while (container[at] != '}' && container[at] != ']') {
    std::string_view name;
    if (is_object) {
      const std::size_t end = behind_string(container, at);
      name = container.substr(at + 1, end - at - 2);
      at = behind_space(container, behind_space(container, end) + 1);
    }
    const std::size_t end = behind_value(container, at);
    each(name, container.substr(at, end - at));
    at = behind_space(container, end);
    if (container[at] == ',') at = behind_space(container, at + 1);
  }
}

// Without the white space between its tokens.
std::string compact(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  for (std::size_t at = 0; at < json.size();) {
    const std::size_t end = json[at] == '"' ? behind_string(json, at) : at + 1;
    if (!is_json_space(json[at])) text += json.substr(at, end - at);
    at = end;
  }
  return text;
}

bool is_plain_name(const std::string& name) {
  const auto illegal = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/' || c == '\\';
  };
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." && name != kManifestName &&
         std::none_of(name.begin(), name.end(), illegal);
}

bool is_fingerprint(const std::string& text) {
  const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == kFingerprintDigits && std::all_of(text.begin(), text.end(), digit);
}

ManifestPart read_part(const Metadata& metadata, std::string_view json) {
  if (json.front() != '{') metadata.corrupt("it is not an object");
  if (json.size() > kMostPartBytes) metadata.corrupt("it is larger than what can be said of a part");
  rapidjson::Document object;
  object.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
  if (object.HasParseError()) metadata.corrupt("its JSON is damaged");
  ManifestPart part;
  part.name = metadata.text(object, "name", true);
  if (!is_plain_name(part.name)) metadata.corrupt("its name '" + shown(part.name) + "' is no plain file name");
  const std::uint64_t table = metadata.number(object, "table");
  if (table > UINT32_MAX) metadata.wrong_type("table", "the position of a table");
  part.table = static_cast<std::uint32_t>(table);
  part.fingerprint = metadata.text(object, "fingerprint", true);
  if (!is_fingerprint(part.fingerprint)) metadata.wrong_type("fingerprint", "a SHA-256 of 64 hex digits");
  part.stored_bytes = metadata.number(object, "stored_bytes");
  part.records = metadata.number(object, "records");
  part.raw_bytes = metadata.number(object, "raw_bytes");
  part.digest = metadata.digest(object, "digest");
  return part;
}

void read_parts(const Metadata& metadata, std::string_view list, DumpManifest& manifest) {
  for_each_element(list, [&](std::string_view, std::string_view json) {
    try {
      manifest.parts.push_back(read_part(metadata, json));
    } catch (const Error& error) {
      throw error.in("part " + std::to_string(manifest.parts.size() + 1));
    }
  });
  std::set<std::string_view> names;
  DumpManifest sum;
  bool fits = true;
  for (const ManifestPart& part : manifest.parts) {
    if (!names.insert(part.name).second) metadata.corrupt("part '" + shown(part.name) + "' stands twice");
    fits = fits && !__builtin_add_overflow(sum.records, part.records, &sum.records) &&
           !__builtin_add_overflow(sum.raw_bytes, part.raw_bytes, &sum.raw_bytes);
    sum.digest += part.digest;
  }
  if (!fits || sum.records != manifest.records || sum.raw_bytes != manifest.raw_bytes || sum.digest != manifest.digest)
    metadata.corrupt("its parts do not add up to the whole");
}

// The stem of a part's name. Beside what some system cannot have in a file's name, nothing that begins with a point: it
// would be hidden.
std::string stem_of(const std::string& table) {
  std::string stem;
  for (const char c : table) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != 0x7F &&
                       std::string_view("/\\:*?\"<>|").find(c) == std::string_view::npos;
    stem += plain && !(c == '.' && stem.empty()) ? c : '_';
  }
  return stem.empty() ? "_" : stem;
}

// Not in the middle of a character.
void cut(std::string& text, std::size_t most_bytes) {
  if (text.size() <= most_bytes) return;
  while (most_bytes > 0 && (text[most_bytes] & 0xC0) == 0x80) --most_bytes;
  text.resize(most_bytes);
}

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

std::string encode_manifest(const DumpManifest& manifest) {
  rapidjson::StringBuffer buffer;
  MetadataWriter writer(buffer);
  const auto number = [&](const char* name, std::uint64_t value) {
    writer.Key(name);
    writer.Uint64(value);
  };
  write_begin(writer, "manifest");
  write_origin(writer, manifest.header);
  write_text(writer, "ended", manifest.ended);
  number("records", manifest.records);
  number("raw_bytes", manifest.raw_bytes);
  write_text(writer, "digest", manifest.digest.hex());
  writer.Key("consistent");
  writer.Bool(manifest.consistent);
  writer.Key("parts");
  writer.StartArray();
  for (const ManifestPart& part : manifest.parts) {
    writer.StartObject();
    write_text(writer, "name", part.name);
    number("table", part.table);
    write_text(writer, "fingerprint", part.fingerprint);
    number("stored_bytes", part.stored_bytes);
    number("records", part.records);
    number("raw_bytes", part.raw_bytes);
    write_text(writer, "digest", part.digest.hex());
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  if (buffer.GetSize() > kMaxManifestBytes) {
    throw Error(ErrorKind::failed, "the dump's manifest of " + std::to_string(buffer.GetSize()) + " bytes is too big",
                "back its tables up in groups, with --table");
  }
  return {buffer.GetString(), buffer.GetSize()};
}

DumpManifest decode_manifest(std::string_view json) {
  if (json.size() > kMaxManifestBytes) corrupt("it is bigger than 256 MiB");
  if (const JsonProblem problem = check_json(json); !problem.text.empty()) {
    corrupt(problem.text + " at byte " + std::to_string(problem.offset));
  }
  json.remove_prefix(behind_space(json, 0));
  if (json.front() != '{') corrupt("it is no object");

  std::string_view schema, parts;
  std::set<std::string_view> seen;
  std::string small;
  for_each_element(json, [&](std::string_view name, std::string_view value) {
    const bool is_small = std::find(kSmallMembers.begin(), kSmallMembers.end(), name) != kSmallMembers.end();
    if (seen.empty() && name != "bulk") corrupt("its first member is not \"bulk\":\"manifest\"");
    if (name == "schema") schema = value;
    if (name == "parts") parts = value;
    if (!is_small && name != "schema" && name != "parts") return;
    if (!seen.insert(name).second) corrupt("member '" + std::string(name) + "' stands twice");
    if (is_small) small.append(small.empty() ? "{\"" : ",\"").append(name).append("\":").append(value);
  });
  if (small.empty()) small = "{";
  const Metadata metadata("manifest", small + "}");
  const rapidjson::Value& root = metadata.root();

  DumpManifest manifest;
  manifest.header = read_origin(metadata);
  if (!schema.empty() && schema.front() != '{') metadata.wrong_type("schema", "an object");
  manifest.header.schema_json = compact(schema);
  manifest.ended = metadata.text(root, "ended");
  manifest.consistent = metadata.boolean(root, "consistent");
  manifest.records = metadata.number(root, "records");
  manifest.raw_bytes = metadata.number(root, "raw_bytes");
  manifest.digest = metadata.digest(root, "digest");
  if (parts.empty()) metadata.corrupt("member 'parts' is missing");
  if (parts.front() != '[') metadata.wrong_type("parts", "a list");
  read_parts(metadata, parts, manifest);
  return manifest;
}

std::vector<std::string> part_names(const std::vector<std::string>& tables) {
  std::vector<std::string> names;
  std::set<std::string> taken;  // in lower case
  for (const std::string& table : tables) {
    const std::string whole = stem_of(table);
    std::string name;
    for (unsigned number = 1; name.empty() || !taken.insert(lower_case(name)).second; ++number) {
      const std::string end = (number == 1 ? "" : "-" + std::to_string(number)) + std::string(kExtension);
      name = whole;
      cut(name, kMostNameBytes - end.size());
      name += end;
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace bulk
