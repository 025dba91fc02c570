#include "src/backfill/rollback.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <filesystem>

#include "codecs/change.h"
#include "codecs/item.h"
#include "io/error.h"
#include "src/batch_pool.h"

namespace bulk {
namespace {

std::string_view line_at(const Buffer& lines, std::size_t begin) {
  const char* const from = lines.data() + begin;
  const void* const end = std::memchr(from, '\n', lines.size() - begin);
  return {from, end == nullptr ? lines.size() - begin : static_cast<std::size_t>(static_cast<const char*>(end) - from)};
}

class UndoBatches : public Reader {
 public:
  UndoBatches(const std::string& path, std::uint64_t sound_bytes) : log_(path), sound_bytes_(sound_bytes) {}

  bool read(Batch& batch) override {
    while (log_.position() < sound_bytes_) {
      const std::optional<UndoBlock> block = log_.next(batch.bytes);
      if (!block) {
        throw Error(ErrorKind::corrupt,
                    fmt::format("the undo log changed while it was read, at byte {}", log_.position()));
      }
      if (batch.bytes.empty()) continue;
      if (!batch.bytes.view().ends_with('\n')) batch.bytes.push_back('\n');
      for (std::size_t at = 0; at < batch.bytes.size();) {
        Record record;
        record.offset = static_cast<std::uint32_t>(at);
        record.length = static_cast<std::uint32_t>(line_at(batch.bytes, at).size());
        at += record.length + 1;
        batch.records.push_back(record);
      }
      batch.after = std::to_string(log_.position());
      return true;
    }
    batch.bytes.clear();
    return false;
  }

 private:
  UndoLogReader log_;
  const std::uint64_t sound_bytes_;
};

class UndoSource : public Source {
 public:
  UndoSource(std::string path, std::uint64_t sound_bytes) : path_(std::move(path)), sound_bytes_(sound_bytes) {}
  std::vector<Segment> plan() override { return {Segment{0, 1, 0, 0}}; }
  std::unique_ptr<Reader> open(const Segment&, const Cursor&) override {
    return std::make_unique<UndoBatches>(path_, sound_bytes_);
  }

 private:
  const std::string path_;
  const std::uint64_t sound_bytes_;
};

}  // namespace

std::unique_ptr<Source> make_undo_source(const std::string& path, std::uint64_t sound_bytes) {
  return std::make_unique<UndoSource>(path, sound_bytes);
}

class ReverseStep::Worker : public RecordWorker {
 public:
  explicit Worker(ReverseStep& step) : step_(step) {}

  void apply(Batch& batch, Tally& tally, Rejects& rejects) override {
    bytes_.clear();
    std::size_t kept = 0;
    for (Record record : batch.records) {
      std::string_view line = batch.line(record);
      const auto repeated = step_.index_.repeated.find(record.key_hash);
      if (repeated != step_.index_.repeated.end()) {
        const bool is_last = order_in_file(batch, record) == repeated->second.place;
        line = is_last ? std::string_view(repeated->second.line) : std::string_view();
      }
      if (line.empty()) {
        step_.superseded_.fetch_add(1, std::memory_order_relaxed);
        tally.filtered.add(record.digest);
        continue;
      }
      if (!reader_.read(line, change_) || change_.touched.empty()) {
        rejects.add(
            {change_.touched.empty() ? "there is nothing to take back" : reader_.problem(), line, 0, batch.segment});
        tally.rejected.add(record.digest);
        continue;
      }
      for (ChangedAttribute& attribute : change_.touched) std::swap(attribute.before, attribute.after);
      change_.given.clear();
      change_.void_before = false;
      record.size_bytes = static_cast<std::uint32_t>(line.size());
      record.offset = static_cast<std::uint32_t>(bytes_.size());
      text_.clear();
      append_change_line(text_, change_);
      record.length = static_cast<std::uint32_t>(text_.size());
      bytes_.append(text_);
      bytes_.push_back('\n');
      batch.records[kept++] = record;
    }
    batch.records.resize(kept);
    batch.bytes.swap(bytes_);
  }

 private:
  ReverseStep& step_;
  ChangeReader reader_;
  Change change_;
  std::string text_;
  Buffer bytes_;
};

std::unique_ptr<RecordWorker> ReverseStep::worker() {
  return std::make_unique<Worker>(*this);
}

std::vector<ConflictAnswer> RollbackResolver::resolve(std::span<const Conflicted> conflicts) {
  std::vector<ConflictAnswer> answers(conflicts.size());
  ChangeReader reader;
  Change change;
  ItemView view;
  for (std::size_t i = 0; i < conflicts.size(); ++i) {
    const Conflicted& conflict = conflicts[i];
    const bool sound = reader.read(conflict.line, change);
    view.reset(conflict.item);
    if (sound && !conflict.item.empty() && is_carried_out(change, view)) {
      if (conflict.unanswered) {
        answers[i].kind = ConflictAnswer::Kind::carried_out;
      } else {
        as_before_.fetch_add(1);
      }
      continue;
    }
    changed_since_.fetch_add(1);
    const std::lock_guard lock(mutex_);
    if (!file_) {
      std::error_code none;
      std::filesystem::remove(report_, none);
      file_.emplace(File::create_new(report_));
    }
    file_->write(fmt::format("{{\"Key\":{},\"Now\":{}}}\n", change.key,
                             conflict.item.empty() ? std::string_view("null") : conflict.item));
  }
  return answers;
}

void RollbackResolver::sync() {
  const std::lock_guard lock(mutex_);
  if (file_) file_->sync();
}

}  // namespace bulk
