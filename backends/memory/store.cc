#include "backends/memory/store.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "backends/change_gate.h"
#include "backends/item_gate.h"
#include "backends/schema.h"
#include "codecs/lines.h"
#include "io/error.h"

namespace bulk {
namespace {

using Lines = std::vector<std::shared_ptr<const std::string>>;

class MemoryReader : public Reader {
 public:
  MemoryReader(Lines lines, std::size_t next, std::size_t batch_bytes)
      : lines_(std::move(lines)), next_(next), batch_bytes_(batch_bytes) {}

  bool read(Batch& batch) override {
    while (next_ < lines_.size() && (batch.records.empty() || batch.bytes.size() < batch_bytes_)) {
      const std::string& line = *lines_[next_++];
      Record record;
      record.offset = static_cast<std::uint32_t>(batch.bytes.size());
      record.length = static_cast<std::uint32_t>(line.size());
      batch.bytes.append(line);
      batch.bytes.push_back('\n');
      batch.records.push_back(record);
    }
    batch.after = std::to_string(next_);
    return !batch.records.empty();
  }

 private:
  Lines lines_;
  std::size_t next_;
  std::size_t batch_bytes_;
};

class MemorySource : public Source {
 public:
  MemorySource(MemoryTable& table, const ReadOptions& options)
      : segments_(std::max(1u, options.segments.value_or(options.jobs))), batch_bytes_(options.batch_bytes) {
    const std::lock_guard lock(table.mutex);
    rows_.reserve(table.rows.size());
    for (const auto& [key, row] : table.rows) rows_.push_back(row);
  }

  std::vector<Segment> plan() override {
    std::vector<Segment> plan;
    for (unsigned i = 0; i < segments_; ++i) plan.push_back({i, segments_, 0, 0});
    return plan;
  }

  // As with a Scan it is the segment that says how the table is cut, not this source.
  std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) override {
    Lines lines;
    for (const MemoryTable::Row& row : rows_) {
      if (row.key_hash.high % segment.count == segment.index) lines.push_back(row.line);
    }
    std::size_t next = 0;
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), next);
    if (!from.empty() && (error != std::errc() || end != from.data() + from.size() || next > lines.size())) {
      throw Error(ErrorKind::failed, "memory table: no cursor of this source: " + from);
    }
    return std::make_unique<MemoryReader>(std::move(lines), next, batch_bytes_);
  }

  bool consistent() const override { return true; }

 private:
  unsigned segments_;
  std::vector<MemoryTable::Row> rows_;  // ordered by key
  std::size_t batch_bytes_;
};

class MemorySession : public BlockingSession {
 public:
  MemorySession(std::shared_ptr<MemoryTable> table, const KeySchema& key, bool only_missing)
      : table_(std::move(table)), gate_(key), only_missing_(only_missing) {}

  WriteResult write(std::span<const RecordRef> records) override {
    WriteResult result;
    std::vector<std::pair<std::string, MemoryTable::Row>> rows;
    for (const RecordRef& record : records) {
      if (!gate_.admit(record.line())) {
        result.outcome = WriteResult::Outcome::invalid;
        result.reason = gate_.reason();
        return result;
      }
      rows.emplace_back(gate_.key_text(),
                        MemoryTable::Row{std::make_shared<const std::string>(record.line()), gate_.facts().key_hash});
    }
    const std::lock_guard lock(table_->mutex);
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
      auto& [key, row] = rows[i];
      if (only_missing_ && table_->rows.contains(key)) {
        result.skipped.push_back(i);
      } else {
        table_->rows.insert_or_assign(std::move(key), std::move(row));
      }
    }
    return result;
  }

 private:
  std::shared_ptr<MemoryTable> table_;
  ItemGate gate_;
  bool only_missing_;
};

class MemoryUpdateSession : public BlockingSession {
 public:
  MemoryUpdateSession(std::shared_ptr<MemoryTable> table, const KeySchema& key)
      : table_(std::move(table)), gate_(key) {}

