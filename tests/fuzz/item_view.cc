// An item's attributes without their values, and one value as a tree, over any text. Of a legal item the view shows all
// that there is: put together again it is the same item; so is each value when it is read and written. A value alone is
// accepted exactly when an item with it is.
#include "codecs/item_view.h"

#include "codecs/attribute_value.h"
#include "codecs/item.h"
#include "codecs/json_check.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

void check_value(std::string_view text) {
  AttributeValue value;
  std::string problem;
  const bool accepted = parse_value(text, value, problem);
  const std::string item = "{\"v\":" + std::string(text) + "}";
  ItemScanner scanner;
  ItemFacts facts;
  HOLDS(accepted == (scanner.scan(item, facts) && facts.length == item.size()));
  HOLDS(accepted != (!problem.empty()));
  if (!accepted) return;
  HOLDS(type_of_text(text) == value.type);
  std::string written;
  append_value(written, value);
  ItemFacts again;
  HOLDS(scanner.scan("{\"v\":" + written + "}", again) && again.digest == facts.digest && again.one_line);
  HOLDS(same_value_text(text, written));
  std::string compact;
  append_compact(compact, text);
  HOLDS(scanner.scan("{\"v\":" + compact + "}", again) && again.digest == facts.digest && again.one_line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_value(text);
  ItemView view;
  view.reset(text);
  for (const auto& attribute : view.attributes()) {
    HOLDS(attribute.member.data() >= text.data() &&
          attribute.member.data() + attribute.member.size() <= text.data() + text.size());
    HOLDS(attribute.value.front() == '{' || attribute.value.front() == '[');
    HOLDS(attribute.member.ends_with(attribute.value));
  }
  ItemScanner scanner;
  ItemFacts facts;
  if (!scanner.scan(text, facts)) return 0;
  std::string again = "{";
  for (const auto& attribute : view.attributes()) {
    HOLDS(view.find(attribute.name) == &attribute);
    again += (again.size() > 1 ? "," : "") + json_quoted(attribute.name) + ":" + std::string(attribute.value);
    check_value(attribute.value);
  }
  ItemFacts facts_again;
  HOLDS(scanner.scan(again + "}", facts_again) && facts_again.digest == facts.digest);
  return 0;
}
