#include "src/backfill/resolver.h"

#include <fmt/format.h>

#include <algorithm>

#include "codecs/change.h"
#include "codecs/item.h"
#include "io/error.h"

namespace bulk {

ChangeLog::ChangeLog(UndoLog& log, const std::map<std::uint32_t, SegmentProgress>& past) : log_(log) {
  for (const auto& [segment, progress] : past) batches_before_[segment] = progress.batches;
}

std::uint64_t ChangeLog::number(std::uint32_t segment, std::uint64_t sequence) const {
  const auto before = batches_before_.find(segment);
  return (before == batches_before_.end() ? 0 : before->second) + sequence;
}

void ChangeLog::write_down(std::span<Work* const> works) {
  std::vector<UndoBlock> blocks;
  for (const Work* const work : works) {
    const Batch& batch = work->batch;
    blocks.push_back({batch.segment, number(batch.segment, batch.sequence), batch.records.size(),
                      frame_content_bytes(batch.encoded.view()), batch.encoded.view()});
  }
  log_.append(blocks);
  for (Work* const work : works) work->batch.encoded.clear();
}

void ChangeLog::write_down(std::span<const Lines> lines) {
  FrameCodec codec;
  std::vector<Buffer> frames(lines.size());
  std::vector<UndoBlock> blocks;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    codec.compress(lines[i].text, frames[i]);
    blocks.push_back({lines[i].segment, number(lines[i].segment, lines[i].sequence), lines[i].records,
                      lines[i].text.size(), frames[i].view()});
  }
  log_.append(blocks);
}

std::unique_ptr<Changer> BackfillResolver::take_changer() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Changer> changer = std::move(idle_.back());
      idle_.pop_back();
      return changer;
    }
  }
  return std::make_unique<Changer>(rules_, stop_);
}

namespace {

// The lines of one call, by the batch that they belong to.
class LinesOfBatches {
 public:
  void add(const Conflicted& conflict, std::string_view line) {
    auto lines = std::find_if(logged_.begin(), logged_.end(), [&](const ChangeLog::Lines& one) {
      return one.segment == conflict.segment && one.sequence == conflict.batch;
    });
    if (lines == logged_.end()) {
      logged_.push_back({conflict.segment, conflict.batch, {}, 0});
      lines = logged_.end() - 1;
    }
    lines->text += line;
    lines->text += '\n';
    ++lines->records;
  }
  // The change that was in conflict was not carried out and has no successor: there is nothing to take back. One whose
  // outcome is not known stays.
  void add_void(const Conflicted& conflict, std::string_view key) {
    if (conflict.unanswered) return;
    Change nothing;
    nothing.key = key;
    nothing.void_before = true;
    std::string line;
    append_change_line(line, nothing);
    add(conflict, line);
  }
  const std::vector<ChangeLog::Lines>& lines() const { return logged_; }

 private:
  std::vector<ChangeLog::Lines> logged_;
};

}  // namespace

std::vector<ConflictAnswer> BackfillResolver::resolve(std::span<const Conflicted> conflicts) {
  std::vector<ConflictAnswer> answers(conflicts.size());
  ChangeReader reader;
  Change change;
  ItemView view;
  ItemScanner scanner(&rules_.key());
  std::vector<ChangeInput> inputs;
  std::vector<std::size_t> asked;
  std::vector<std::string> keys(conflicts.size());
  LinesOfBatches logged;
  for (std::size_t i = 0; i < conflicts.size(); ++i) {
    const Conflicted& conflict = conflicts[i];
    if (!reader.read(conflict.line, change)) {
      throw Error(ErrorKind::corrupt, "a change that was sent cannot be read: " + reader.problem());
    }
    keys[i] = change.key;
    ItemFacts facts;
    if (conflict.item.empty()) {  // gone: nothing to do
      logged.add_void(conflict, keys[i]);
      continue;
    }
    if (!scanner.scan(conflict.item, facts)) {
      answers[i] = {ConflictAnswer::Kind::refused, {}, 0, "what is there now is no item: " + scanner.problem().text};
      logged.add_void(conflict, keys[i]);
      continue;
    }
    view.reset(conflict.item);
    if (conflict.unanswered && is_carried_out(change, view)) {
      answers[i].kind = ConflictAnswer::Kind::carried_out;
    } else if (conflict.rounds >= kMostRounds) {
      answers[i] = {ConflictAnswer::Kind::refused,
                    {},
                    0,
                    fmt::format("others changed it {} times while it was being changed", conflict.rounds)};
      logged.add_void(conflict, keys[i]);
    } else {
      inputs.push_back({conflict.item, facts.size_bytes, !conflict.unanswered});
      asked.push_back(i);
    }
  }

  if (!inputs.empty()) {
    std::unique_ptr<Changer> changer = take_changer();
    ChangeSet set;
    changer->compute(inputs, set);
    for (std::size_t k = 0; k < asked.size(); ++k) {
      const ChangeResult& result = set.results[k];
      const Conflicted& conflict = conflicts[asked[k]];
      ConflictAnswer& answer = answers[asked[k]];
      if (result.kind == ChangeResult::Kind::changed) {
        answer.kind = ConflictAnswer::Kind::again;
        answer.line = set.line(result);
        answer.size_bytes = result.size_bytes;
        logged.add(conflict, answer.line);
        continue;
      }
      if (result.kind == ChangeResult::Kind::problem) {
        answer.kind = ConflictAnswer::Kind::refused;
        answer.reason = result.problem;
      }
      logged.add_void(conflict, keys[asked[k]]);
    }
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(changer));
  }
  if (!logged.lines().empty()) log_.write_down(logged.lines());
  return answers;
}

void BackfillResolver::finish() {
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Changer>& changer : idle_) changer->finish();
  idle_.clear();
}

}  // namespace bulk
