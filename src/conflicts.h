// Who is asked when a change could not be carried out because the record is no longer what the change was computed from
// (WriteResult::conflicts). The write stage asks; what the job makes of the record as it is now is src/backfill's
// business.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/batch.h"

namespace bulk {

struct Conflicted {
  std::string_view line;    // the change
  std::string_view item;    // the record as it is now; empty: there is none
  bool unanswered = false;  // an earlier attempt at this very change may have been carried out
  unsigned rounds = 0;      // conflicts that this record has had before this one
  std::uint32_t segment = 0;
  std::uint64_t batch = 0;  // Batch::sequence
};

struct ConflictAnswer {
  enum class Kind {
    carried_out,    // it was our own write
    nothing_to_do,  // counts as filtered
    again,          // `line` is a new change, which is durable in the undo log
    refused,        // for good, for this reason
  };
  Kind kind = Kind::nothing_to_do;
  std::string line;              // without newline
  std::uint32_t size_bytes = 0;  // Record::size_bytes of it
  std::string reason;
};

class ConflictResolver {
 public:
  virtual ~ConflictResolver() = default;
  // One answer each. Called by writer threads, several at once; may wait for a disk or a program.
  virtual std::vector<ConflictAnswer> resolve(std::span<const Conflicted> conflicts) = 0;
};

}  // namespace bulk
