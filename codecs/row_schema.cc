#include "codecs/row_schema.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <set>
#include <unordered_set>

#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "io/error.h"

namespace bulk {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// In the order of RowKind.
constexpr std::array<std::string_view, 4> kKindNames = {"number", "boolean", "json", "text"};

void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_member(Writer& writer, const char* name, std::string_view text) {
  writer.Key(name);
  write_text(writer, text);
}

template <typename List, typename Write>
void write_array(Writer& writer, const char* name, const List& list, Write&& write) {
  writer.Key(name);
  writer.StartArray();
  for (const auto& element : list) write(element);
  writer.EndArray();
}

void write_table(Writer& writer, const RowTable& table) {
  writer.StartObject();
  write_member(writer, "schema", table.schema);
  write_member(writer, "name", table.name);
  write_array(writer, "columns", table.columns, [&](const RowColumn& column) {
    writer.StartObject();
    write_member(writer, "name", column.name);
    write_member(writer, "type", column.type);
    write_member(writer, "kind", kKindNames.at(static_cast<std::size_t>(column.kind)));
    writer.EndObject();
  });
  write_array(writer, "primary_key", table.primary_key, [&](const std::string& name) { write_text(writer, name); });
  writer.EndObject();
}

void write_sequence(Writer& writer, const RowSequence& sequence) {
  writer.StartObject();
  write_member(writer, "schema", sequence.schema);
  write_member(writer, "name", sequence.name);
  write_member(writer, "value", sequence.value);
  writer.Key("called");
  writer.Bool(sequence.called);
  if (!sequence.table.empty()) write_member(writer, "table", sequence.table);
  writer.EndObject();
}

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(ErrorKind::corrupt, "row schema: " + what);
}

// A value of the text and where it stands, for errors: "tables[2].columns[0]".
struct Place {
  const rapidjson::Value& value;
  std::string path;

  [[noreturn]] void wrong(const std::string& what) const { corrupt(path.empty() ? what : path + ": " + what); }

  const Place& object() const {
    if (!value.IsObject()) wrong("not an object");
    return *this;
  }
  const rapidjson::Value* find(const char* name) const {
    const auto member = value.FindMember(name);
    return member == value.MemberEnd() ? nullptr : &member->value;
  }
  Place member(const char* name) const {
    const rapidjson::Value* found = find(name);
    if (found == nullptr) wrong(std::string("member '") + name + "' is missing");
    return {*found, path.empty() ? name : path + "." + name};
  }

  // PostgreSQL's texts hold no NUL, and what is given to it as a C string would end there.
  std::string text() const {
    if (!value.IsString()) wrong("not a string");
    std::string text(value.GetString(), value.GetStringLength());
    if (text.find('\0') != std::string::npos) wrong("a NUL character");
    return text;
  }
  std::string name() const {
    std::string name = text();
    if (name.empty()) wrong("an empty name");
    return name;
  }
  std::string text_or_nothing(const char* name) const {
    return find(name) == nullptr ? std::string() : member(name).text();
  }

  template <typename Read>
  void each(const char* name, Read&& read) const {
    if (find(name) == nullptr) return;
    const Place list = member(name);
    if (!list.value.IsArray()) list.wrong("not an array");
    for (rapidjson::SizeType i = 0; i < list.value.Size(); ++i) {
      read(Place{list.value[i], list.path + "[" + std::to_string(i) + "]"});
    }
  }
};

RowKind read_kind(const Place& place) {
  const std::string name = place.text();
  const auto kind = std::find(kKindNames.begin(), kKindNames.end(), name);
  if (kind == kKindNames.end()) place.wrong("'" + shown(name) + "' is none of number, boolean, json and text");
  return static_cast<RowKind>(kind - kKindNames.begin());
}

RowTable read_table(const Place& place) {
  place.object();
  RowTable table;
  table.schema = place.member("schema").name();
  table.name = place.member("name").name();
  place.member("columns");
  std::unordered_set<std::string> names;
  place.each("columns", [&](const Place& entry) {
    entry.object();
    RowColumn& column = table.columns.emplace_back();
    column.name = entry.member("name").name();
    column.type = entry.member("type").text();
    column.kind = read_kind(entry.member("kind"));
    if (!names.insert(column.name).second) entry.wrong("column '" + shown(column.name) + "' stands twice");
  });
  place.each("primary_key", [&](const Place& entry) {
    table.primary_key.push_back(entry.name());
    // Taken out, so that a second time is noticed too.
    if (names.erase(table.primary_key.back()) == 0) {
      entry.wrong("'" + shown(table.primary_key.back()) + "' is no column of the table, or stands twice");
    }
  });
  return table;
}

