// The text inside a foreign file: plain, gzip or zstd by its first bytes. It is the same in small and in large pieces,
// and no call gives more than was asked for. Stops after 64 KiB: decompression is a stream, however much is claimed.
#include "backends/dump/text_input.h"

#include "io/stop.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

constexpr std::size_t kEnough = 64u << 10;

enum class End { whole, refused, enough };

End read_text(std::string_view bytes, std::size_t piece, Buffer& text) {
  const Stop stop;
  ByteInput input(fuzz::memory_file(bytes), stop);
  const InputKind kind = detect_kind(input);
  if (kind == InputKind::part || kind == InputKind::age) return End::refused;
  bool more = true;
  const bool sound = fuzz::accepted({ErrorKind::corrupt}, [&] {
    const auto reader = make_text_input(input);
    while (more && text.size() < kEnough) {
      const std::size_t before = text.size();
      more = reader->read(text, piece);
      HOLDS(more == (text.size() > before) && text.size() - before <= piece);
    }
  });
  return !sound ? End::refused : more ? End::enough : End::whole;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t piece = 1 + std::size_t{input.byte()} * 64;
  Buffer text;
  Buffer pieces;
  const End end = read_text(input.rest(), 16u << 10, text);
  const End end_of_pieces = read_text(input.rest(), piece, pieces);
  HOLDS((end == End::whole) == (end_of_pieces == End::whole));
  HOLDS(end != End::whole || text.view() == pieces.view());
  return 0;
}
