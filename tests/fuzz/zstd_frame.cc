// A zstd frame of a dump, whose decompressed size the input claims in its first three bytes, and the same bytes as a
// stream: what both decoders accept is the same text. Every text comes back through
// the encoder.
#include "codecs/zstd_frame.h"

#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

// At most `most` bytes of what the stream holds, pushed in pieces.
bool stream_text(std::string_view stored, std::size_t piece, std::size_t most, Buffer& out) {
  ZstdStream stream;
  while (!stored.empty() && out.size() < most) {
    std::string_view part = stored.substr(0, piece);
    const std::size_t given = part.size();
    stream.push(part, out, most - out.size());
    stored.remove_prefix(given - part.size());
    if (part.size() == given && out.size() < most) break;  // no progress
  }
  return stored.empty() && stream.at_frame_end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t claimed = input.word() | std::size_t{input.byte()} << 16;
  const std::size_t piece = 1 + input.byte();
  const std::string_view bytes = input.rest();
  FrameCodec codec;
  Buffer plain;
  const bool whole = fuzz::accepted({ErrorKind::corrupt}, [&] { codec.decompress(bytes, claimed, plain); });
  HOLDS(plain.size() == (whole ? claimed : 0));

  Buffer streamed;
  bool ended = false;
  const bool sound = fuzz::accepted({ErrorKind::corrupt},
                                    [&] { ended = stream_text(bytes, piece, (std::size_t{1} << 24) + 1, streamed); });
  // One frame at once needs no window, so that it may state one which the stream refuses.
  HOLDS(!whole || !sound || (ended && streamed.view() == plain.view()));

  Buffer stored;
  codec.compress(bytes, stored);
  codec.decompress(stored.view(), bytes.size(), plain);
  HOLDS(plain.view() == bytes);
  streamed.clear();
  HOLDS(stream_text(stored.view(), piece, bytes.size() + 1, streamed) && streamed.view() == bytes);
  return 0;
}