RowSequence read_sequence(const Place& place) {
  place.object();
  RowSequence sequence;
  sequence.schema = place.member("schema").name();
  sequence.name = place.member("name").name();
  const Place value = place.member("value");
  sequence.value = value.text();
  std::int64_t number = 0;
  const char* const end = sequence.value.data() + sequence.value.size();
  const auto [stop, error] = std::from_chars(sequence.value.data(), end, number);
  if (error != std::errc() || stop != end) value.wrong("'" + shown(sequence.value) + "' is no 64-bit whole number");
  const Place called = place.member("called");
  if (!called.value.IsBool()) called.wrong("neither true nor false");
  sequence.called = called.value.GetBool();
  sequence.table = place.text_or_nothing("table");
  return sequence;
}

std::pair<std::string, std::string> read_name_pair(const Place& place) {
  if (!place.value.IsArray() || place.value.Size() != 2) place.wrong("not an array of a schema and a name");
  return {Place{place.value[0], place.path}.name(), Place{place.value[1], place.path}.name()};
}

// Two relations of one name would be taken for each other.
class Relations {
 public:
  void add(const Place& place, const std::string& schema, const std::string& name) {
    if (!names_.emplace(schema, name).second) place.wrong("'" + shown(schema + "." + name) + "' stands twice");
  }

 private:
  std::set<std::pair<std::string, std::string>> names_;
};

}  // namespace

std::string encode_row_schema(const RowSchema& schema) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  write_member(writer, "server", schema.server);
  write_member(writer, "database", schema.database);
  write_array(writer, "tables", schema.tables, [&](const RowTable& table) { write_table(writer, table); });
  if (!schema.pre_data.empty()) write_member(writer, "pre_data", schema.pre_data);
  if (!schema.post_data.empty()) write_member(writer, "post_data", schema.post_data);
  if (!schema.sequences.empty()) {
    write_array(writer, "sequences", schema.sequences,
                [&](const RowSequence& sequence) { write_sequence(writer, sequence); });
  }
  if (!schema.materialized_views.empty()) {
    write_array(writer, "materialized_views", schema.materialized_views, [&](const auto& view) {
      writer.StartArray();
      write_text(writer, view.first);
      write_text(writer, view.second);
      writer.EndArray();
    });
  }
  if (!schema.not_copied.empty()) {
    write_array(writer, "not_copied", schema.not_copied,
                [&](const std::string& phrase) { write_text(writer, phrase); });
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

RowSchema decode_row_schema(std::string_view json) {
  // Bounds the nesting and checks UTF-8; RapidJSON then only builds.
  if (const JsonProblem problem = check_json(json); !problem.text.empty()) {
    corrupt(problem.text + " at byte " + std::to_string(problem.offset));
  }
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError()) corrupt("its JSON is damaged at byte " + std::to_string(document.GetErrorOffset()));

  const Place root{document, ""};
  root.object();
  RowSchema schema;
  schema.server = root.text_or_nothing("server");
  schema.database = root.text_or_nothing("database");
  schema.pre_data = root.text_or_nothing("pre_data");
  schema.post_data = root.text_or_nothing("post_data");
  root.member("tables");
  Relations relations;
  root.each("tables", [&](const Place& place) {
    const RowTable& table = schema.tables.emplace_back(read_table(place));
    relations.add(place, table.schema, table.name);
  });
  root.each("sequences", [&](const Place& place) {
    const RowSequence& sequence = schema.sequences.emplace_back(read_sequence(place));
    relations.add(place, sequence.schema, sequence.name);
  });
  root.each("materialized_views", [&](const Place& place) {
    const auto& [view_schema, name] = schema.materialized_views.emplace_back(read_name_pair(place));
    relations.add(place, view_schema, name);
  });
  root.each("not_copied", [&](const Place& place) { schema.not_copied.push_back(place.text()); });
  return schema;
}

}  // namespace bulk
