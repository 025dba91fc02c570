// The schema of a dump of rows: what is read is written the same again, and holds nothing that SQL must not be given.
#include "codecs/row_schema.h"

#include "codecs/json_check.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepted({ErrorKind::corrupt}, [&] {
    const RowSchema schema = decode_row_schema(fuzz::text_of(data, size));
    const auto is_name = [](const std::string& name) { return !name.empty() && name.find('\0') == std::string::npos; };
    for (const RowTable& table : schema.tables) {
      HOLDS(is_name(table.schema) && is_name(table.name));
      HOLDS(table.primary_key.size() <= table.columns.size());
      for (const RowColumn& column : table.columns) HOLDS(is_name(column.name));
    }
    for (const RowSequence& sequence : schema.sequences) {
      HOLDS(sequence.value.find_first_not_of("-0123456789") == std::string::npos && !sequence.value.empty());
    }
    const std::string text = encode_row_schema(schema);
    HOLDS(check_json(text).text.empty());
    HOLDS(text.find('\n') == std::string::npos);
    HOLDS(decode_row_schema(text) == schema);
  });
  return 0;
}
