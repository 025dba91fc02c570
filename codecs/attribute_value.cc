#include "codecs/attribute_value.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "codecs/decimal.h"
#include "codecs/item.h"
#include "codecs/json_check.h"
#include "codecs/json_text.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

constexpr std::array<std::string_view, 10> kTags = {"S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"};

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

std::vector<std::string> sorted_elements(const AttributeValue& set) {
  std::vector<std::string> texts;
  texts.reserve(set.elements.size());
  for (const AttributeValue& element : set.elements) texts.push_back(element_key(element));
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::vector<std::size_t> sorted_members(const AttributeValue& map) {
  std::vector<std::size_t> order(map.names.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return map.names[a] < map.names[b]; });
  return order;
}

bool same_members(const AttributeValue& a, const AttributeValue& b) {
  const auto a_order = sorted_members(a);
  const auto b_order = sorted_members(b);
  for (std::size_t i = 0; i < a_order.size(); ++i) {
    if (a.names[a_order[i]] != b.names[b_order[i]]) return false;
  }
  for (std::size_t i = 0; i < a_order.size(); ++i) {
    if (!same_value(a.elements[a_order[i]], b.elements[b_order[i]])) return false;
  }
  return true;
}

}  // namespace

AttributeValue AttributeValue::string(std::string text) {
  AttributeValue value;
  value.type = Type::s;
  value.text = std::move(text);
  return value;
}

AttributeValue AttributeValue::number(std::string text) {
  AttributeValue value;
  value.type = Type::n;
  value.text = std::move(text);
  return value;
}

const AttributeValue* AttributeValue::member(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? nullptr : &elements[static_cast<std::size_t>(found - names.begin())];
}

AttributeValue* AttributeValue::member(std::string_view name) {
  return const_cast<AttributeValue*>(std::as_const(*this).member(name));
}

std::string_view tag_of(AttributeValue::Type type) {
  return kTags[static_cast<std::size_t>(type)];
}

AttributeValue::Type type_of_text(std::string_view value) {
  const std::size_t open = value.find('"');
  if (open == std::string_view::npos) return Type::null;
  const std::string_view tag = value.substr(open + 1, value.find('"', open + 1) - open - 1);
  for (std::size_t i = 0; i < kTags.size(); ++i) {
    if (kTags[i] == tag) return static_cast<Type>(i);
  }
  AttributeValue parsed;  // the tag is spelled with escapes
  std::string problem;
  parse_value(value, parsed, problem);
  return parsed.type;
}

void append_value(std::string& out, const AttributeValue& value) {
  out += "{\"";
  out += tag_of(value.type);
  out += "\":";
  const char* separator = "";
  switch (value.type) {
    case Type::s:
    case Type::n:
    case Type::b:
      append_quoted(out, value.text);
      break;
    case Type::boolean:
      out += value.truth ? "true" : "false";
      break;
    case Type::null:
      out += "true";
      break;
    case Type::map:
      out += '{';
      for (std::size_t i = 0; i < value.names.size(); ++i) {
        out += separator;
        append_quoted(out, value.names[i]);
        out += ':';
        append_value(out, value.elements[i]);
        separator = ",";
      }
      out += '}';
      break;
    default:
      out += '[';
      for (const AttributeValue& element : value.elements) {
        out += separator;
        if (value.type == Type::list) {
          append_value(out, element);
        } else {
          append_quoted(out, element.text);
        }
        separator = ",";
      }
      out += ']';
  }
  out += '}';
}

void append_compact(std::string& out, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  bool in_string = false;
  bool non_ascii = false;
  while (at != end) {
    if (in_string) {
      const char* stop = find_string_stop(at, end, non_ascii);
      if (stop != end) {
        in_string = *stop != '"';
        stop += *stop == '\\' && end - stop > 1 ? 2 : 1;
      }
      out.append(at, stop);
      at = stop;
      continue;
    }
    if (!is_json_space(*at)) out += *at;
    in_string = *at++ == '"';
  }
}

std::string element_key(const AttributeValue& element) {
  return element.type == Type::n ? canonical_number(element.text) : element.text;
}

bool same_value(const AttributeValue& a, const AttributeValue& b) {
  if (a.type != b.type) return false;
  switch (a.type) {
    case Type::s:
    case Type::b:
      return a.text == b.text;
    case Type::n:
      return a.text == b.text || compare_numbers(a.text, b.text) == 0;
    case Type::boolean:
      return a.truth == b.truth;
    case Type::null:
      return true;
    case Type::list:
      return std::equal(a.elements.begin(), a.elements.end(), b.elements.begin(), b.elements.end(), same_value);
    case Type::map:
      return a.names.size() == b.names.size() && same_members(a, b);
    default:
      return a.elements.size() == b.elements.size() && sorted_elements(a) == sorted_elements(b);
  }
}

bool same_value_text(std::string_view a, std::string_view b) {
  if (a == b) return true;
  AttributeValue a_value;
  AttributeValue b_value;
  std::string problem;
  return parse_value(a, a_value, problem) && parse_value(b, b_value, problem) && same_value(a_value, b_value);
}

int depth_of(const AttributeValue& value) {
  if (value.type != Type::list && value.type != Type::map) return 0;
  int deepest = 0;
  for (const AttributeValue& element : value.elements) deepest = std::max(deepest, depth_of(element));
  return deepest + 1;
}

std::string decoded_binary(std::string_view base64) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static constexpr auto kValues = [] {
    std::array<std::uint8_t, 256> values{};
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
      values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
  }();
  std::string bytes;
  bytes.reserve(base64.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : base64) {
    if (c == '=') break;
    bits = bits << 6 | kValues[static_cast<unsigned char>(c)];
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  return bytes;
}

}  // namespace bulk
