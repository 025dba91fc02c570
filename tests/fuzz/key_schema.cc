// The value of --key: what is accepted is spelled the same again, and makes a table schema with that key.
#include "codecs/key_schema.h"

#include "backends/schema.h"
#include "codecs/json_text.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  KeySchema key;
  if (!fuzz::accepted({ErrorKind::usage}, [&] { key = KeySchema::parse(text); })) return 0;
  HOLDS(key.text() == text);
  HOLDS(KeySchema::parse(key.text()) == key);
  if (valid_utf8(text)) HOLDS(schema_from_json(schema_from_key(key).json).key == key);
  return 0;
}
