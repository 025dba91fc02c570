// A dump as a target. The part sink writes docs/format.md: each batch becomes one frame, compressed, decompressed again
// and compared in the transform stage (encode), and is appended by the one session; finish() adds footer and seek table
// and publishes. The line sink writes the lines themselves, plain or as gzip members: for .jsonl, .jsonl.gz and `bulk
// cat`.
//
// A part in a file can be gone on with after a checkpoint() (docs/journal.md); where one cannot, checkpoint() says so
// by returning nothing.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/dump/output.h"
#include "backends/dump/part_progress.h"

namespace bulk {

std::unique_ptr<Sink> make_part_sink(std::unique_ptr<Output> output, const WriteOptions& options);
// Goes on with PATH.partial behind the last of options.checkpoints, after it has read and compared what stays of it.
// Error(corrupt) where that is not what they say.
std::unique_ptr<Sink> resume_part_sink(const std::string& path, const WriteOptions& options, const Stop& stop);
// The same behind what `output` holds of it, which has been compared with `kept`.
std::unique_ptr<Sink> resume_part_sink(std::unique_ptr<Output> output, const WriteOptions& options,
                                       const PartProgress& kept);
std::unique_ptr<Sink> make_line_sink(std::unique_ptr<Output> output, bool gzip);

// The batch of a write() to a sink with SinkLimits::whole_batches. Error(failed) when the records are not all of one
// batch: a frame cannot be written in pieces.
const Batch& whole_batch(std::span<const RecordRef> records);

}  // namespace bulk
