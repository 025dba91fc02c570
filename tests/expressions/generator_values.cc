// The values and items that expressions are made for.
#include <vector>

#include "codecs/json_check.h"
#include "tests/expressions/generator.h"

namespace bulk::test {

std::string ExpressionGenerator::one_of(std::initializer_list<std::string_view> texts) {
  return std::string(*(texts.begin() + below(texts.size())));
}

std::string ExpressionGenerator::set_of(char element_type) {
  std::vector<std::string_view> elements;
  if (element_type == 'S') elements = {"\"a\"", "\"ab\"", "\"b\"", "\"\xC3\xA9\""};
  if (element_type == 'N') elements = {"\"1\"", "\"2\"", "\"10\"", "\"-1.5\""};
  if (element_type == 'B') elements = {"\"YQ==\"", "\"YWI=\"", "\"Yg==\"", "\"/w==\""};
  std::string text;
  // Each order of each subset.
  for (std::size_t left = elements.size(); left > 0; --left) {
    const std::size_t i = below(elements.size());
    if (text.empty() || once_in(2)) text += (text.empty() ? "" : ",") + std::string(elements[i]);
    elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return std::string("{\"") + element_type + "S\":[" + text + "]}";
}

std::string ExpressionGenerator::map_value(int depth) {
  std::string text;
  for (const std::string_view member : {"x", "y", "z"}) {
    if (once_in(3)) continue;
    text += (text.empty() ? "" : ",") + json_quoted(member) + ":" + any_value(depth + 1);
  }
  return "{\"M\":{" + text + "}}";
}

std::string ExpressionGenerator::value(char type, int depth) {
  switch (type) {
    case 'S':
      return "{\"S\":\"" + std::string(without_empty_ ? "s" : "") +
             one_of({"", "a", "ab", "abc", "b", "B", "\xC3\xA9", "a\\\"b", "abcabc"}) + "\"}";
    case 'N':
      return "{\"N\":\"" +
             one_of({"0", "1", "2", "3", "-1", "-1.5", "10", "1.5", "0.001", "100", "12345678901234567890",
                     "99999999999999999999999999999999999999"}) +
             "\"}";
    case 'B':
      return "{\"B\":\"" + one_of({"YQ==", "YWI=", "YWJj", "/w==", "AAE=", "fw=="}) + "\"}";
    case 'T':
      return "{\"BOOL\":" + one_of({"true", without_empty_ ? "true" : "false"}) + "}";
    case 'U':
      return "{\"NULL\":true}";
    case 's':
      return set_of('S');
    case 'n':
      return set_of('N');
    case 'b':
      return set_of('B');
    case 'L': {
      std::string text;
      for (std::size_t more = below(4); more > 0; --more) text += (text.empty() ? "" : ",") + any_value(depth + 1);
      return "{\"L\":[" + text + "]}";
    }
    case 'M':
      return map_value(depth);
    default:
      return any_value(depth);
  }
}

std::string ExpressionGenerator::any_value(int depth) {
  return value(kGeneratedTypes[below(depth < 2 ? kGeneratedTypes.size() : 5)], depth);
}

std::string ExpressionGenerator::item(const std::string& key) {
  std::string text = "{\"pk\":{\"S\":" + json_quoted(key) + "}";
  for (const GeneratedAttribute& attribute : kGeneratedAttributes) {
    if (once_in(4)) continue;
    text += "," + json_quoted(attribute.name) + ":" + value(attribute.type, 0);
  }
  return text + "}";
}

}  // namespace bulk::test
