// A part as a source. From a file: segments are runs of frames, one frame is one batch, frames are read and checked in
// parallel; the cursor is the number of the next frame. From a stream: the same frames in order, one segment; the
// footer comes last, so totals are known (and checked) only when everything has been read.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/dump/byte_input.h"
#include "backends/dump/part_file.h"

namespace bulk {

std::unique_ptr<Source> make_part_source(std::shared_ptr<const PartFile> part, const ReadOptions& options);
// The frames [begin, end) of a part.
std::unique_ptr<Reader> open_frames(std::shared_ptr<const PartFile> part, std::uint64_t begin, std::uint64_t end,
                                    const Cursor& from, const ReadOptions& options);

// The header at the front of a stream, which is consumed. Throws Error(corrupt).
DumpHeader read_stream_header(ByteInput& input);
// `input` began with the header and stands behind it. Source::expected() has the footer's totals once the
// reader has returned false.
std::unique_ptr<Source> make_part_stream_source(std::shared_ptr<ByteInput> input, bool distinct_keys,
                                                const ReadOptions& options);

// The records of whole lines, and an Error where a frame is larger than a batch may be.
void cut_frame(Batch& batch);
void check_frame_fits(const std::string& name, std::uint64_t plain_bytes, const ReadOptions& options);

}  // namespace bulk
