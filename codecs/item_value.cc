// Typed attribute values: the part of the walk that knows DynamoDB's types and their sizes.
#include "codecs/base64.h"
#include "codecs/item_walk.h"
#include "codecs/json_text.h"
#include "codecs/number.h"

namespace bulk {

bool ItemWalk::value(int depth, Type* type_out) {
  Type type = Type::unknown;
  // `{"T":` is how nearly every value begins.
  if (end_ - at_ > 5 && at_[0] == '{' && at_[1] == '"' && at_[3] == '"' && at_[4] == ':') {
    switch (at_[2]) {
      case 'S':
        type = Type::s;
        break;
      case 'N':
        type = Type::n;
        break;
      case 'M':
        type = Type::map;
        break;
      case 'L':
        type = Type::list;
        break;
      case 'B':
        type = Type::b;
        break;
      default:
        break;
    }
  }
  if (type != Type::unknown) {
    at_ += 5;
  } else if (!read_type(type)) {
    return false;
  }
  space();
  if (!content(type, depth)) return false;
  space();
  if (peek() == ',') {
    return fail(at_,
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
                "datatypes");
  }
  if (type_out != nullptr) *type_out = type;
  return expect('}');
}

bool ItemWalk::read_type(Type& type) {
  struct Tag {
    std::string_view name;
    Type type;
  };
  static constexpr Tag kTags[] = {{"S", Type::s},          {"N", Type::n},      {"B", Type::b},   {"M", Type::map},
                                  {"L", Type::list},       {"SS", Type::ss},    {"NS", Type::ns}, {"BS", Type::bs},
                                  {"BOOL", Type::boolean}, {"NULL", Type::null}};
  if (!expect('{')) return false;
  space();
  if (peek() == '}') {
    return fail(at_, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  }
  String name;
  if (!read_string(name)) return false;
  for (const Tag& tag : kTags) {
    if (tag.name == name.content) type = tag.type;
  }
  if (type == Type::unknown) return fail(name.raw, "unknown type '" + shown(name.content) + "'");
  space();
  return expect(':');
}

bool ItemWalk::content(Type type, int depth) {
  String string;
  switch (type) {
    case Type::s:
      if (!read_string(string)) return false;
      size_bytes_ += string.decoded_bytes;
      return true;
    case Type::n:
      return number(string);
    case Type::b:
      return binary(string);
    case Type::boolean:
      return literal(false);
    case Type::null:
      return literal(true);
    case Type::list:
      return list(depth);
    case Type::map:
      return map(depth);
    default:
      return set(type);
  }
}

bool ItemWalk::number(String& string) {
  if (!read_string(string)) return false;
  NumberShape shape;
  const NumberProblem problem = read_number(string.content, shape);
  if (problem != NumberProblem::none) return fail(string.raw, number_problem_text(problem, string.content));
  size_bytes_ += number_size(shape);
  if (shape.canonical) return true;
  number_.clear();
  append_canonical_number(number_, string.content, shape);
  output_.rewrite(string.position, string.raw_end, number_);
  string.repaired = true;
  string.content = output_.view(string.position, number_.size());
  return true;
}

bool ItemWalk::binary(String& string) {
  if (!read_string(string)) return false;
  std::size_t decoded_bytes = 0;
  if (!is_canonical_base64(string.content, decoded_bytes)) return fail(string.raw, "binary is not canonical base64");
  size_bytes_ += decoded_bytes;
  return true;
}

bool ItemWalk::literal(bool null_type) {
  const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
  ++size_bytes_;
  if (rest.starts_with("true")) {
    at_ += 4;
    return true;
  }
  if (null_type) return fail(at_, "NULL is not true");
  if (!rest.starts_with("false")) return fail_syntax("true or false");
  at_ += 5;
  return true;
}

bool ItemWalk::set(Type type) {
  if (!expect('[')) return false;
  space();
  if (peek() == ']') return fail(at_, "a set is empty");
  const std::size_t first = parts_.size();
  bool ascending = true;
  for (;;) {
    const std::size_t begin = output_.position(at_);
    String element;
    if (type == Type::ss) {
      if (!read_string(element)) return false;
      size_bytes_ += element.decoded_bytes;
    } else if (type == Type::ns ? !number(element) : !binary(element)) {
      return false;
    }
    add_part(first, element, begin, ascending);
    parts_.back().end = output_.position(at_);
    space();
    if (peek() != ',') break;
    ++at_;
    space();
  }
  if (peek() != ']') return fail_syntax("',' or ']'");
  if (!close_parts(first, ascending, true, "set element")) return false;
  ++at_;
  return true;
}

bool ItemWalk::list(int depth) {
  if (depth >= kMaxNesting) return fail(at_, "nested deeper than 32 levels");
  if (!expect('[')) return false;
  size_bytes_ += kContainerBytes;
  space();
  if (peek() == ']') {
    ++at_;
    return true;
  }
  for (;;) {
    size_bytes_ += kElementBytes;
    if (!value(depth + 1)) return false;
    space();
    if (peek() != ',') break;
    ++at_;
    space();
  }
  if (peek() != ']') return fail_syntax("',' or ']'");
  ++at_;
  return true;
}

bool ItemWalk::map(int depth) {
  if (depth >= kMaxNesting) return fail(at_, "nested deeper than 32 levels");
  if (!expect('{')) return false;
  size_bytes_ += kContainerBytes;
  space();
  if (peek() == '}') {
    ++at_;
    return true;
  }
  const std::size_t first = parts_.size();
  bool ascending = true;
  for (;;) {
    const std::size_t begin = output_.position(at_);
    size_bytes_ += kElementBytes;
    String name;
    if (!member_name(name)) return false;
    add_part(first, name, begin, ascending);
    if (!colon()) return false;
    const std::size_t part = parts_.size() - 1;
    if (!value(depth + 1)) return false;
    parts_[part].end = output_.position(at_);
    space();
    if (peek() != ',') break;
    ++at_;
    space();
  }
  if (peek() != '}') return fail_syntax("',' or '}'");
  if (!close_parts(first, ascending, true, "name")) return false;
  ++at_;
  return true;
}

bool ItemWalk::member_name(String& name) {
  if (!read_string(name)) return false;
  if (name.decoded_bytes == 0) return fail(name.raw, "an attribute name is empty");
  if (name.decoded_bytes > kMaxNameBytes) return fail(name.raw, "an attribute name is longer than 65,535 bytes");
  size_bytes_ += name.decoded_bytes;
  return true;
}

// `ascending` stays true while every name is behind the one before it; whatever cannot be told yet makes it false.
void ItemWalk::add_part(std::size_t first, const String& name, std::size_t begin, bool& ascending) {
  Part& part = parts_.emplace_back();
  part.name_length = name.content.size();
  part.name_offset = name.position;
  part.begin = begin;
  part.at = name.raw;
  if (name.repaired) {
    ascending = false;
    return;
  }
  part.name = name.raw;
  part.prefix = name_prefix(name.raw, part.name_length, end_);
  if (ascending && parts_.size() - first > 1) ascending = part_before(parts_[parts_.size() - 2], part);
}

bool ItemWalk::close_parts(std::size_t first, bool ascending, bool in_output, const char* what) {
  const std::size_t count = parts_.size() - first;
  if (!ascending && count > 1) {
    if (const Part* twin = output_.arrange(&parts_[first], count, in_output, at_); twin != nullptr) {
      return fail(twin->at, std::string(what) + " '" + shown(twin->name_view()) + "' stands twice");
    }
  }
  parts_.resize(first);
  return true;
}

}  // namespace bulk
