// The text inside a foreign file: plain, gzip (any number of members) or zstd (any number of frames), decompressed as a
// stream in bounded memory. An input that ends inside a member or frame is corrupt, never silently shorter. One thread.
#pragma once

#include <memory>

#include "backends/dump/byte_input.h"

namespace bulk {

class TextInput {
 public:
  virtual ~TextInput() = default;
  // Appends at least one and at most `most` bytes of text; false at the end. Throws Error(corrupt).
  virtual bool read(Buffer& out, std::size_t most) = 0;
};

// By the kind of the input (not part, not age). `input` outlives the result.
std::unique_ptr<TextInput> make_text_input(ByteInput& input);

}  // namespace bulk
