// A batch as a frame of a part: compressed, decompressed again and compared, hashed. A pure function of the batch, run
// from many threads at once in the transform stage; which part the frame is for does not matter.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "backends/batch.h"
#include "codecs/zstd_frame.h"

namespace bulk {

class FrameEncoder {
 public:
  // `compare` false: the frame is not decompressed again.
  FrameEncoder(int level, bool compare);
  ~FrameEncoder();

  // Sink::encode(): fills batch.encoded.
  void encode(Batch& batch) const;
  bool compares() const noexcept { return compare_; }

 private:
  // What a thread needs to make a frame. Kept in a free list: encode() runs on threads that come and go.
  struct Workbench;
  std::unique_ptr<Workbench> take() const;
  void give_back(std::unique_ptr<Workbench> bench) const;

  const int level_;
  const bool compare_;
  mutable std::mutex mutex_;  // guards free_
  mutable std::vector<std::unique_ptr<Workbench>> free_;
};

// What encode() has made of the batch. Error(failed) when it has not.
struct EncodedFrame {
  std::string_view stored;  // in batch.encoded
  Sha256 sha256;
  std::uint32_t checksum;  // of its content
};
EncodedFrame encoded_frame(const Batch& batch);

}  // namespace bulk
