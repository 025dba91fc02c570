// The seek table at the end of a file whose length the input chooses: before its bytes lie as many zeros as its first
// six bytes say (up to 2^48), so that tables over large files are reached. What is accepted covers the file exactly and
// is what the encoder makes.
#include "codecs/seek_table.h"

#include <cstring>

#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  std::uint64_t zeros = 0;
  for (unsigned shift = 0; shift < 48; shift += 8) zeros |= std::uint64_t{input.byte()} << shift;
  const std::string_view bytes = input.rest();
  const std::uint64_t file_bytes = zeros + bytes.size();
  const auto read_at = [&](std::uint64_t offset, char* into, std::size_t length) {
    HOLDS(offset <= file_bytes && length <= file_bytes - offset);
    std::memset(into, 0, length);
    for (std::size_t i = 0; i < length; ++i) {
      if (offset + i >= zeros) into[i] = bytes[offset + i - zeros];
    }
  };
  SeekTable table;
  bool found = false;
  if (!fuzz::accepted({ErrorKind::corrupt}, [&] { found = decode_seek_table(file_bytes, read_at, table); })) return 0;
  if (!found) return 0;
  std::uint64_t end = 0;
  for (const SeekEntry& entry : table.entries) end += entry.stored_bytes;
  HOLDS(end == table.table_offset);
  HOLDS(table.entries.size() * 8 <= bytes.size());
  if (!table.has_checksums) return 0;

  const std::string encoded = encode_seek_table(table.entries);
  HOLDS(table.table_offset + encoded.size() == file_bytes);
  SeekTable again;
  HOLDS(decode_seek_table(
      file_bytes,
      [&](std::uint64_t offset, char* into, std::size_t length) {
        std::memset(into, 0, length);
        if (offset >= table.table_offset) std::memcpy(into, encoded.data() + (offset - table.table_offset), length);
      },
      again));
  HOLDS(again.entries.size() == table.entries.size() && again.table_offset == table.table_offset);
  for (std::size_t i = 0; i < again.entries.size(); ++i) {
    HOLDS(again.entries[i].stored_bytes == table.entries[i].stored_bytes);
    HOLDS(again.entries[i].plain_bytes == table.entries[i].plain_bytes);
    HOLDS(again.entries[i].checksum == table.entries[i].checksum);
  }
  return 0;
}
