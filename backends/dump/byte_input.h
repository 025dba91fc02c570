// The bytes of a file or of a stream (standard input, a pipe), in order, with as much look-ahead as the caller asks
// for: the format of a dump is recognised by its first bytes and the same bytes are read again as data. One thread at a
// time. Waiting for a pipe is interrupted by the job's Stop.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "io/buffer.h"
#include "io/file.h"
#include "io/stop.h"

namespace bulk {

class ByteInput {
 public:
  // `arrived`, where there is one, is counted up by every byte that arrives.
  ByteInput(File file, const Stop& stop, std::atomic<std::uint64_t>* arrived = nullptr);

  // What lies ahead: at least `want` bytes, fewer only when the input ends before. Valid until the next call.
  std::string_view peek(std::size_t want);
  // Passes over bytes that peek() has shown.
  void skip(std::size_t bytes);

  std::uint64_t offset() const noexcept { return offset_; }   // of the first byte ahead
  const std::string& name() const noexcept { return name_; }  // for errors: the path, or "standard input"

 private:
  bool fill();

  File file_;
  const Stop& stop_;
  std::atomic<std::uint64_t>* const arrived_;
  std::string name_;
  bool may_block_;
  bool ended_ = false;
  Buffer buffer_;
  std::size_t begin_ = 0;  // of what lies ahead, in buffer_
  std::uint64_t offset_ = 0;
};

// What the input's first bytes say it is; nothing is consumed.
enum class InputKind { empty, part, zstd, gzip, age, plain };
InputKind detect_kind(ByteInput& input);

}  // namespace bulk
