// A whole part, as a file and as a stream. The stream checks everything that the file's reader does and the seek table
// byte for byte, so what it accepts the other one reads to the same lines.
#include "tests/fuzz/part_reading.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const std::optional<std::string> from_file = fuzz::read_part_file(bytes);
  const std::optional<std::string> from_stream = fuzz::read_part_stream(bytes);
  HOLDS(!from_stream || from_file == from_stream);
  HOLDS(!from_file || from_file->empty() || from_file->back() == '\n');
  return 0;
}
