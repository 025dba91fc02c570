#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include "backends/sqlite/store.h"
#include "codecs/lines.h"

namespace bulk {
namespace {

constexpr int kBusyMs = 5'000;

// SQLite's own waiting sleeps up to 100 ms between two tries and starves beside a program that writes without a pause;
// the gaps between its transactions are tens of microseconds.
constexpr int kLockTries = 1'000;
constexpr std::chrono::milliseconds kLockPause{1};

bool try_lock(Connection& connection) {
  if (connection.read_only()) return false;
  for (int i = 0; i < kLockTries; ++i) {
    if (connection.try_execute("BEGIN IMMEDIATE")) return true;
    std::this_thread::sleep_for(kLockPause);
  }
  return false;
}

std::string label(const Connection& connection, const std::string& table) {
  return "sqlite:" + connection.path() + "#" + table;
}

class SqliteReader : public Reader {
 public:
  SqliteReader(std::shared_ptr<Connection> connection, const std::string& table, std::int64_t first, std::int64_t last,
               const ReadOptions& options)
      : connection_(std::move(connection)),
        label_(label(*connection_, table)),
        batch_bytes_(options.batch_bytes),
        max_record_bytes_(options.max_record_bytes),
        rows_(*connection_, "SELECT id, item FROM " + sql_quoted(table) + " WHERE id BETWEEN ?1 AND ?2 ORDER BY id") {
    rows_.bind(1, first);
    rows_.bind(2, last);
  }

  bool read(Batch& batch) override {
    std::int64_t last = 0;
    while (!done_ && (batch.records.empty() || batch.bytes.size() < batch_bytes_)) {
      if (!rows_.step()) {
        done_ = true;
        break;
      }
      last = rows_.number(0);
      append(batch, rows_.text(1), last);
    }
    if (batch.records.empty()) return false;
    batch.after = std::to_string(last);
    return true;
  }

 private:
  void append(Batch& batch, std::string_view item, std::int64_t id) {
    if (item.size() > max_record_bytes_) {
      throw Error(ErrorKind::failed,
                  label_ + ", id " + std::to_string(id) + ": a record of " + std::to_string(item.size()) +
                      " bytes is larger than the buffers allow",
                  "raise --memory");
    }
    // Only a row that somebody else wrote can hold one.
    if (std::memchr(item.data(), '\n', item.size()) != nullptr) {
      throw Error(ErrorKind::failed, label_ + ", id " + std::to_string(id) + ": the item spans several lines",
                  "set item = json(item) in this row");
    }
    Record record;
    record.offset = static_cast<std::uint32_t>(batch.bytes.size());
    batch.bytes.append(kItemLinePrefix);
    batch.bytes.append(item);
    batch.bytes.append(kItemLineSuffix);
    record.length = static_cast<std::uint32_t>(batch.bytes.size()) - record.offset;
    batch.bytes.push_back('\n');
    batch.records.push_back(record);
  }

  std::shared_ptr<Connection> connection_;
  std::string label_;
  std::size_t batch_bytes_;
  std::size_t max_record_bytes_;
  Statement rows_;
  bool done_ = false;
};

// A connection for each segment that is read at once (at most 64, src/read_stage.h); further segments take turns with
// them. A million would be a million open files.
constexpr unsigned kMostConnections = 64;

class SqliteSource : public Source {
 public:
  SqliteSource(const std::string& path, const SqliteTable& table, const ReadOptions& options)
      : table_(table.name), options_(options) {
    const unsigned wanted = std::max(1u, options.segments.value_or(options.jobs));
    Connection gate(path, 0);  // its closing at the end of this constructor gives the lock back
    const unsigned connections = try_lock(gate) ? std::min(wanted, kMostConnections) : 1;
    for (unsigned i = 0; i < connections; ++i) {
      readers_.push_back(std::make_shared<Connection>(path, kBusyMs));
      readers_.back()->execute("BEGIN");
      // A transaction begins with its first read.
      Statement(*readers_.back(), "SELECT 1 FROM sqlite_schema LIMIT 1").step();
    }
    plan(wanted);
  }

  std::vector<Segment> plan() override { return segments_; }

  std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) override {
    auto first = static_cast<std::int64_t>(segment.begin);
    const auto last = static_cast<std::int64_t>(segment.end);
    if (!from.empty()) {
      std::int64_t done = 0;
      const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), done);
      if (error != std::errc() || end != from.data() + from.size() || done < first || done > last) {
        throw Error(ErrorKind::failed, label(*readers_.front(), table_) + ": no cursor of this segment: " + from);
      }
      if (done == last) return std::make_unique<SqliteReader>(readers_.front(), table_, 1, 0, options_);
      first = done + 1;
    }
    return std::make_unique<SqliteReader>(readers_[segment.index % readers_.size()], table_, first, last, options_);
  }

  bool consistent() const override { return true; }

 private:
  void plan(unsigned wanted) {
    Statement range(*readers_.front(), "SELECT min(id), max(id), count(*) FROM (SELECT min(id) AS id FROM " +
                                           sql_quoted(table_) + " UNION ALL SELECT max(id) FROM " + sql_quoted(table_) +
                                           ") WHERE id IS NOT NULL");
    range.step();
    if (range.number(2) == 0) {
      segments_.push_back({0, 1, 1, 0});
      return;
    }
    const auto lowest = static_cast<std::uint64_t>(range.number(0));
    const std::uint64_t span = static_cast<std::uint64_t>(range.number(1)) - lowest;  // one less than the ids
    const auto count = static_cast<std::uint32_t>(span < wanted ? span + 1 : wanted);
    const std::uint64_t step = count > span ? 1 : span / count;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t begin = lowest + i * step;
      segments_.push_back({i, count, begin, i + 1 == count ? lowest + span : begin + step - 1});
    }
  }

  std::string table_;
  ReadOptions options_;
  std::vector<std::shared_ptr<Connection>> readers_;
  std::vector<Segment> segments_;
};

}  // namespace

std::unique_ptr<Source> make_sqlite_source(const std::string& path, const SqliteTable& table,
                                           const ReadOptions& options) {
  return std::make_unique<SqliteSource>(path, table, options);
}

}  // namespace bulk
