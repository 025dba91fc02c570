#include "backends/dump/folder_progress.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>

#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "io/error.h"

namespace bulk {
namespace {

[[noreturn]] void corrupt(std::size_t entry, const std::string& what) {
  throw Error(ErrorKind::corrupt, "progress of the dump: entry " + std::to_string(entry) + ": " + what,
              "start afresh, without --resume");
}

std::string text_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> writer(text);
  value.Accept(writer);
  return {text.GetString(), text.GetSize()};
}

void add(std::size_t number, const std::string& entry, FolderProgress& whole) {
  // Checked first: it bounds the nesting, which the recursive writer needs.
  if (const JsonProblem problem = check_json(entry); !problem.text.empty()) {
    corrupt(number, problem.text + " at byte " + std::to_string(problem.offset));
  }
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(entry.data(), entry.size());
  if (document.HasParseError() || !document.IsObject()) corrupt(number, "it is no object");
  const rapidjson::Value& root = document;
  const auto tables = root.FindMember("tables");
  const bool has_tables = tables != root.MemberEnd();
  if (has_tables != (number == 1)) corrupt(number, has_tables ? "the tables again" : "member 'tables' is missing");
  if (has_tables && !tables->value.IsString()) corrupt(number, "member 'tables' is not a string");
  if (has_tables) whole.tables.assign(tables->value.GetString(), tables->value.GetStringLength());
  const auto parts = root.FindMember("parts");
  if (parts == root.MemberEnd() || !parts->value.IsObject()) corrupt(number, "member 'parts' is no object");
  for (const auto& part : parts->value.GetObject()) {
    const std::string_view name(part.name.GetString(), part.name.GetStringLength());
    std::uint32_t table = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), table);
    if (problem != std::errc() || end != name.data() + name.size() || name != std::to_string(table)) {
      corrupt(number, "'" + shown(name) + "' is no table's position");
    }
    if (!part.value.IsObject()) corrupt(number, "part " + std::to_string(table) + " is no object");
    whole.parts[table].push_back(text_of(part.value));
  }
}

}  // namespace

std::string encode_folder_progress(const std::string& tables, const std::map<std::uint32_t, std::string>& parts) {
  std::string text = "{";
  if (!tables.empty()) text += "\"tables\":" + json_quoted(tables) + ",";
  text += "\"parts\":{";
  bool first = true;
  for (const auto& [table, entry] : parts) {
    text += (first ? "\"" : ",\"") + std::to_string(table) + "\":" + entry;
    first = false;
  }
  return text + "}}";
}

FolderProgress join_folder_progress(std::span<const std::string> entries) {
  FolderProgress whole;
  for (std::size_t i = 0; i < entries.size(); ++i) add(i + 1, entries[i], whole);
  return whole;
}

}  // namespace bulk
