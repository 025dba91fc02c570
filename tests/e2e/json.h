// What a test reads out of JSON that the program printed: RapidJSON with short names, where a missing member is a test
// failure that names it instead of an abort.
#pragma once

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <stdexcept>
#include <string>

namespace bulk::test {

inline rapidjson::Document parse_json(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str(), text.size());
  if (document.HasParseError()) throw std::runtime_error("not JSON: " + text);
  return document;
}

// member(summary, "records", "read")
inline const rapidjson::Value& member(const rapidjson::Value& value, const std::string& name) {
  if (!value.IsObject() || !value.HasMember(name.c_str())) throw std::runtime_error("no member '" + name + "'");
  return value[name.c_str()];
}
inline const rapidjson::Value& member(const rapidjson::Value& value, const std::string& outer,
                                      const std::string& inner) {
  return member(member(value, outer), inner);
}

}  // namespace bulk::test
