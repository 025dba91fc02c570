// The journal of one piece of work as a file (docs/journal.md): locked from construction to destruction, so that two
// runs of the same work do not meet, and appended to durably. What the entries say is src/journal_text.h.
//
// Used by one thread at a time: the command's, and in between whichever thread src/checkpoint.h lets write.
#pragma once

#include <optional>
#include <string>

#include "io/file.h"
#include "src/journal_text.h"

namespace bulk {

class Journal {
 public:
  // Makes the file when there is none. Error(locked) when another run holds it; `what` is what that run is doing:
  // "'x.jsonl.zst.partial' is being written".
  Journal(std::string path, const std::string& what);
  // Removed when it holds nothing that a later run could go on from.
  ~Journal();
  Journal(const Journal&) = delete;

  const std::string& path() const noexcept { return path_; }

  // What an earlier run has left. Throws as decode_journal does.
  const std::optional<JournalContent>& past();

  // Starts afresh. Nothing of the past remains from here on.
  void begin(const JournalHeader& header);
  // Goes on behind the last sound entry of the past.
  void go_on();
  // Appends an entry and makes it durable. Once it has failed it must not be called again.
  void append(const std::string& entry);

  // From here on the file survives this object: there is something to go on from.
  void keep() noexcept { kept_ = true; }
  bool kept() const noexcept { return kept_; }
  // The work is done and reported, or what there is must not be gone on from.
  void remove();

 private:
  std::string path_;
  File file_;
  bool read_ = false;
  std::optional<JournalContent> past_;
  bool kept_ = false;
};

// What the first `most_bytes` of the journal at `path` say, without locking it: nothing when there is none or it is not
// sound. `busy` is set when a run holds it.
std::optional<JournalContent> look_at_journal(const std::string& path, bool& busy, std::uint64_t most_bytes = 1u << 20);

}  // namespace bulk
