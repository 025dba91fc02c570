// One attribute value as a tree of its own, for the few values that an expression looks into; whole items are never
// made into trees (codecs/item.h, codecs/item_view.h). Strings are decoded, numbers and base64 stay as they were
// spelled. Pure; values are ordinary objects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bulk {

struct AttributeValue {
  enum class Type : unsigned char { s, n, b, boolean, null, ss, ns, bs, list, map };

  Type type = Type::null;
  bool truth = true;                     // of a BOOL
  std::string text;                      // S: decoded UTF-8; N: as spelled; B: canonical base64
  std::vector<AttributeValue> elements;  // of a list or a map; of a set: values of type S, N or B
  std::vector<std::string> names;        // of a map: of its elements, decoded

  static AttributeValue string(std::string text);
  static AttributeValue number(std::string text);

  bool is_set() const { return type == Type::ss || type == Type::ns || type == Type::bs; }
  // Of a map: the element of that name; null when there is none.
  const AttributeValue* member(std::string_view name) const;
  AttributeValue* member(std::string_view name);
};

// Reads DynamoDB JSON, `{"S":"x"}` with white space around it or not, and accepts exactly what ItemScanner accepts as
// the value of an attribute: one type tag, numbers of 38 digits, canonical base64, sets not empty and without
// duplicates, names that differ, nesting of at most 32. False: `problem` says why.
bool parse_value(std::string_view text, AttributeValue& value, std::string& problem);

// The value as compact DynamoDB JSON: no white space, strings escaped only where JSON requires it, numbers as they were
// spelled.
void append_value(std::string& out, const AttributeValue& value);

// `text`, which is a legal value, without the white space between its tokens; else unchanged.
void append_compact(std::string& out, std::string_view text);

// "S", "NS", "BOOL" ...
std::string_view tag_of(AttributeValue::Type type);
// The type of a legal value's text without reading more of it.
AttributeValue::Type type_of_text(std::string_view value);

// Equal as DynamoDB's `=` has it: of one type; numbers by value, sets without order, maps without order, lists in
// order.
bool same_value(const AttributeValue& a, const AttributeValue& b);
// Of two texts of legal values; equal bytes are not parsed. A text that is not legal equals only itself.
bool same_value_text(std::string_view a, std::string_view b);

// Of an element of a set: what tells it from the others, equal for numbers of equal value.
std::string element_key(const AttributeValue& element);
// The bytes that canonical base64 stands for.
std::string decoded_binary(std::string_view base64);

// Levels of lists and maps in it: 0 of a scalar or a set.
int depth_of(const AttributeValue& value);

}  // namespace bulk
