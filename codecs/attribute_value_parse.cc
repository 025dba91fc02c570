// Reads DynamoDB JSON into an AttributeValue. Recursion goes as deep as lists and maps may nest.
#include <algorithm>

#include "codecs/attribute_value.h"
#include "codecs/base64.h"
#include "codecs/item_walk.h"
#include "codecs/json_string.h"
#include "codecs/json_text.h"
#include "codecs/number.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

class ValueReader {
 public:
  ValueReader(std::string_view text, std::string& problem)
      : at_(text.data()), end_(text.data() + text.size()), problem_(problem) {}

  bool read(AttributeValue& value) {
    space();
    if (!read_value(value, 0)) return false;
    space();
    return at_ == end_ || fail("something stands behind the value");
  }

 private:
  bool fail(std::string_view problem) {
    problem_ = problem;
    return false;
  }
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  void space() {
    while (at_ != end_ && is_json_space(*at_)) ++at_;
  }
  bool expect(char c) {
    if (peek() != c) return fail(std::string("expected '") + c + "'");
    ++at_;
    return true;
  }
  // `c` and the white space behind it, if that comes next.
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    space();
    return true;
  }

  bool read_string(std::string& out) {
    if (!expect('"')) return false;
    const char* const begin = at_;
    bool non_ascii = false;
    for (;;) {
      at_ = find_string_stop(at_, end_, non_ascii);
      if (at_ == end_) return fail("a string does not end");
      if (*at_ == '"') break;
      at_ += *at_ == '\\' && end_ - at_ > 1 ? 2 : 1;
    }
    out.clear();
    const char* const problem = decode_json_string({begin, static_cast<std::size_t>(at_ - begin)}, out);
    ++at_;
    return problem == nullptr || fail(problem);
  }

  bool read_tag(Type& type) {
    std::string tag;
    if (!read_string(tag)) return false;
    for (int i = 0; i <= static_cast<int>(Type::map); ++i) {
      type = static_cast<Type>(i);
      if (tag_of(type) == tag) return true;
    }
    return fail("unknown type '" + shown(tag) + "'");
  }

  bool read_value(AttributeValue& value, int depth) {
    if (!expect('{')) return false;
    space();
    if (peek() == '}') {
      return fail("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
    }
    if (!read_tag(value.type)) return false;
    space();
    if (!expect(':')) return false;
    space();
    if (!read_content(value, depth)) return false;
    space();
    if (peek() == ',') {
      return fail(
          "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
          "datatypes");
    }
    return expect('}');
  }

  bool read_content(AttributeValue& value, int depth) {
    switch (value.type) {
      case Type::s:
      case Type::n:
      case Type::b:
        return read_scalar(value);
      case Type::boolean:
      case Type::null:
        return read_literal(value);
      case Type::list:
        return read_list(value, depth);
      case Type::map:
        return read_map(value, depth);
      default:
        return read_set(value);
    }
  }

  // Of the type that `value` says.
  bool read_scalar(AttributeValue& value) {
    if (!read_string(value.text)) return false;
    if (value.type == Type::n) {
      NumberShape shape;
      const NumberProblem problem = read_number(value.text, shape);
      return problem == NumberProblem::none || fail(number_problem_text(problem, value.text));
    }
    std::size_t decoded_bytes = 0;
    return value.type == Type::s || is_canonical_base64(value.text, decoded_bytes) ||
           fail("binary is not canonical base64");
  }

  bool read_literal(AttributeValue& value) {
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    value.truth = rest.starts_with("true");
    if (value.truth) {
      at_ += 4;
      return true;
    }
    if (value.type == Type::null) return fail("NULL is not true");
    if (!rest.starts_with("false")) return fail("expected true or false");
    at_ += 5;
    return true;
  }

  bool read_set(AttributeValue& value) {
    const Type type = value.type == Type::ss ? Type::s : value.type == Type::ns ? Type::n : Type::b;
    if (!expect('[')) return false;
    space();
    if (peek() == ']') return fail("a set is empty");
    std::vector<std::string> keys;
    do {
      AttributeValue& element = value.elements.emplace_back();
      element.type = type;
      if (!read_scalar(element)) return false;
      keys.push_back(element_key(element));
      space();
    } while (take(','));
    return all_differ(keys, "set element") && expect(']');
  }

  bool all_differ(std::vector<std::string>& texts, std::string_view what) {
    std::sort(texts.begin(), texts.end());
    const auto twin = std::adjacent_find(texts.begin(), texts.end());
    return twin == texts.end() || fail(std::string(what) + " '" + shown(*twin) + "' stands twice");
  }

  bool read_list(AttributeValue& value, int depth) {
    if (depth >= kMaxNesting) return fail("nested deeper than 32 levels");
    if (!expect('[')) return false;
    space();
    if (take(']')) return true;
    do {
      if (!read_value(value.elements.emplace_back(), depth + 1)) return false;
      space();
    } while (take(','));
    return expect(']');
  }

  bool read_map(AttributeValue& value, int depth) {
    if (depth >= kMaxNesting) return fail("nested deeper than 32 levels");
    if (!expect('{')) return false;
    space();
    if (take('}')) return true;
    do {
      std::string& name = value.names.emplace_back();
      if (!read_string(name)) return false;
      if (name.empty()) return fail("an attribute name is empty");
      if (name.size() > kMaxNameBytes) return fail("an attribute name is longer than 65,535 bytes");
      space();
      if (!expect(':')) return false;
      space();
      if (!read_value(value.elements.emplace_back(), depth + 1)) return false;
      space();
    } while (take(','));
    std::vector<std::string> names = value.names;
    return all_differ(names, "name") && expect('}');
  }

  const char* at_;
  const char* end_;
  std::string& problem_;
};

}  // namespace

bool parse_value(std::string_view text, AttributeValue& value, std::string& problem) {
  value = {};
  return ValueReader(text, problem).read(value);
}

}  // namespace bulk
