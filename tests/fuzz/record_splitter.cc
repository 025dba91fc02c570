// A foreign file's text cut into records, as lines or as an Items file (the first byte chooses): pieces of any size
// give the same records and the same end. An Items file that RapidJSON reads has as many records as it finds items.
#include "backends/dump/record_splitter.h"

#include <rapidjson/document.h>

#include <optional>
#include <vector>

#include "codecs/json_check.h"
#include "codecs/lines.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

struct Result {
  std::vector<std::string> records;
  std::string error;
  friend bool operator==(const Result&, const Result&) = default;
};

Result split(std::string_view text, bool items, std::size_t piece, std::size_t limit) {
  Result result;
  const auto splitter = items ? make_items_splitter("f", limit) : make_line_splitter("f", limit);
  try {
    std::string_view record;
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
      std::string_view ahead = text.substr(0, piece);
      while (splitter->next(ahead, record)) {
        HOLDS(record.size() <= limit + kItemLineSuffix.size());
        HOLDS(items || record.find('\n') == std::string_view::npos);
        result.records.emplace_back(record);
      }
      HOLDS(ahead.empty());
    }
    if (splitter->last(record)) result.records.emplace_back(record);
  } catch (const Error& error) {
    HOLDS(error.kind() == ErrorKind::failed || error.kind() == ErrorKind::corrupt);
    result.error = error.what();
    HOLDS(!result.error.empty());
  }
  return result;
}

// How many items a document has that says nothing about being continued; nothing where RapidJSON and the splitter may
// differ: an escaped name, a name twice, items that are no objects.
std::optional<std::size_t> items_of(std::string_view text) {
  if (text.find('\\') != std::string_view::npos || !check_json(text).text.empty()) return std::nullopt;
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  std::optional<std::size_t> items;
  for (const auto& member : document.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    if (name == "Count" || name == "NextToken" || name == "LastEvaluatedKey") return std::nullopt;
    if (name != "Items") continue;
    if (items || !member.value.IsArray()) return std::nullopt;
    items = member.value.Size();
    for (const auto& item : member.value.GetArray()) {
      if (!item.IsObject()) return std::nullopt;
    }
  }
  return items;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t choice = input.byte();
  const bool items = (choice & 1) != 0;
  const std::size_t limit = (choice & 2) != 0 ? 64 : 1u << 20;
  const std::size_t piece = 1 + input.byte();
  const std::string_view text = input.rest();
  const Result whole = split(text, items, std::max<std::size_t>(text.size(), 1), limit);
  HOLDS(split(text, items, piece, limit) == whole);

  if (items) {
    ItemScanner scanner;
    for (const std::string& record : whole.records) {
      HOLDS(record.starts_with(kItemLinePrefix) && record.ends_with(kItemLineSuffix));
      Buffer line;
      ItemProblem problem;
      const bool legal = normalise_line(record, scanner, line, problem);
      HOLDS(legal != line.empty());
      HOLDS(!legal || record.find('\n') == std::string::npos);
    }
    const std::optional<std::size_t> count = items_of(text);
    HOLDS(!count || limit == 64 || (whole.error.empty() && whole.records.size() == *count));
  }
  begins_items_file(text);
  return 0;
}
