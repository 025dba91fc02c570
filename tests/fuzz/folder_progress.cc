// What a journal says of a folder that is not finished: each line of the input is an entry. What is accepted is told
// apart by part, and each part's entries are its own progress's business.
#include "backends/dump/folder_progress.h"

#include "backends/dump/part_progress.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> entries;
  for (std::string_view rest = fuzz::text_of(data, size); !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    entries.emplace_back(line);
  }
  FolderProgress progress;
  if (!fuzz::accepted({ErrorKind::corrupt}, [&] { progress = join_folder_progress(entries); })) return 0;
  for (const auto& part : progress.parts) {
    HOLDS(!part.second.empty());
    fuzz::accepted({ErrorKind::corrupt}, [&] { join_progress(part.second); });
  }
  if (progress.parts.empty() || progress.tables.empty()) return 0;
  std::map<std::uint32_t, std::string> first;
  for (const auto& [table, parts] : progress.parts) first[table] = parts.front();
  const FolderProgress again = join_folder_progress(std::vector{encode_folder_progress(progress.tables, first)});
  HOLDS(again.tables == progress.tables && again.parts.size() == progress.parts.size());
  return 0;
}
