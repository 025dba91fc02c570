#include "backends/item_gate.h"

#include <rapidjson/document.h>

#include "codecs/lines.h"

namespace bulk {

bool ItemGate::refuse(std::string_view why) {
  reason_ = "ValidationException: ";
  reason_ += why;
  return false;
}

bool ItemGate::admit(std::string_view line) {
  const std::string_view item = item_of_line(line);
  return item.empty() ? refuse("not a record line") : admit_item(item);
}

bool ItemGate::admit_item(std::string_view item) {
  item_ = item;
  if (!scanner_.scan(item_, facts_)) {
    return refuse("One or more parameter values were invalid: " + scanner_.problem().text);
  }
  if (facts_.length != item_.size()) return refuse("text behind the item");
  if (facts_.size_bytes > kMaxItemBytes) return refuse("Item size has exceeded the maximum allowed size");
  decode_key();
  return true;
}

void ItemGate::decode_key() {
  rapidjson::Document key;
  key.Parse(scanner_.key_text().data(), scanner_.key_text().size());
  std::string* into = &values_.partition;
  values_ = {};
  if (!key.IsObject()) return;
  for (const auto& attribute : key.GetObject()) {
    const auto& value = attribute.value.MemberBegin()->value;
    into->assign(value.GetString(), value.GetStringLength());
    into = &values_.sort;
  }
}

}  // namespace bulk
