// Changes whose record was another by the time they arrived. All that a round of the loop has met are resolved
// together, so that they share the log's fsync. A record whose change is computed anew is copied aside: its batch holds
// the old one.
#include "io/error.h"
#include "src/write_stage.h"

namespace bulk {

// Takes the records in conflict out of the slice. `left` are those that were not processed.
void Writer::note_conflicts(Attempt& attempt, WriteResult& result) {
  if (context_.conflicts == nullptr) {
    throw Error(ErrorKind::failed, "a record changed while it was written, and nobody is there to say what to do");
  }
  for (WriteResult::Conflict& conflict : result.conflicts) {
    const Pending entry = attempt.slice.at(conflict.position);
    const auto copy = aside_.find(entry.batch);
    conflicts_.push_back({entry, std::move(conflict.item), copy == aside_.end() ? 0 : copy->second.rounds});
  }
}

void Writer::resolve_conflicts() {
  if (conflicts_.empty()) return;
  std::vector<Conflicted> questions;
  questions.reserve(conflicts_.size());
  for (const Conflict& conflict : conflicts_) {
    const Batch& batch = conflict.entry.work->batch;
    questions.push_back({conflict.entry.batch->line(conflict.entry.record()), conflict.item, conflict.entry.unanswered,
                         conflict.rounds, batch.segment, batch.sequence});
  }
  context_.progress.conflicts.fetch_add(conflicts_.size(), std::memory_order_relaxed);
  std::vector<ConflictAnswer> answers = context_.conflicts->resolve(questions);
  for (std::size_t i = 0; i < conflicts_.size(); ++i) {
    const Conflict& conflict = conflicts_[i];
    ConflictAnswer& answer = answers.at(i);
    switch (answer.kind) {
      case ConflictAnswer::Kind::carried_out:
        settle({&conflict.entry, 1}, Settled::written);
        break;
      case ConflictAnswer::Kind::nothing_to_do:
        settle({&conflict.entry, 1}, Settled::filtered);
        break;
      case ConflictAnswer::Kind::refused:
        context_.rejects.add({answer.reason, conflict.entry.batch->line(conflict.entry.record()), 0,
                              conflict.entry.work->batch.segment});
        settle({&conflict.entry, 1}, Settled::rejected);
        break;
      case ConflictAnswer::Kind::again:
        again_.push_back(replaced(conflict.entry, answer, conflict.rounds + 1));
        break;
    }
  }
  conflicts_.clear();
}

// The same record with another line, which was never sent. Its copy counts against the budget of copies even where that
// is used up: there are never more of them than requests under way.
Pending Writer::replaced(const Pending& entry, const ConflictAnswer& answer, unsigned rounds) {
  auto copy = std::make_unique<Batch>();
  copy->bytes.append(answer.line);
  copy->records.push_back(entry.record());
  Record& record = copy->records.front();
  record.offset = 0;
  record.length = static_cast<std::uint32_t>(answer.line.size());
  record.size_bytes = answer.size_bytes;
  context_.pool.charge_aside(record.length + sizeof(Batch));
  const Pending aside{entry.work, copy.get(), 0};
  leave_place(entry);
  aside_.emplace(aside.batch, Aside{std::move(copy), rounds});
  return aside;
}

// New attempts of records that were in conflict.
void Writer::launch_again(SteadyTime now) {
  while (!again_.empty() && room() && has_idle_attempt()) {
    const Ticket ticket = idle_attempt();
    std::vector<Pending>& slice = attempts_[ticket].slice;
    std::size_t bytes = 0;
    while (!again_.empty() && slice.size() < limits_.records) {
      bytes += again_.front().record().length;
      if (!slice.empty() && bytes > limits_.bytes) break;
      slice.push_back(again_.front());
      again_.pop_front();
    }
    hold(ticket);
    send_held(now);
  }
}

}  // namespace bulk
