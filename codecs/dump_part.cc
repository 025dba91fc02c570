#include "codecs/dump_part.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstring>

#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "codecs/little_endian.h"
#include "io/error.h"

namespace bulk {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::size_t kFrameHeaderBytes = 8;  // magic and size of a skippable frame

void write_text(Writer& writer, const char* name, std::string_view text) {
  writer.Key(name);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_known(Writer& writer, const char* name, std::string_view text) {
  if (!text.empty()) write_text(writer, name, text);
}

void write_begin(Writer& writer, const char* kind) {
  writer.StartObject();
  write_text(writer, "bulk", kind);
  writer.Key("format");
  writer.Int(kFormatVersion);
}

std::string skippable_frame(std::uint32_t magic, std::string_view payload) {
  if (payload.size() > kMaxMetadataBytes) {
    throw Error(ErrorKind::failed, "the dump's metadata of " + std::to_string(payload.size()) + " bytes is too big");
  }
  std::string frame;
  frame.reserve(kFrameHeaderBytes + payload.size());
  append_u32(frame, magic);
  append_u32(frame, static_cast<std::uint32_t>(payload.size()));
  frame += payload;
  return frame;
}

std::string_view view(const rapidjson::StringBuffer& buffer) {
  return {buffer.GetString(), buffer.GetSize()};
}

// One metadata object: its members by name and type. Errors begin with `kind`.
class Metadata {
 public:
  Metadata(const char* kind, std::string_view json) : kind_(kind) {
    if (json.size() > kMaxMetadataBytes) corrupt("it is bigger than 64 MiB");
    // Bounds the nesting too, so that the recursive writer below is safe.
    if (const JsonProblem problem = check_json(json); !problem.text.empty()) {
      corrupt(problem.text + " at byte " + std::to_string(problem.offset));
    }
    document_.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
    if (document_.HasParseError()) corrupt("its JSON is damaged at byte " + std::to_string(document_.GetErrorOffset()));
    const bool is_ours = document_.IsObject() && !document_.ObjectEmpty() && document_.MemberBegin()->name == "bulk" &&
                         document_.MemberBegin()->value.IsString() && document_.MemberBegin()->value == kind;
    if (!is_ours) corrupt(std::string("its first member is not \"bulk\":\"") + kind + "\"");
    const std::uint64_t format = number(document_, "format");
    if (format != kFormatVersion) {
      throw Error(ErrorKind::usage, "the dump has format " + std::to_string(format) + ", this program reads format 1",
                  "use a newer version of bulk");
    }
  }

  const rapidjson::Value& root() const { return document_; }

  [[noreturn]] void corrupt(const std::string& what) const {
    throw Error(ErrorKind::corrupt, std::string("dump ") + kind_ + ": " + what);
  }

  // Null when there is no such member.
  const rapidjson::Value* find(const rapidjson::Value& object, const char* name) const {
    const auto member = object.FindMember(name);
    return member == object.MemberEnd() ? nullptr : &member->value;
  }

  const rapidjson::Value& need(const rapidjson::Value& object, const char* name) const {
    const rapidjson::Value* value = find(object, name);
    if (value == nullptr) corrupt(std::string("member '") + name + "' is missing");
    return *value;
  }

  std::string text(const rapidjson::Value& object, const char* name, bool required = false) const {
    const rapidjson::Value* value = required ? &need(object, name) : find(object, name);
    if (value == nullptr) return {};
    if (!value->IsString()) wrong_type(name, "a string");
    return {value->GetString(), value->GetStringLength()};
  }

  std::uint64_t number(const rapidjson::Value& object, const char* name) const {
    const rapidjson::Value& value = need(object, name);
    if (!value.IsUint64()) wrong_type(name, "a whole number");
    return value.GetUint64();
  }

  bool boolean(const rapidjson::Value& object, const char* name) const {
    const rapidjson::Value& value = need(object, name);
    if (!value.IsBool()) wrong_type(name, "true or false");
    return value.GetBool();
  }

  Digest digest(const rapidjson::Value& object, const char* name) const {
    Digest digest;
    if (!Digest::parse(text(object, name, true), digest)) wrong_type(name, "a digest of 32 hex digits");
    return digest;
  }

  // The text of an object, or nothing when there is none.
  std::string object(const rapidjson::Value& object, const char* name) const {
    const rapidjson::Value* value = find(object, name);
    if (value == nullptr) return {};
    if (!value->IsObject()) wrong_type(name, "an object");
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    value->Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
  }

  [[noreturn]] void wrong_type(const char* name, const char* wanted) const {
    corrupt(std::string("member '") + name + "' is not " + wanted);
  }

 private:
  const char* kind_;
  rapidjson::Document document_;
};

}  // namespace

std::string encode_header(const DumpHeader& header) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  write_begin(writer, "header");
  write_text(writer, "tool", header.tool);
  write_text(writer, "dialect", header.dialect);
  write_text(writer, "started", header.started);
  write_text(writer, "source", header.source);
  write_known(writer, "stage", header.stage);
  if (!header.distinct_keys) {
    writer.Key("distinct_keys");
    writer.Bool(false);
  }
  writer.Key("table");
  writer.StartObject();
  write_known(writer, "name", header.table.name);
  write_known(writer, "id", header.table.id);
  write_known(writer, "created", header.table.created);
  write_known(writer, "arn", header.table.arn);
  writer.EndObject();
  if (!header.schema_json.empty()) {
    writer.Key("schema");
    writer.RawValue(header.schema_json.data(), header.schema_json.size(), rapidjson::kObjectType);
  }
  if (!header.selection_json.empty()) {
    writer.Key("selection");
    writer.RawValue(header.selection_json.data(), header.selection_json.size(), rapidjson::kObjectType);
  }
  writer.EndObject();
  return skippable_frame(kHeaderMagic, view(buffer));
}

