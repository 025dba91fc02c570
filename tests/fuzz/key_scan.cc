// A line of a dump as a restore looks at it (the first byte chooses the key). What is accepted is one balanced object
// of UTF-8; where an ItemScanner accepts the item too, both find the same key, and where it does not find one neither
// does the other.
#include "codecs/key_scan.h"

#include <array>

#include "codecs/json_text.h"
#include "codecs/lines.h"
#include "tests/fuzz/target.h"
#include "tests/support/balanced_line.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::array<KeySchema, 3> schemas = {{{{"pk", 'S'}, std::nullopt},
                                             {{"pk", 'S'}, KeyAttribute{"sk", 'N'}},
                                             {{"pk", 'B'}, KeyAttribute{"a\"\xC3\xA9\x01", 'S'}}}};
  const KeySchema& schema = schemas[input.byte() % schemas.size()];
  const std::string_view line = input.rest();
  const std::string_view item = item_of_line(line);

  KeyScanner keys(schema);
  KeyFacts found;
  const bool accepted = keys.scan(line, found);
  ItemScanner items(&schema);
  ItemFacts facts;
  const bool legal = !item.empty() && items.scan(item, facts) && facts.length == item.size() && facts.one_line;
  if (!accepted) {
    HOLDS(!legal);
    HOLDS(!keys.problem().text.empty() && keys.problem().offset <= line.size());
    return 0;
  }
  HOLDS(test::is_balanced_line(line));
  HOLDS(valid_utf8(line));
  HOLDS(found.line_digest == hash128(line));
  HOLDS(found.size_bytes <= item.size());
  if (!legal) return 0;
  HOLDS(found.key_hash == facts.key_hash);
  HOLDS(found.partition_hash == facts.partition_hash);
  HOLDS(found.size_bytes >= facts.size_bytes);
  return 0;
}
