// What a journal says of a part that is not finished: each line of the input is an entry. What is accepted is spelled
// and read again to the same, all entries join to the lengths that they claim, and comparing a file with them takes no
// more memory than the file has bytes. The first word of the input is the length of that file, of zeros.
#include "backends/dump/part_progress.h"

#include "io/stop.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t file_bytes = input.word();
  std::vector<std::string> entries;
  for (std::string_view rest = input.rest(); !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    entries.emplace_back(line);
  }
  for (const std::string& entry : entries) {
    PartProgress progress;
    if (!fuzz::accepted({ErrorKind::corrupt}, [&] { progress = decode_progress(entry); })) continue;
    const std::string spelled = encode_progress(progress);
    const PartProgress again = decode_progress(spelled);
    HOLDS(again.bytes == progress.bytes && again.header_bytes == progress.header_bytes);
    HOLDS(again.frames.size() == progress.frames.size() && encode_progress(again) == spelled);
  }
  PartProgress all;
  if (!fuzz::accepted({ErrorKind::corrupt}, [&] { all = join_progress(entries); })) return 0;
  std::uint64_t end = all.header_bytes;
  for (const ProgressFrame& frame : all.frames) end += frame.entry.stored_bytes;
  HOLDS(end == all.bytes);
  const File file = fuzz::memory_file(std::string(file_bytes, '\0'));
  const Stop stop;
  HOLDS(!fuzz::accepted({ErrorKind::corrupt}, [&] { verify_kept(file, all, stop); }));
  return 0;
}
