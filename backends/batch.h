// The unit that travels through the pipeline: the records of one read and the bytes that hold them. The bytes are whole
// record lines, each ended by '\n', in one buffer: exactly what a dump frame compresses and what a write request
// splices. Move-only; owned by one stage at a time (reader -> transform -> write stage -> pool), so nothing here is
// locked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/digest.h"
#include "io/buffer.h"

namespace bulk {

struct Record {
  std::uint32_t offset = 0;          // of its line in Batch::bytes
  std::uint32_t length = 0;          // of its line without the newline
  std::uint32_t size_bytes = 0;      // as the service counts it (DynamoDB: for capacity units)
  std::uint32_t position = 0;        // among the records of the batch as it was read; set by the transform stage
  Digest digest;                     // of the record; set by the transform stage
  Digest key_hash;                   // set by the transform stage when the key schema is known
  std::uint64_t partition_hash = 0;  // of the partition key's canonical text; set by the transform stage
};

// Opaque position inside a segment from which reading can go on; empty is the segment's beginning.
using Cursor = std::string;

struct Batch {
  Buffer bytes;
  std::vector<Record> records;
  std::uint32_t segment = 0;
  std::uint32_t table = 0;       // Segment::table
  std::uint64_t sequence = 0;    // 0, 1, 2, ... within the segment
  std::uint64_t first_line = 0;  // 1-based line number of records[0] in a foreign file; 0: not from lines
  Cursor after;                  // where reading goes on when all of this batch is done

  Buffer encoded;  // what Sink::encode made of the bytes (a dump: one stored frame), or what a log is to keep of them
  bool incomplete = false;  // some of its records were held back: nobody may go on behind it

  std::string_view line(const Record& record) const { return bytes.view(record.offset, record.length); }

  // Empty again, memory kept.
  void reset() {
    bytes.clear();
    records.clear();
    encoded.clear();
    after.clear();
    segment = 0;
    table = 0;
    sequence = 0;
    first_line = 0;
    incomplete = false;
  }
};

}  // namespace bulk
