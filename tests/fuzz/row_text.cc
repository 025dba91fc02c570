// A row of COPY text and a line, up to a NUL each, behind a byte for each of four columns that says their kinds. What
// is accepted goes through both ways and comes back; what is refused leaves the buffer as it was.
#include "codecs/row_text.h"

#include <algorithm>

#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

constexpr const char* kNames[] = {"a", "n\"\n\\", "doc", "a long name, ünd more"};

bool append(RowWriter& writer, std::string_view row, Buffer& out) {
  return fuzz::accepted({ErrorKind::corrupt}, [&] { writer.append(row, out); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  std::vector<RowColumn> columns;
  bool any_json = false;
  for (const char* name : kNames) {
    const unsigned kind = input.byte() % 5;
    if (kind == 4) break;
    columns.push_back({name, "", static_cast<RowKind>(kind)});
    any_json |= columns.back().kind == RowKind::json;
  }
  const std::string_view row = input.part();
  const std::string_view line = input.rest();
  RowWriter writer(columns);
  RowReader reader(columns);

  Buffer lines("kept");
  if (append(writer, row, lines)) {
    const std::string_view written = lines.view().substr(4);
    HOLDS(std::count(written.begin(), written.end(), '\n') == 1 && written.ends_with("}\n"));
    const bool legal = fuzz::accepted({ErrorKind::corrupt}, [&] { RowWriter::check_utf8(written); });
    HOLDS(legal == valid_utf8(row));
    // Nothing looks into a jsonb.
    HOLDS(any_json || check_json(written).text.empty() == legal);
    Buffer rows;
    HOLDS(reader.append(written.substr(0, written.size() - 1), rows));
    Buffer again("kept");
    HOLDS(append(writer, rows.view().substr(0, rows.size() - 1), again));
    HOLDS(again.view() == lines.view());
  } else {
    HOLDS(lines.view() == "kept");
  }

  Buffer rows("kept");
  if (reader.append(line, rows)) {
    const std::string_view read = rows.view().substr(4);
    HOLDS(std::count(read.begin(), read.end(), '\n') == 1 && read.ends_with('\n'));
    HOLDS(std::count(read.begin(), read.end(), '\t') == (columns.empty() ? 0 : std::ssize(columns) - 1));
    HOLDS(read.find('\0') == std::string_view::npos);
    HOLDS(any_json || !valid_utf8(line) || check_json(line).text.empty());
  } else {
    HOLDS(rows.view() == "kept" && !reader.problem().empty());
  }
  return 0;
}
