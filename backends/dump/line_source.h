// A foreign file as a source: JSON lines or an Items file, plain, gzip or zstd, from disk or from a stream. Read in
// order as one segment by one thread; every record is brought into the normal form of our own lines. Nothing vouches
// for its completeness, and one key may come twice. A bad record ends the job with its line number: what cannot be read
// must not be missing from the target without a word.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/dump/byte_input.h"

namespace bulk {

std::unique_ptr<Source> make_line_source(std::shared_ptr<ByteInput> input, const ReadOptions& options);

}  // namespace bulk
