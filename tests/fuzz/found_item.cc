// A reply that may hold an item: what is found in it is a legal item with the key that was asked for, or none, or the
// reply cannot be true.
#include "backends/dynamodb/update_sink.h"
#include "codecs/item.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view reply = fuzz::text_of(data, size);
  const KeySchema key{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};
  const FoundItem found = find_item(reply, key, R"({"sk":{"N":"1.0"},"pk":{"S":"\u0061"}})");

  HOLDS(found.problem.empty() || found.item.empty());
  if (found.item.empty()) return 0;
  ItemScanner scanner(&key);
  ItemFacts facts;
  HOLDS(scanner.scan(found.item, facts) && facts.length == found.item.size());
  HOLDS(scanner.key_text() == R"({"pk":{"S":"a"},"sk":{"N":"1"}})");
  HOLDS(facts.size_bytes == found.bytes);
  return 0;
}
