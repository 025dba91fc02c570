// A script of SQL: its statements stand in it one after the other, each ends with its semicolon and is one statement by
// itself too.
#include "codecs/sql_script.h"

#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view script = fuzz::text_of(data, size);
  fuzz::accepted({ErrorKind::corrupt}, [&] {
    const char* at = script.data();
    for (const Statement& statement : split_sql(script)) {
      HOLDS(statement.text.size() > 1 && statement.text.ends_with(';') && statement.text.front() != ';');
      HOLDS(statement.text.data() >= at);
      at = statement.text.data() + statement.text.size();
      HOLDS(at <= script.data() + script.size());
      const std::vector<Statement> again = split_sql(statement.text);
      HOLDS(again.size() == 1 && again[0].text == statement.text && again[0].kind == statement.kind);
    }
  });
  return 0;
}
