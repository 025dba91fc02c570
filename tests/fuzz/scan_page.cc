// A reply to Scan. What is accepted can be handed on as whole lines, and read again from those it is the same.
#include "codecs/scan_page.h"

#include "codecs/json_check.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ScanPageParser parser;
  const Buffer reply(fuzz::text_of(data, size));
  Buffer lines;
  ScanPage page;
  if (!fuzz::accepted({ErrorKind::failed}, [&] { parser.parse(reply, lines, page); })) return 0;

  HOLDS(page.count == page.lines.size());
  HOLDS(page.consumed_units >= 0);
  std::string again = "{\"Items\":[";
  std::size_t end = 0;
  bool whole = true;
  for (const LineSpan& span : page.lines) {
    HOLDS(span.offset == end);
    end = span.offset + span.length + 1;
    HOLDS(end <= lines.size() && lines.view()[end - 1] == '\n');
    const std::string_view line = lines.view(span.offset, span.length);
    HOLDS(line.find('\n') == std::string_view::npos);
    const std::string_view item = item_of_line(line);
    // What stands inside is not looked at here: an end that does not fit its begin is for whoever scans the item.
    HOLDS(item.starts_with('{') && item.back() != ' ');
    whole = whole && check_json(item).text.empty();
    if (again.back() != '[') again += ',';
    again += item;
  }
  HOLDS(end == lines.size());
  again += "],\"Count\":" + std::to_string(page.count);
  if (!page.last_evaluated_key.empty()) {
    HOLDS(check_json(page.last_evaluated_key).text.empty());
    again += ",\"LastEvaluatedKey\":" + page.last_evaluated_key;
  }
  again += '}';

  // The parser sees no end where brackets do not fit; what it takes for an item then is one only in that reply.
  if (!whole) return 0;

  const Buffer second_reply(again);
  Buffer second_lines;
  ScanPage second;
  parser.parse(second_reply, second_lines, second);
  HOLDS(second_lines.view() == lines.view());
  HOLDS(second.last_evaluated_key == page.last_evaluated_key);
  return 0;
}
