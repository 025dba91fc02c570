// What an undo log holds as a whole, from reading it once or twice: for a run that goes on, which changes are in doubt;
// for a rollback, what the several lines of one key come to. Pure reading, one thread, interrupted by Stop.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "codecs/key_schema.h"
#include "io/stop.h"
#include "src/backfill/change_step.h"
#include "src/backfill/undo_log.h"

namespace bulk {

struct UndoIndex {
  UndoHeader header;
  std::uint64_t changes = 0;  // lines of it
  std::uint64_t sound_bytes = 0;
  bool torn = false;
  Doubts in_doubt;  // changes in batches that were not settled
  // Of keys with several lines, what they come to.
  struct Repeated {
    std::uint64_t place = 0;  // of the last line: number of the block, then of the line in it
    std::string line;         // one change for all that were carried out; empty: there was none
  };
  std::unordered_map<Digest, Repeated, DigestHash> repeated;
};

// For going on: `settled` says how many batches of each segment are settled; the changes of the others, in blocks from
// byte `from_bytes` on, are in_doubt, up to 64 MB of them: those beyond count as unchanged where they are met again.
// Error(corrupt) when the log is damaged or shorter than `least_bytes`; a torn end behind that is none.
UndoIndex read_doubts(const std::string& path, const KeySchema& key,
                      const std::map<std::uint32_t, std::uint64_t>& settled, std::uint64_t from_bytes,
                      std::uint64_t least_bytes, const Stop& stop);

// For taking back: finds what is repeated (src/key_ledger.h: in bounded memory, with a temporary file). The lines of
// repeated keys are held in memory: Error(failed) when they are more than `most_bytes`. Error(corrupt) as above.
UndoIndex read_repeated(const std::string& path, const KeySchema& key, const std::string& temporary_directory,
                        std::uint64_t least_bytes, std::uint64_t most_bytes, const Stop& stop);

}  // namespace bulk
