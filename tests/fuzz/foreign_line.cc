// A line of a foreign file. Its normal form is one line that holds the same item, and normalising that changes nothing.
#include "codecs/json_check.h"
#include "codecs/lines.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line = fuzz::text_of(data, size);
  ItemScanner scanner;
  Buffer normal;
  ItemProblem problem;
  if (!normalise_line(line, scanner, normal, problem)) {
    HOLDS(!problem.text.empty() && problem.offset <= line.size());
    HOLDS(normal.empty());
    return 0;
  }
  HOLDS(normal.view().ends_with("}\n"));
  const std::string_view text = normal.view().substr(0, normal.size() - 1);
  HOLDS(text.find_first_of("\r\n") == std::string_view::npos);
  HOLDS(check_json(text).text.empty());
  ItemFacts facts;
  const std::string_view item = item_of_line(text);
  HOLDS(scanner.scan(item, facts) && facts.length == item.size());
  const std::size_t brace = line.find('{', line.find('{') + 1);
  ItemFacts original;
  HOLDS(brace != std::string_view::npos && scanner.scan(line.substr(brace), original));
  HOLDS(original.digest == facts.digest && original.size_bytes == facts.size_bytes);

  Buffer again;
  HOLDS(normalise_line(text, scanner, again, problem));
  HOLDS(again.view() == normal.view());
  return 0;
}
