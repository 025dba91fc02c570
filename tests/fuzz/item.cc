// One item, with and without a key schema (the first byte chooses). What is legal is JSON to RapidJSON too, and its
// canonical text is the same item: equal digest, key and size, and canonical once and for all.
#include "codecs/item.h"

#include <rapidjson/document.h>

#include <array>

#include "codecs/json_check.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::array<KeySchema, 3> keys = {{{{"pk", 'S'}, std::nullopt},
                                          {{"pk", 'S'}, KeyAttribute{"sk", 'N'}},
                                          {{"pk", 'B'}, KeyAttribute{"a\"\xC3\xA9\x01", 'S'}}}};
  const std::size_t choice = input.byte() % (keys.size() + 1);
  const KeySchema* key = choice == 0 ? nullptr : &keys[choice - 1];
  const std::string_view text = input.rest();

  ItemScanner scanner(key);
  ItemFacts facts;
  if (!scanner.scan(text, facts)) {
    HOLDS(!scanner.problem().text.empty());
    HOLDS(scanner.problem().offset <= text.size());
    HOLDS(scanner.canonical(text).empty());
    return 0;
  }
  HOLDS(facts.length <= text.size());
  const std::string_view item = text.substr(0, facts.length);
  const std::string key_text(scanner.key_text());
  HOLDS(facts.one_line == (item.find_first_of("\r\n") == std::string_view::npos));
  HOLDS(check_json(item).text.empty());
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(item.data(), item.size());
  HOLDS(!document.HasParseError() && document.IsObject());
  if (key != nullptr) HOLDS(check_json(key_text).text.empty());

  const std::string canonical = scanner.canonical(text);
  HOLDS(!canonical.empty());
  ItemFacts again;
  HOLDS(scanner.scan(canonical, again));
  HOLDS(again.digest == facts.digest);
  HOLDS(again.key_hash == facts.key_hash);
  HOLDS(scanner.key_text() == key_text || key == nullptr);
  HOLDS(again.size_bytes == facts.size_bytes);
  HOLDS(again.length == canonical.size() && again.one_line);
  HOLDS(scanner.canonical(canonical) == canonical);

  ItemScanner without_key;
  HOLDS(without_key.scan(text, again) && again.digest == facts.digest);
  return 0;
}
