// What the history (src/history.h) says about this run: a line when it starts, with what is known then, and one when it
// ends, with everything. A history that cannot be written is a warning and never ends a run.
//
// Recorded are backup, restore, copy, verify, diff and drop; not what only looks, and no dry runs. Where nothing says
// where the state folder is (no HOME), nothing is recorded, silently. Used by the command's thread.
#pragma once

#include <optional>
#include <string>

#include "src/app_context.h"
#include "src/history.h"

namespace bulk {

class RunRecord {
 public:
  // Writes the first line. Warns through the context.
  explicit RunRecord(AppContext& context);

  // Writes the last line; the summary is final. Returns what went wrong, for a warning, or nothing.
  std::string end(const Summary& summary);

 private:
  std::string path_;  // empty: not recorded
  HistoryRun run_;
};

}  // namespace bulk
