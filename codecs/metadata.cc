#include "codecs/metadata.h"

#include "codecs/json_check.h"
#include "io/error.h"

namespace bulk {
namespace {

void write_known(MetadataWriter& writer, const char* name, std::string_view text) {
  if (!text.empty()) write_text(writer, name, text);
}

void write_object(MetadataWriter& writer, const char* name, std::string_view json) {
  if (json.empty()) return;
  writer.Key(name);
  writer.RawValue(json.data(), json.size(), rapidjson::kObjectType);
}

}  // namespace

Metadata::Metadata(const char* kind, std::string_view json) : kind_(kind) {
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

void Metadata::corrupt(const std::string& what) const {
  throw Error(ErrorKind::corrupt, std::string("dump ") + kind_ + ": " + what);
}

void Metadata::wrong_type(const char* name, const char* wanted) const {
  corrupt(std::string("member '") + name + "' is not " + wanted);
}

const rapidjson::Value* Metadata::find(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

const rapidjson::Value& Metadata::need(const rapidjson::Value& object, const char* name) const {
  const rapidjson::Value* value = find(object, name);
  if (value == nullptr) corrupt(std::string("member '") + name + "' is missing");
  return *value;
}

std::uint64_t Metadata::number(const rapidjson::Value& object, const char* name) const {
  const rapidjson::Value& value = need(object, name);
  if (!value.IsUint64()) wrong_type(name, "a whole number");
  return value.GetUint64();
}

bool Metadata::boolean(const rapidjson::Value& object, const char* name) const {
  const rapidjson::Value& value = need(object, name);
  if (!value.IsBool()) wrong_type(name, "true or false");
  return value.GetBool();
}

Digest Metadata::digest(const rapidjson::Value& object, const char* name) const {
  Digest digest;
  if (!Digest::parse(text(object, name, true), digest)) wrong_type(name, "a digest of 32 hex digits");
  return digest;
}

std::string Metadata::text(const rapidjson::Value& object, const char* name, bool required) const {
  const rapidjson::Value* value = required ? &need(object, name) : find(object, name);
  if (value == nullptr) return {};
  if (!value->IsString()) wrong_type(name, "a string");
  return {value->GetString(), value->GetStringLength()};
}

std::string Metadata::object(const rapidjson::Value& object, const char* name) const {
  const rapidjson::Value* value = find(object, name);
  if (value == nullptr) return {};
  if (!value->IsObject()) wrong_type(name, "an object");
  rapidjson::StringBuffer buffer;
  MetadataWriter writer(buffer);
  value->Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

void write_text(MetadataWriter& writer, const char* name, std::string_view text) {
  writer.Key(name);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_begin(MetadataWriter& writer, const char* kind) {
  writer.StartObject();
  write_text(writer, "bulk", kind);
  writer.Key("format");
  writer.Int(kFormatVersion);
}

void write_origin(MetadataWriter& writer, const DumpHeader& header) {
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
  write_object(writer, "schema", header.schema_json);
  write_object(writer, "selection", header.selection_json);
}

DumpHeader read_origin(const Metadata& metadata) {
  const rapidjson::Value& root = metadata.root();
  DumpHeader header;
  header.tool = metadata.text(root, "tool");
  header.dialect = metadata.text(root, "dialect", true);
  header.started = metadata.text(root, "started");
  header.source = metadata.text(root, "source");
  header.stage = metadata.text(root, "stage");
  if (Metadata::find(root, "distinct_keys") != nullptr) header.distinct_keys = metadata.boolean(root, "distinct_keys");
  if (const rapidjson::Value* table = Metadata::find(root, "table"); table != nullptr) {
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

}  // namespace bulk
