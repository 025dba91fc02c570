#include "src/commands/inspect_text.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>

#include <algorithm>

#include "src/text.h"

namespace bulk {

void add_line(std::string& text, const char* label, const std::string& value) {
  if (!value.empty()) text += fmt::format("  {:<9} {}\n", std::string(label) + ":", printable(value));
}

std::string dump_text(const InspectedDump& dump) {
  const DumpHeader& header = dump.header;
  const DumpFooter& footer = dump.footer;
  std::string text = printable(dump.path) + "\n";
  const auto line = [&](const char* label, const std::string& value) { add_line(text, label, value); };
  line(dump.kind, header.table.name);
  line("ARN", header.table.arn);
  line("Table id", header.table.id);
  line("Created", header.table.created);
  line("Source", header.source);
  line("Stage", header.stage);
  line("Selection", header.selection_json);
  line("Started", header.started);
  line("Ended", footer.ended);
  line("Tool", header.tool);
  line("Dialect", header.dialect);
  line(header.dialect == kRowsDialect ? "Rows" : "Items", with_separators(footer.records));
  line("Size", fmt::format("{} ({} of JSON)", human_bytes(dump.stored_bytes), human_bytes(footer.raw_bytes)));
  line("Digest", footer.digest.hex());
  line("View", footer.consistent ? "of one point in time" : "not of one point in time");
  return text;
}

void begin_dump_json(rapidjson::Writer<rapidjson::StringBuffer>& json, const InspectedDump& dump) {
  const DumpHeader& header = dump.header;
  const auto text = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    json.Key(name);
    json.String(value);
  };
  const auto number = [&](const char* name, std::uint64_t value) {
    json.Key(name);
    json.Uint64(value);
  };
  const auto object = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    json.Key(name);
    json.RawValue(value.data(), value.size(), rapidjson::kObjectType);
  };
  json.StartObject();
  text("message_type", "dump");
  text("path", dump.path);
  text("tool", header.tool);
  text("dialect", header.dialect);
  text("started", header.started);
  text("ended", dump.footer.ended);
  text("source", header.source);
  text("stage", header.stage);
  json.Key("table");
  json.StartObject();
  text("name", header.table.name);
  text("id", header.table.id);
  text("created", header.table.created);
  text("arn", header.table.arn);
  json.EndObject();
  object("schema", header.schema_json);
  object("selection", header.selection_json);
  number("records", dump.footer.records);
  number("raw_bytes", dump.footer.raw_bytes);
  number("stored_bytes", dump.stored_bytes);
  text("digest", dump.footer.digest.hex());
  json.Key("consistent");
  json.Bool(dump.footer.consistent);
}

void summarise(AppContext& context, const InspectedDump& dump) {
  context.summary.table = dump.header.table.name;
  context.summary.read = dump.footer.records;
  context.summary.raw_bytes = dump.footer.raw_bytes;
  context.summary.stored_bytes = dump.stored_bytes;
  context.summary.digest = dump.footer.digest;
  context.summary.consistent = dump.footer.consistent;
}

std::string pretty_json(const std::string& text) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  rapidjson::Reader reader;
  rapidjson::StringStream stream(text.c_str());
  // Iterative: the depth of a hostile schema must not become the depth of the stack.
  if (!reader.Parse<rapidjson::kParseIterativeFlag>(stream, writer)) return "  " + printable(text) + "\n";
  std::string lines;
  std::string_view rest(buffer.GetString(), buffer.GetSize());
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    lines += "  " + printable(line) + "\n";
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return lines;
}

std::string table_text(const RowTable& table) {
  std::string key;
  for (const std::string& column : table.primary_key) key += (key.empty() ? "" : ", ") + column;
  std::string text = fmt::format("{} ({})\n", printable(table.full_name()),
                                 key.empty() ? "no primary key" : "primary key: " + printable(key));
  std::size_t width = 0;
  for (const RowColumn& column : table.columns) width = std::max(width, printable(column.name).size());
  for (const RowColumn& column : table.columns) {
    text += fmt::format("  {:<{}}  {}\n", printable(column.name), width, printable(column.type));
  }
  return text;
}

}  // namespace bulk
