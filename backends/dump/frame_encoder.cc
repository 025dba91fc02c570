#include "backends/dump/frame_encoder.h"

#include <cstring>
#include <string>

#include "codecs/little_endian.h"
#include "io/error.h"

namespace bulk {
namespace {

// Batch::encoded: the stored frame, then its SHA-256 and the checksum of its content, so that hashing runs in parallel
// too.
constexpr std::size_t kTrailerBytes = sizeof(Sha256) + 4;

}  // namespace

struct FrameEncoder::Workbench {
  explicit Workbench(int level) : codec(level) {}
  FrameCodec codec;
  Buffer again;  // the frame decompressed
};

FrameEncoder::FrameEncoder(int level, bool compare) : level_(level), compare_(compare) {}
FrameEncoder::~FrameEncoder() = default;

std::unique_ptr<FrameEncoder::Workbench> FrameEncoder::take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto bench = std::move(free_.back());
      free_.pop_back();
      return bench;
    }
  }
  return std::make_unique<Workbench>(level_);
}

void FrameEncoder::give_back(std::unique_ptr<Workbench> bench) const {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(bench));
}

void FrameEncoder::encode(Batch& batch) const {
  batch.encoded.clear();
  if (batch.bytes.empty()) return;
  auto bench = take();
  bench->codec.compress(batch.bytes.view(), batch.encoded);
  if (compare_) bench->codec.decompress(batch.encoded.view(), batch.bytes.size(), bench->again);
  if (compare_ && bench->again.view() != batch.bytes.view()) {
    throw Error(ErrorKind::failed, "a compressed frame does not decompress to what it was made of",
                "suspect the memory of this machine");
  }
  const Sha256 hash = sha256(batch.encoded.view());
  std::string trailer(reinterpret_cast<const char*>(hash.data()), hash.size());
  const std::optional<std::uint32_t> checksum = content_checksum(batch.encoded.view());
  append_u32(trailer, checksum ? *checksum : xxh64_low32(batch.bytes.view()));
  batch.encoded.append(trailer);
  give_back(std::move(bench));
}

EncodedFrame encoded_frame(const Batch& batch) {
  if (batch.encoded.size() <= kTrailerBytes)
    throw Error(ErrorKind::failed, "a batch was written without being encoded");
  const std::size_t stored = batch.encoded.size() - kTrailerBytes;
  const char* const trailer = batch.encoded.data() + stored;
  EncodedFrame frame{batch.encoded.view(0, stored), {}, read_u32(trailer + sizeof(Sha256))};
  std::memcpy(frame.sha256.data(), trailer, frame.sha256.size());
  return frame;
}

}  // namespace bulk
