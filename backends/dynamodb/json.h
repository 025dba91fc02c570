// Reading replies of a service that is not trusted: a RapidJSON document is made only of text that check_json() has
// passed (so its depth is bounded and recursion over it is safe), and members are looked up without assuming that they
// are there or of the right type.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>
#include <string_view>

#include "codecs/json_check.h"

namespace bulk {

// False: `problem` says why the text is not one JSON object.
inline bool parse_json_object(std::string_view text, rapidjson::Document& document, std::string& problem) {
  if (const JsonProblem found = check_json(text); !found.text.empty()) {
    problem = found.text + " at byte " + std::to_string(found.offset);
    return false;
  }
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) {
    problem = "not a JSON object";
    return false;
  }
  return true;
}

// The member, or null where `value` is no object or has none of that name.
inline const rapidjson::Value* json_member(const rapidjson::Value* value, std::string_view name) {
  if (value == nullptr || !value->IsObject()) return nullptr;
  const auto found = value->FindMember(
      rapidjson::Value(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))));
  return found == value->MemberEnd() ? nullptr : &found->value;
}

inline std::string_view json_text(const rapidjson::Value* value) {
  if (value == nullptr || !value->IsString()) return {};
  return {value->GetString(), value->GetStringLength()};
}
inline std::string_view json_text(const rapidjson::Value* value, std::string_view name) {
  return json_text(json_member(value, name));
}

inline double json_number(const rapidjson::Value* value, std::string_view name) {
  const rapidjson::Value* number = json_member(value, name);
  return number != nullptr && number->IsNumber() ? number->GetDouble() : 0;
}

// True only for the literal true.
inline bool json_flag(const rapidjson::Value* value, std::string_view name) {
  const rapidjson::Value* flag = json_member(value, name);
  return flag != nullptr && flag->IsTrue();
}

inline std::string json_write(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace bulk
