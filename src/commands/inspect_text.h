// What `bulk inspect` says of any dump, a file or a folder: as lines for people and as members of a JSON object. Pure,
// but summarise().
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>

#include "codecs/dump_part.h"
#include "codecs/row_schema.h"
#include "src/app_context.h"

namespace bulk {

struct InspectedDump {
  const std::string& path;
  const DumpHeader& header;
  const DumpFooter& footer;  // of a folder what its manifest says
  std::uint64_t stored_bytes;
  const char* kind = "Table";  // of what `header.table` names
};

// "  Label:    value", or nothing where there is no value.
void add_line(std::string& text, const char* label, const std::string& value);
std::string dump_text(const InspectedDump& dump);
// Begins an object and leaves it open.
void begin_dump_json(rapidjson::Writer<rapidjson::StringBuffer>& json, const InspectedDump& dump);
void summarise(AppContext& context, const InspectedDump& dump);

// Indented by two, a line for each member.
std::string pretty_json(const std::string& text);
// Name, key and columns.
std::string table_text(const RowTable& table);

// The whole command, for a folder.
void inspect_folder(AppContext& context, const std::string& path);

}  // namespace bulk
