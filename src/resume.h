// Going on where an earlier run of the same work has stopped (docs/journal.md): finds and locks the work's journal,
// decides whether what it says is still true of this source, this target and these options, and gives the checkpoint
// that the pipeline works with.
//
// One per load or dump. AppContext keeps it until the run has been reported: only then does the journal go.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "src/app_context.h"
#include "src/checkpoint.h"
#include "src/journal.h"

namespace bulk {

class Resume {
 public:
  // Locks the work's journal. Error(locked) when another run does the same work.
  Resume(AppContext& context, Store& from, Store& to);

  // Whether --resume was given and there is something to go on from. `target_id`: Store::incarnation() of a table,
  // empty for a dump or a table that is not there. A target or a source that was made anew is other work: then the
  // answer is no, with a note. Error(refused) where a dump or options differ, or the file is the unfinished dump of
  // another source.
  bool goes_on(const std::string& target_id);
  // What is gone on from; only when goes_on() said so.
  const JournalContent& past() { return *journal_.past(); }
  // An earlier run of this work has stopped half-way, and nobody said --resume.
  bool is_left_lying();

  // One of these two before the first record: starts the journal afresh, or goes on with it. `keep`: from now on there
  // is something in the target, and a later run may go on whether or not a checkpoint has been made.
  void begin(const std::string& started, const std::string& target_id, bool was_empty, bool created, bool keep);
  void go_on();
  // An earlier run that stopped half-way had made the target, or was about to.
  bool was_creating();
  // Which work it is, the same in all its runs; after begin() or go_on().
  const std::string& work_id() const noexcept { return work_id_; }
  // For the pipeline; after begin() or go_on().
  Checkpoint& checkpoint() { return *checkpoint_; }

  void note_verified() { journal_.append(verified_entry()); }
  // What can be said to somebody whose run has failed like this: does --resume help? Always where the run was cut off
  // from outside, and where work would be saved; a failure of its own before that is there again.
  bool helps(ErrorKind kind);
  // The work is done and was reported.
  void end() { journal_.remove(); }

 private:
  AppContext& context_;
  JournalWork work_;
  Journal journal_;
  bool from_dump_;
  bool one_table_;  // --segments says how many segments there are in all
  std::string work_id_;
  std::optional<Checkpoint> checkpoint_;
};

// 16 hex digits that no other work has: of `what`, the time and the process.
std::string new_work_id(const std::string& what);

// Null where the work cannot be resumed: a source that can be read only once, or whose cursors do not last
// (Store::lasting_cursors()) on its way into a table, a dump that is no file of ours, no folder for the journal (with a
// warning).
std::shared_ptr<Resume> open_resume(AppContext& context, Store& from, Store& to);

// The unfinished dump of `from` in `folder` that --resume goes on with: the newest one that nobody is writing; nothing
// when there is none. With --resume Error(locked) when there are only such that are being written.
std::optional<std::string> unfinished_dump(const AppContext& context, Store& from, const std::string& folder);

}  // namespace bulk
