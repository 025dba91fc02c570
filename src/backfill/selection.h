// --where and --transform of backup, restore and copy: which records go on, and as what. Used by the command's thread;
// the step itself is shared by the transform's workers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/app_context.h"
#include "src/backfill/change_step.h"

namespace bulk {

class Selection {
 public:
  // Of the options; error texts as Condition::parse() and read_job() have them.
  // `wanted` false: none, whatever the options say.
  explicit Selection(AppContext& context, bool wanted = true);

  bool any() const { return !where_.empty() || job_; }
  // What a dump's header says of it, one JSON object; empty: nothing is left out or changed. `before`: what the source
  // says of itself.
  std::string json(const std::string& before) const;
  // For a table or dump with this key (null: unknown, Error(usage) where it is needed); null: none. Lives as long as
  // this object.
  RecordStep* step(const KeySchema* key);

 private:
  AppContext& context_;
  std::string where_;
  std::optional<BackfillJob> job_;
  std::optional<ChangeRules> rules_;
  Doubts none_;
  std::vector<std::unique_ptr<RecordStep>> steps_;
  std::unique_ptr<RecordStep> all_;
};

}  // namespace bulk