  WriteResult write(std::span<const RecordRef> records) override {
    WriteResult result;
    std::vector<std::pair<MemoryTable::Row*, std::shared_ptr<const std::string>>> before;  // of what has been changed
    const auto invalid = [&] {
      for (auto last = before.rbegin(); last != before.rend(); ++last) last->first->line = std::move(last->second);
      WriteResult nothing_done;
      nothing_done.outcome = WriteResult::Outcome::invalid;
      nothing_done.reason = gate_.reason();
      return nothing_done;
    };
    std::string changed;
    const std::lock_guard lock(table_->mutex);
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (!gate_.admit(records[i].line())) return invalid();
      const auto row = table_->rows.find(gate_.key_text());
      const std::string_view item = row == table_->rows.end() ? std::string_view() : item_of_line(*row->second.line);
      switch (gate_.carry_out(item, changed)) {
        case ChangeGate::Outcome::refused:
          return invalid();
        case ChangeGate::Outcome::conflict:
          result.conflicts.push_back({i, std::string(item)});
          break;
        case ChangeGate::Outcome::changed:
          std::string line(kItemLinePrefix);
          line.append(changed).append(kItemLineSuffix);
          auto now = std::make_shared<const std::string>(std::move(line));
          before.emplace_back(&row->second, std::exchange(row->second.line, std::move(now)));
      }
    }
    return result;
  }

 private:
  std::shared_ptr<MemoryTable> table_;
  ChangeGate gate_;
};

enum class MemoryWrites { puts, puts_of_missing, changes };

class MemorySink : public Sink {
 public:
  MemorySink(std::shared_ptr<MemoryTable> table, KeySchema key, MemoryWrites writes)
      : table_(std::move(table)), key_(std::move(key)), writes_(writes) {}

  // As BatchWriteItem has them, so that the write stage cuts here as it does there.
  SinkLimits limits() const override {
    return {.records = 25, .bytes = 16u << 20, .whole_batches = false, .sessions = 16};
  }
  std::unique_ptr<SinkSession> open() override {
    if (writes_ == MemoryWrites::changes) return std::make_unique<MemoryUpdateSession>(table_, key_);
    return std::make_unique<MemorySession>(table_, key_, writes_ == MemoryWrites::puts_of_missing);
  }
  void finish() override {}

 private:
  std::shared_ptr<MemoryTable> table_;
  KeySchema key_;
  MemoryWrites writes_;
};

}  // namespace

void MemoryStore::require_table() const {
  if (!table_->schema) throw Error(ErrorKind::not_found, url() + ": no such table");
}

std::string MemoryStore::incarnation() {
  const std::lock_guard lock(table_->mutex);
  require_table();
  return std::to_string(table_->creations);
}

bool MemoryStore::exists() {
  const std::lock_guard lock(table_->mutex);
  return table_->schema.has_value();
}

TableFacts MemoryStore::describe() {
  const std::lock_guard lock(table_->mutex);
  require_table();
  TableFacts facts;
  facts.identity.name = name_;
  facts.schema = table_->schema;
  facts.records = table_->rows.size();
  return facts;
}

bool MemoryStore::is_empty() {
  const std::lock_guard lock(table_->mutex);
  require_table();
  return table_->rows.empty();
}

void MemoryStore::create(const TableSchema& schema) {
  const std::lock_guard lock(table_->mutex);
  if (table_->schema) throw Error(ErrorKind::refused, url() + ": the table exists");
  table_->schema = with_json(schema);
  ++table_->creations;
}

std::vector<std::string> MemoryStore::finish_create(const TableSchema&) {
  return {};
}

void MemoryStore::drop() {
  const std::lock_guard lock(table_->mutex);
  require_table();
  table_->schema.reset();
  table_->rows.clear();
}

std::unique_ptr<Source> MemoryStore::source(const ReadOptions& options) {
  if (!exists()) require_table();
  return std::make_unique<MemorySource>(*table_, options);
}

std::unique_ptr<Sink> MemoryStore::sink(const WriteOptions& options) {
  const std::lock_guard lock(table_->mutex);
  require_table();
  return std::make_unique<MemorySink>(table_, table_->schema->key,
                                      options.only_missing ? MemoryWrites::puts_of_missing : MemoryWrites::puts);
}

std::unique_ptr<Sink> MemoryStore::updater(const WriteOptions&) {
  const std::lock_guard lock(table_->mutex);
  require_table();
  return std::make_unique<MemorySink>(table_, table_->schema->key, MemoryWrites::changes);
}

}  // namespace bulk
