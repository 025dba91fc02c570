// What a job makes of records: from an item to the change that has to be written, or to "nothing to do". The one place
// where changes come from: runs, dry runs, verification, conflicts and transforms on the way all ask here.
//
// A job is compiled once for a table's key (ChangeRules) and is then shared by all threads; a Changer has the scratch
// memory and, for a program, the co-process: one per thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/expression.h"
#include "codecs/key_schema.h"
#include "io/stop.h"
#include "src/backfill/job.h"

namespace bulk {

struct ChangeInput {
  std::string_view item;   // a legal item's JSON text
  std::size_t size_bytes;  // as DynamoDB counts it
  bool replaces = false;   // the change of this item that was logged before was not carried out
};

// What became of an item.
struct ChangeResult {
  enum class Kind {
    unchanged,
    changed,
    problem,  // the change cannot be carried out for this item: `problem` says why
  };
  Kind kind = Kind::unchanged;
  // Of the change line without its newline, and of the changed item's text, in ChangeSet.
  std::uint32_t line_offset = 0, line_length = 0;
  std::uint32_t item_offset = 0, item_length = 0;
  std::uint32_t size_bytes = 0;  // of the item, before or after, whichever is larger: what capacity is charged by
  std::string problem;
};

struct ChangeSet {
  std::string lines;
  std::string items;  // where wanted
  std::vector<ChangeResult> results;
  std::string_view line(const ChangeResult& result) const {
    return std::string_view(lines).substr(result.line_offset, result.line_length);
  }
  std::string_view item(const ChangeResult& result) const {
    return std::string_view(items).substr(result.item_offset, result.item_length);
  }
};

// What share of --memory the changes to one batch may take.
inline constexpr std::uint64_t kBatchShare = 8;

// What a job means for a table with this key.
class ChangeRules {
 public:
  // Error(usage) when the job's expressions are wrong, or it would change a key attribute. `where`: a condition in
  // relaxed spelling that narrows `when`; may be empty. `also_items`: the changed items' texts are wanted too.
  // `most_bytes`: of the changes to one batch; beyond it Error(failed).
  ChangeRules(BackfillJob job, const KeySchema& key, const std::string& where, bool also_items,
              std::uint64_t most_bytes = 64u << 20);
  ~ChangeRules();
  ChangeRules(ChangeRules&&) noexcept;

  const BackfillJob& job() const { return job_; }
  const KeySchema& key() const { return key_; }
  bool also_items() const { return also_items_; }
  // A Changer waits for another process.
  bool waits() const { return job_.is_program(); }

 private:
  friend class Changer;
  BackfillJob job_;
  KeySchema key_;
  bool also_items_;
  std::size_t most_bytes_;
  std::optional<Condition> when_, where_;
  std::optional<Update> update_;
  // Attributes that the outcome hangs on, but for keys (of a program those of `when`), and those that steps and updates
  // write; with their names as JSON.
  std::map<std::string, std::string> mentioned_;
  std::string marker_json_, marker_value_;
};

class Changer {
 public:
  // `rules` and `stop` outlive it.
  Changer(const ChangeRules& rules, Stop& stop);
  ~Changer();
  Changer(const Changer&) = delete;

  // What becomes of these items, one result each. Error(refused) when the job would apply again
  // to its own result; Error when the program fails or breaks its contract.
  void compute(std::span<const ChangeInput> items, ChangeSet& set);
  // No more items will come: of a program, that it ends well. Error otherwise.
  void finish();

 private:
  struct Scratch;

  void compute_here(std::span<const ChangeInput> items, ChangeSet& set);
  void compute_by_program(std::span<const ChangeInput> items, ChangeSet& set);
  void ask_program(std::span<const std::string_view> items);
  std::string_view answered_item(std::size_t index, std::string_view key_text);
  bool is_chosen(const ItemView& item) const;
  bool is_meant(const ItemView& item) const;
  bool apply(const ItemView& item, std::string& problem);
  void apply_steps(const ItemView& item);
  void differences(const ItemView& before, const ItemView& after);
  void complete(const ChangeInput& input, ChangeSet& set, ChangeResult& result);
  void add_read_by_program();
  [[noreturn]] void refuse_unsettled(std::string_view key) const;

  const ChangeRules& rules_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace bulk
