#include "codecs/expression_values.h"

#include <fmt/format.h>

#include "codecs/decimal.h"
#include "codecs/json_text.h"
#include "io/error.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

// UTF-16 code units, as the service counts (of "é𝄞" it says 3) and not characters, as the developer guide's example
// reads ("less than or equal to 20 characters"): one for each character, two where UTF-8 takes four bytes.
std::size_t length_of(const std::string& text) {
  std::size_t length = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    length += ((byte & 0xC0) != 0x80 ? 1 : 0) + (byte >= 0xF0 ? 1 : 0);
  }
  return length;
}

// What size() is of; nothing of a number, a truth value and NULL.
std::optional<std::size_t> size_of(const AttributeValue& value) {
  switch (value.type) {
    case Type::s:
      return length_of(value.text);
    case Type::b:
      return decoded_binary(value.text).size();
    case Type::n:
    case Type::boolean:
    case Type::null:
      return std::nullopt;
    default:
      return value.elements.size();
  }
}

}  // namespace

std::string_view ItemValues::text(std::size_t head) const {
  const ItemView::Attribute* attribute = item_.find(names_.heads[head]);
  return attribute == nullptr ? std::string_view() : attribute->value;
}

const AttributeValue* ItemValues::find(const DocumentPath& path) {
  if (slots_.empty()) slots_.resize(names_.heads.size());
  Slot& slot = slots_[path.head];
  if (!slot.read) {
    slot.read = true;
    if (const std::string_view value = text(path.head); !value.empty()) {
      std::string problem;
      if (!parse_value(value, slot.value.emplace(), problem)) {
        throw Error(ErrorKind::corrupt, fmt::format("attribute '{}': {}", shown(names_.heads[path.head]), problem),
                    "this is no legal DynamoDB item; look where it came from");
      }
    }
  }
  const AttributeValue* value = slot.value ? &*slot.value : nullptr;
  for (const PathStep& step : path.steps) {
    if (value == nullptr) break;
    if (!step.by_index()) {
      value = value->type == Type::map ? value->member(step.name) : nullptr;
    } else {
      value = value->type == Type::list && step.index < value->elements.size() ? &value->elements[step.index] : nullptr;
    }
  }
  return value;
}

bool ItemValues::exists(const DocumentPath& path) {
  return path.steps.empty() ? !text(path.head).empty() : find(path) != nullptr;
}

const AttributeValue* ItemValues::resolve(const Operand& operand, AttributeValue& made) {
  if (operand.kind == Operand::Kind::path) return find(operand.path);
  if (operand.kind == Operand::Kind::literal) return &operand.value;
  AttributeValue inner;
  const AttributeValue* value = resolve(operand.operands[0], inner);
  const auto size = value == nullptr ? std::nullopt : size_of(*value);
  if (!size) return nullptr;
  made = AttributeValue::number(std::to_string(*size));
  return &made;
}

std::partial_ordering order_of(const AttributeValue& a, const AttributeValue& b) {
  if (a.type != b.type) return std::partial_ordering::unordered;
  switch (a.type) {
    case Type::n:
      return compare_numbers(a.text, b.text);
    case Type::s:
      return a.text.compare(b.text) <=> 0;
    case Type::b:
      return decoded_binary(a.text).compare(decoded_binary(b.text)) <=> 0;
    default:
      return std::partial_ordering::unordered;
  }
}

}  // namespace bulk
