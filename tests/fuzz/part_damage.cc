// A sound part in which the input changes up to seven bytes: it is refused, or its lines are what they were. The input
// is: number of changes, lines per frame, each change (position as a 16-bit word, what its byte is XORed with), lines.
#include <algorithm>

#include "codecs/seek_table.h"
#include "tests/fuzz/part_reading.h"

using namespace bulk;

namespace {

std::string make_part(const std::string& lines, std::size_t lines_per_frame) {
  DumpHeader header;
  header.tool = "bulk";
  header.dialect = "dynamodb-json";
  header.started = "2025-01-25T12:00:00Z";
  header.source = "dynamodb://t";
  header.table.name = "t";
  DumpFooter footer;
  footer.ended = header.started;
  footer.records = static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
  footer.raw_bytes = lines.size();
  std::string part = encode_header(header);
  std::vector<SeekEntry> entries = {{static_cast<std::uint32_t>(part.size()), 0, xxh64_low32({})}};
  FrameCodec codec;
  for (std::size_t begin = 0; begin < lines.size();) {
    std::size_t end = begin;
    for (std::size_t i = 0; i < lines_per_frame && end < lines.size(); ++i) end = lines.find('\n', end) + 1;
    const std::string_view text = std::string_view(lines).substr(begin, end - begin);
    Buffer frame;
    codec.compress(text, frame);
    footer.frame_hashes.push_back(sha256(frame.view()));
    entries.push_back(
        {static_cast<std::uint32_t>(frame.size()), static_cast<std::uint32_t>(text.size()), xxh64_low32(text)});
    part += frame.view();
    begin = end;
  }
  const std::string end = encode_footer(footer);
  entries.push_back({static_cast<std::uint32_t>(end.size()), 0, xxh64_low32({})});
  return part + end + encode_seek_table(entries);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  struct Change {
    std::size_t position;
    char bits;
  };
  fuzz::Input input(data, size);
  std::vector<Change> changes(input.byte() % 8);
  const std::size_t lines_per_frame = 1 + input.byte() % 16;
  for (Change& change : changes) {
    change.position = input.word();
    change.bits = static_cast<char>(input.byte());
  }
  std::string lines(input.rest());
  if (!lines.empty() && lines.back() != '\n') lines += '\n';

  std::string part = make_part(lines, lines_per_frame);
  const std::string whole = part;
  for (const Change& change : changes) {
    char& byte = part[change.position % part.size()];
    byte = static_cast<char>(byte ^ change.bits);
  }
  const std::optional<std::string> from_file = fuzz::read_part_file(part);
  const std::optional<std::string> from_stream = fuzz::read_part_stream(part);
  HOLDS(part != whole || (from_file == lines && from_stream == lines));
  HOLDS(!from_file || from_file == lines);
  HOLDS(!from_stream || from_stream == lines);
  return 0;
}
