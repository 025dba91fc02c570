// zstd frames: one-shot compression and decompression of whole frames with reused contexts, streaming decompression for
// foreign files, SHA-256 and XXH64 of what is stored. A codec object belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "io/buffer.h"

namespace bulk {

using Sha256 = std::array<unsigned char, 32>;
Sha256 sha256(std::string_view bytes);
std::uint32_t xxh64_low32(std::string_view bytes);
// The content checksum that a whole frame ends with: xxh64_low32() of what it decompresses to, which decompress() has
// checked. Nothing when the frame has none.
std::optional<std::uint32_t> content_checksum(std::string_view stored);

// What a frame made by FrameCodec says that it decompresses to; 0 when it does not say.
std::uint64_t frame_content_bytes(std::string_view stored);

class FrameCodec {
 public:
  // Level 3 takes parameters of our own for frames of more than 256 KiB (docs/format.md, "Writing"), other levels are
  // zstd's.
  explicit FrameCodec(int level = 3);
  ~FrameCodec();
  FrameCodec(const FrameCodec&) = delete;

  // One frame with content checksum and content size, appended to `out`. Throws Error(failed).
  void compress(std::string_view plain, Buffer& out);

  // Exactly one frame, all of `stored`, into `out` (replaced). Throws Error(corrupt) when it is not, when its checksum
  // is wrong, or when it decompresses to anything but `plain_bytes`. Memory: never more than `plain_bytes`.
  void decompress(std::string_view stored, std::size_t plain_bytes, Buffer& out);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// Any zstd file as a stream: frames one after another, skippable frames skipped.
class ZstdStream {
 public:
  ZstdStream();
  ~ZstdStream();
  ZstdStream(const ZstdStream&) = delete;

  // Decompresses from `input` (advanced past what was used) and appends at most `most` bytes to `out`.
  // Throws Error(corrupt). The window is limited to 128 MiB: a frame that asks for more is refused.
  void push(std::string_view& input, Buffer& out, std::size_t most);
  // True between frames: the input may end here.
  bool at_frame_end() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bulk
