#include "codecs/item_view.h"

#include "codecs/json_string.h"
#include "codecs/json_text.h"

namespace bulk {

void ItemView::reset(std::string_view item) {
  attributes_.clear();
  if (!unescaped_.empty()) unescaped_.clear();
  BracketIndex& brackets = *brackets_;
  brackets.begin(item);
  constexpr char kOpenBit = 0x02;  // tells { [ from } ]
  std::size_t depth = 0;
  const char* from = nullptr;  // behind the attribute before, or behind the item's '{'
  const char* open = nullptr;
  while (!brackets.at_end()) {
    const char* base = nullptr;
    for (const std::uint16_t offset : brackets.next(base)) {
      const char* at = base + offset;
      if ((*at & kOpenBit) != 0) {
        if (depth == 0) from = at + 1;
        if (depth == 1) open = at;
        ++depth;
        continue;
      }
      if (depth <= 1) return;
      if (--depth != 1) continue;
      add(from, open, at + 1);
      from = at + 1;
    }
  }
}

void ItemView::add(const char* from, const char* open, const char* end) {
  while (from != open && (*from == ',' || is_json_space(*from))) ++from;
  const char* close = open;  // behind the name
  while (close != from && is_json_space(close[-1])) --close;
  if (close == from || *--close != ':') return;
  while (close != from && is_json_space(close[-1])) --close;
  if (close - from < 2 || *from != '"' || close[-1] != '"') return;
  Attribute attribute;
  attribute.name = {from + 1, static_cast<std::size_t>(close - from - 2)};
  attribute.value = {open, static_cast<std::size_t>(end - open)};
  attribute.member = {from, static_cast<std::size_t>(end - from)};
  if (attribute.name.find('\\') != std::string_view::npos) {
    std::string& name = unescaped_.emplace_back();
    if (decode_json_string(attribute.name, name) != nullptr) return;
    attribute.name = name;
  }
  attributes_.push_back(attribute);
}

const ItemView::Attribute* ItemView::find(std::string_view name) const {
  for (const Attribute& attribute : attributes_) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

}  // namespace bulk
