// A condition or an update expression (the first byte chooses) over an item, up to a NUL each. Placeholders are the
// same for all. What is accepted mentions only what is defined, and can be evaluated over any legal item; what an
// update makes of it are legal values.
#include "codecs/expression.h"

#include "codecs/item.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Placeholders kPlaceholders = {{{"#a", "a"}, {"#s", "status"}, {"#d", "a.b\"\n"}},
                                             {{":n", R"({"N":"1.5"})"},
                                              {":s", R"({"S":"x"})"},
                                              {":b", R"({"B":"YQ=="})"},
                                              {":t", R"({"S":"L"})"},
                                              {":ss", R"({"SS":["a","b"]})"},
                                              {":ns", R"({"NS":["1","2"]})"},
                                              {":l", R"({"L":[{"N":"1"}]})"},
                                              {":m", R"({"M":{"a":{"L":[{"S":"x"}]}}})"}}};
  fuzz::Input input(data, size);
  const bool is_update = input.byte() % 2 != 0;
  const std::string_view text = input.part();
  const std::string_view item = input.rest();
  ItemScanner scanner;
  ItemFacts facts;
  ItemView view;
  view.reset(item);
  const bool legal = scanner.scan(item, facts);

  const auto check_names = [&](const auto& expression) {
    for (const std::string& name : expression.placeholders()) {
      HOLDS(kPlaceholders.names.contains(name) || kPlaceholders.values.contains(name));
      HOLDS(text.find(name) != std::string_view::npos);
    }
    for (const std::string& name : expression.attributes()) HOLDS(!name.empty());
  };
  fuzz::accepted({ErrorKind::usage}, [&] {
    if (!is_update) {
      const Condition condition = Condition::parse(text, kPlaceholders);
      check_names(condition);
      HOLDS(fuzz::accepted({ErrorKind::corrupt}, [&] { condition.holds(view); }) || !legal);
      return;
    }
    const Update update = Update::parse(text, kPlaceholders);
    check_names(update);
    HOLDS(!update.touched().empty());
    for (const std::string& name : update.touched()) HOLDS(update.attributes().contains(name));
    std::vector<Update::Change> changes;
    std::string problem;
    bool applied = false;
    HOLDS(fuzz::accepted({ErrorKind::corrupt}, [&] { applied = update.apply(view, changes, problem); }) || !legal);
    if (!legal) return;
    HOLDS(applied || (!problem.empty() && changes.empty()));
    for (const Update::Change& change : changes) {
      HOLDS(update.touched().contains(std::string(change.name)));
      const std::string after = "{\"v\":" + change.value.value_or("{\"NULL\":true}") + "}";
      HOLDS(scanner.scan(after, facts) && facts.length == after.size() && facts.one_line);
    }
  });
  return 0;
}
