// One metadata object of a dump (header, footer, manifest; docs/format.md), its members asked by name and type, and the
// members that header and manifest have in common. The text is hostile input: it is checked before it is made a tree,
// which bounds its nesting. Pure.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "codecs/digest.h"
#include "codecs/dump_part.h"

namespace bulk {

class Metadata {
 public:
  // `kind` is the value of the first member, "bulk", and stands in all errors: "dump KIND: ...". It outlives this.
  // Throws Error(corrupt); Error(usage) for a format version that is not known.
  Metadata(const char* kind, std::string_view json);

  const rapidjson::Value& root() const { return document_; }

  [[noreturn]] void corrupt(const std::string& what) const;
  [[noreturn]] void wrong_type(const char* name, const char* wanted) const;

  // Null when there is no such member.
  static const rapidjson::Value* find(const rapidjson::Value& object, const char* name);
  // Error(corrupt) when there is none, or one of another type.
  const rapidjson::Value& need(const rapidjson::Value& object, const char* name) const;
  std::uint64_t number(const rapidjson::Value& object, const char* name) const;
  bool boolean(const rapidjson::Value& object, const char* name) const;
  Digest digest(const rapidjson::Value& object, const char* name) const;
  // Empty when there is none.
  std::string text(const rapidjson::Value& object, const char* name, bool required = false) const;
  // The text of an object, compact; empty when there is none.
  std::string object(const rapidjson::Value& object, const char* name) const;

 private:
  const char* kind_;
  rapidjson::Document document_;
};

using MetadataWriter = rapidjson::Writer<rapidjson::StringBuffer>;

void write_text(MetadataWriter& writer, const char* name, std::string_view text);
// Begins the object, with "bulk" and "format".
void write_begin(MetadataWriter& writer, const char* kind);
// From "tool" to "selection".
void write_origin(MetadataWriter& writer, const DumpHeader& header);
DumpHeader read_origin(const Metadata& metadata);

}  // namespace bulk
