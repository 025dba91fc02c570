#include "src/backfill/change_step.h"

#include "codecs/change.h"
#include "codecs/item.h"
#include "codecs/lines.h"
#include "codecs/zstd_frame.h"
#include "src/backfill/where.h"

namespace bulk {
namespace {

// Where a batch's lines are put together anew.
class NewLines {
 public:
  void clear() {
    bytes_.clear();
    records_.clear();
  }
  void add(Record record, std::string_view before, std::string_view text, std::string_view after) {
    record.offset = static_cast<std::uint32_t>(bytes_.size());
    record.length = static_cast<std::uint32_t>(before.size() + text.size() + after.size());
    bytes_.append(before);
    bytes_.append(text);
    bytes_.append(after);
    bytes_.push_back('\n');
    records_.push_back(record);
  }
  void swap_into(Batch& batch) {
    batch.bytes.swap(bytes_);
    batch.records.swap(records_);
  }

 private:
  Buffer bytes_;
  std::vector<Record> records_;
};

}  // namespace

class ChangeStep::Worker : public RecordWorker {
 public:
  Worker(ChangeStep& step) : step_(step), changer_(step.rules_, step.stop_) {}

  void apply(Batch& batch, Tally& tally, Rejects& rejects) override {
    inputs_.clear();
    for (const Record& record : batch.records) {
      inputs_.push_back({item_of_line(batch.line(record)), record.size_bytes});
    }
    changer_.compute(inputs_, set_);
    lines_.clear();
    undo_.clear();
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record& record = batch.records[i];
      const ChangeResult& result = set_.results[i];
      if (step_.mode_ == ChangeMode::rewrite) {
        rewrite(batch, record, result, tally, rejects);
      } else {
        change(batch, record, result, tally, rejects);
      }
    }
    lines_.swap_into(batch);
    if (batch.records.empty()) return;
    if (step_.mode_ == ChangeMode::log_and_update) codec_.compress(batch.bytes.view(), batch.encoded);
    if (step_.mode_ == ChangeMode::log_and_put) codec_.compress(undo_.view(), batch.encoded);
  }

  void finish() override { changer_.finish(); }

 private:
  void change(Batch& batch, const Record& record, const ChangeResult& result, Tally& tally, Rejects& rejects) {
    if (result.kind == ChangeResult::Kind::unchanged) {
      (was_carried_out(batch, record) ? tally.written : tally.filtered).add(record.digest);
      return;
    }
    if (result.kind == ChangeResult::Kind::problem) {
      if (step_.mode_ == ChangeMode::look) {
        step_.problems_.fetch_add(1, std::memory_order_relaxed);
        tally.filtered.add(record.digest);
      } else {
        reject(batch, record, result.problem, tally, rejects);
      }
      return;
    }
    if (step_.most_ > 0 && step_.changed_.fetch_add(1, std::memory_order_relaxed) >= step_.most_) {
      step_.changed_.fetch_sub(1, std::memory_order_relaxed);
      step_.held_back_.store(true, std::memory_order_relaxed);
      batch.incomplete = true;
      tally.read -= {1, record.digest};
      return;
    }
    if (step_.most_ == 0) step_.changed_.fetch_add(1, std::memory_order_relaxed);
    Record changed = record;
    changed.size_bytes = result.size_bytes;
    if (step_.mode_ == ChangeMode::log_and_put) {
      lines_.add(changed, kItemLinePrefix, set_.item(result), kItemLineSuffix);
      undo_.append(set_.line(result));
      undo_.push_back('\n');
    } else {
      lines_.add(changed, "", set_.line(result), "");
    }
  }

  // An earlier run has logged a change of this record, and that is how it is now.
  bool was_carried_out(const Batch& batch, const Record& record) {
    const auto doubt = step_.in_doubt_.find(record.key_hash);
    if (doubt == step_.in_doubt_.end() || !reader_.read(doubt->second, doubted_)) return false;
    view_.reset(item_of_line(batch.line(record)));
    return is_carried_out(doubted_, view_);
  }

  void rewrite(Batch& batch, const Record& record, const ChangeResult& result, Tally& tally, Rejects& rejects) {
    switch (result.kind) {
      case ChangeResult::Kind::unchanged:
        lines_.add(record, "", batch.line(record), "");
        break;
      case ChangeResult::Kind::problem:
        reject(batch, record, result.problem, tally, rejects);
        break;
      case ChangeResult::Kind::changed: {
        ItemFacts facts;
        if (!scanner_.scan(set_.item(result), facts)) {
          reject(batch, record, scanner_.problem().text, tally, rejects);
          break;
        }
        Record changed = record;
        changed.digest = facts.digest;
        changed.size_bytes = static_cast<std::uint32_t>(facts.size_bytes);
        tally.taken.add(record.digest);
        tally.made.add(changed.digest);
        step_.changed_.fetch_add(1, std::memory_order_relaxed);
        lines_.add(changed, kItemLinePrefix, set_.item(result), kItemLineSuffix);
        break;
      }
    }
  }

  static void reject(Batch& batch, const Record& record, const std::string& reason, Tally& tally, Rejects& rejects) {
    rejects.add(
        {reason, batch.line(record), batch.first_line == 0 ? 0 : batch.first_line + record.position, batch.segment});
    tally.rejected.add(record.digest);
  }

  ChangeStep& step_;
  Changer changer_;
  ItemScanner scanner_;
  FrameCodec codec_;
  std::vector<ChangeInput> inputs_;
  ChangeSet set_;
  NewLines lines_;
  Buffer undo_;
  ChangeReader reader_;  // of changes in doubt
  Change doubted_;
  ItemView view_;
};

ChangeStep::ChangeStep(const ChangeRules& rules, ChangeMode mode, std::uint64_t most_changes, const Doubts& in_doubt,
                       Stop& stop)
    : rules_(rules), mode_(mode), most_(most_changes), in_doubt_(in_doubt), stop_(stop) {}

std::unique_ptr<RecordWorker> ChangeStep::worker() {
  return std::make_unique<Worker>(*this);
}

namespace {

class WhereWorker : public RecordWorker {
 public:
  explicit WhereWorker(const Condition& where) : where_(where) {}

  void apply(Batch& batch, Tally& tally, Rejects&) override {
    lines_.clear();
    for (const Record& record : batch.records) {
      const std::string_view line = batch.line(record);
      view_.reset(item_of_line(line));
      if (where_.holds(view_)) {
        lines_.add(record, "", line, "");
      } else {
        tally.filtered.add(record.digest);
      }
    }
    lines_.swap_into(batch);
  }

 private:
  const Condition& where_;
  ItemView view_;
  NewLines lines_;
};

}  // namespace

WhereStep::WhereStep(const std::string& where) : where_(parse_where(where)) {}

std::unique_ptr<RecordWorker> WhereStep::worker() {
  return std::make_unique<WhereWorker>(where_);
}

}  // namespace bulk