std::string encode_footer(const DumpFooter& footer) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  write_begin(writer, "footer");
  write_text(writer, "ended", footer.ended);
  writer.Key("records");
  writer.Uint64(footer.records);
  writer.Key("raw_bytes");
  writer.Uint64(footer.raw_bytes);
  writer.Key("frames");
  writer.Uint64(footer.frame_hashes.size());
  write_text(writer, "digest", footer.digest.hex());
  writer.Key("consistent");
  writer.Bool(footer.consistent);
  writer.Key("segments");
  writer.StartArray();
  for (const auto& [segment, totals] : footer.segments) {
    writer.StartObject();
    writer.Key("segment");
    writer.Uint(segment);
    writer.Key("records");
    writer.Uint64(totals.records);
    write_text(writer, "digest", totals.digest.hex());
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();

  std::string payload;
  payload.reserve(4 + buffer.GetSize() + footer.frame_hashes.size() * sizeof(Sha256));
  append_u32(payload, static_cast<std::uint32_t>(buffer.GetSize()));
  payload += view(buffer);
  for (const Sha256& hash : footer.frame_hashes)
    payload.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  return skippable_frame(kFooterMagic, payload);
}

bool skippable_payload_size(std::string_view bytes, std::uint32_t magic, std::uint64_t& frame_bytes) {
  if (bytes.size() < kFrameHeaderBytes || read_u32(bytes.data()) != magic) return false;
  frame_bytes = kFrameHeaderBytes + std::uint64_t{read_u32(bytes.data() + 4)};
  return true;
}

DumpHeader decode_header(std::string_view payload) {
  const Metadata metadata("header", payload);
  const rapidjson::Value& root = metadata.root();
  DumpHeader header;
  header.tool = metadata.text(root, "tool");
  header.dialect = metadata.text(root, "dialect", true);
  header.started = metadata.text(root, "started");
  header.source = metadata.text(root, "source");
  header.stage = metadata.text(root, "stage");
  if (metadata.find(root, "distinct_keys") != nullptr) header.distinct_keys = metadata.boolean(root, "distinct_keys");
  if (const rapidjson::Value* table = metadata.find(root, "table"); table != nullptr) {
    if (!table->IsObject()) metadata.wrong_type("table", "an object");
    header.table.name = metadata.text(*table, "name");
    header.table.id = metadata.text(*table, "id");
    header.table.created = metadata.text(*table, "created");
    header.table.arn = metadata.text(*table, "arn");
  }
  header.schema_json = metadata.object(root, "schema");
  header.selection_json = metadata.object(root, "selection");
  return header;
}

DumpFooter decode_footer(std::string_view payload) {
  const auto cut_short = [] { throw Error(ErrorKind::corrupt, "dump footer: it is cut short"); };
  if (payload.size() < 4) cut_short();
  const std::size_t json_bytes = read_u32(payload.data());
  if (json_bytes > payload.size() - 4) cut_short();
  const Metadata metadata("footer", payload.substr(4, json_bytes));
  const rapidjson::Value& root = metadata.root();
  DumpFooter footer;
  footer.ended = metadata.text(root, "ended");
  footer.records = metadata.number(root, "records");
  footer.raw_bytes = metadata.number(root, "raw_bytes");
  footer.digest = metadata.digest(root, "digest");
  footer.consistent = metadata.boolean(root, "consistent");

  const std::string_view hashes = payload.substr(4 + json_bytes);
  const std::uint64_t frames = metadata.number(root, "frames");
  if (hashes.size() % sizeof(Sha256) != 0 || hashes.size() / sizeof(Sha256) != frames) {
    metadata.corrupt("it names " + std::to_string(frames) + " frames but holds " + std::to_string(hashes.size()) +
                     " bytes of SHA-256 values");
  }
  footer.frame_hashes.resize(frames);
  for (std::size_t i = 0; i < frames; ++i) {
    std::memcpy(footer.frame_hashes[i].data(), hashes.data() + i * sizeof(Sha256), sizeof(Sha256));
  }

  const rapidjson::Value* segments = metadata.find(root, "segments");
  if (segments == nullptr) return footer;
  if (!segments->IsArray()) metadata.wrong_type("segments", "an array");
  SegmentTotals sum;
  for (const rapidjson::Value& entry : segments->GetArray()) {
    if (!entry.IsObject()) metadata.wrong_type("segments", "an array of objects");
    const std::uint64_t segment = metadata.number(entry, "segment");
    if (segment > UINT32_MAX) metadata.wrong_type("segment", "a segment number");
    const SegmentTotals totals{metadata.number(entry, "records"), metadata.digest(entry, "digest")};
    if (!footer.segments.emplace(static_cast<std::uint32_t>(segment), totals).second) {
      metadata.corrupt("segment " + std::to_string(segment) + " stands twice");
    }
    sum.records += totals.records;
    sum.digest += totals.digest;
  }
  if (!footer.segments.empty() && (sum.records != footer.records || sum.digest != footer.digest)) {
    metadata.corrupt("its segments do not add up to the whole");
  }
  return footer;
}

}  // namespace bulk
