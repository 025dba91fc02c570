// What paths and operands are for one item: its attributes are read when they are first asked for, each once. One
// thread; lives as long as the evaluation of one expression over one item.
#pragma once

#include <compare>
#include <optional>
#include <string_view>
#include <vector>

#include "codecs/expression_tree.h"
#include "codecs/item_view.h"

namespace bulk {

class ItemValues {
 public:
  ItemValues(const ItemView& item, const ExpressionNames& names) : item_(item), names_(names) {}

  // The text of a top-level attribute; empty when there is none.
  std::string_view text(std::size_t head) const;
  // The value at a path; null when there is none. Throws Error(ErrorKind::corrupt) when the attribute is not legal.
  const AttributeValue* find(const DocumentPath& path);
  bool exists(const DocumentPath& path);

  // The value of a path, a literal or a size; null when there is none. What is made lies in `made`.
  const AttributeValue* resolve(const Operand& operand, AttributeValue& made);

 private:
  struct Slot {
    bool read = false;
    std::optional<AttributeValue> value;
  };

  const ItemView& item_;
  const ExpressionNames& names_;
  std::vector<Slot> slots_;  // as names_.heads; empty until one is read
};

// Of two values of one of the types S, N and B: by value, by UTF-8 bytes, by unsigned bytes. Nothing between others.
std::partial_ordering order_of(const AttributeValue& a, const AttributeValue& b);

}  // namespace bulk
