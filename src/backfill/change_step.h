// A job's work on the way through the pipeline: which records are meant, and what becomes of them.
//
// - `log_and_update`, `log_and_put`: a backfill. A batch of items becomes one of changes, or of changed items; what the
//   undo log is to keep of them is compressed into batch.encoded. Records with nothing to do count as filtered.
// - `look`: the same without a log, for dry runs and verification.
// - `rewrite`: a transform on the way of a backup, restore or copy. Records for which the selection does not hold count
//   as filtered, changed ones go on as they are afterwards.
//
// Shared by all workers; what is counted is atomic.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "src/backfill/changer.h"
#include "src/record_step.h"

namespace bulk {

struct DigestHash {
  std::size_t operator()(const Digest& digest) const noexcept { return digest.low; }
};
// By the hash of a key, the last change of it that an earlier run has logged.
using Doubts = std::unordered_map<Digest, std::string, DigestHash>;

enum class ChangeMode { log_and_update, log_and_put, look, rewrite };

class ChangeStep : public RecordStep {
 public:
  // `most_changes`: when so many have been made, all further records are held back, as if they had not been read; 0: no
  // limit. `in_doubt`: changes that an earlier run has logged and perhaps carried out. All that is given outlives
  // it.
  ChangeStep(const ChangeRules& rules, ChangeMode mode, std::uint64_t most_changes, const Doubts& in_doubt, Stop& stop);

  bool waits() const override { return rules_.waits(); }
  std::unique_ptr<RecordWorker> worker() override;

  // Records whose change cannot be carried out; of `look` alone, where they count as filtered.
  std::uint64_t problems() const { return problems_.load(std::memory_order_relaxed); }
  bool enough() const { return held_back_.load(std::memory_order_relaxed) || (most_ > 0 && changed() >= most_); }
  std::uint64_t changed() const { return changed_.load(std::memory_order_relaxed); }
  // Some of the records that were read were left for another run.
  bool held_back() const { return held_back_.load(std::memory_order_relaxed); }

 private:
  class Worker;

  const ChangeRules& rules_;
  const ChangeMode mode_;
  const std::uint64_t most_;
  const Doubts& in_doubt_;
  Stop& stop_;
  std::atomic<std::uint64_t> changed_{0}, problems_{0};
  std::atomic<bool> held_back_{false};
};

// `--where` alone: records for which it does not hold count as filtered.
class WhereStep : public RecordStep {
 public:
  explicit WhereStep(const std::string& where);
  std::unique_ptr<RecordWorker> worker() override;

 private:
  Condition where_;
};

}  // namespace bulk
