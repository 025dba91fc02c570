#include "backends/postgres/source.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>

#include "codecs/row_text.h"
#include "io/error.h"

namespace bulk {
namespace {

// Ranges are cut so that each connection gets about 8 of them, which evens out what takes longer, within these bounds:
// below, opening a range costs more than it evens out; above, one range is a large part of a resumed run's loss.
constexpr std::uint64_t kSmallestRange = 64u << 20, kLargestRange = 256u << 20;
constexpr std::uint64_t kRangesPerReader = 8;
// From this version on a range of ctid is read without reading what is before it.
constexpr int kRangeScanVersion = 140'000;
// No table has this page: a range that ends here is open.
constexpr std::uint64_t kOpenEnd = std::numeric_limits<std::uint32_t>::max();

std::string copy_sql(const PgTable& table, const Segment& segment) {
  std::string sql = "COPY (SELECT";
  for (const RowColumn& column : table.columns.columns) {
    sql += (sql.ends_with("SELECT") ? " " : ", ") + pg_identifier(column.name);
  }
  // Children of a table are tables of their own; a partitioned table, read by its name, is its partitions.
  sql += (table.kind == 'r' ? " FROM ONLY " : " FROM ") + pg_identifier(table.name);
  const auto bound = [](const char* relation, std::uint64_t page) {
    return std::string("ctid ") + relation + " '(" + std::to_string(page) + ",0)'::tid";
  };
  const bool first = segment.begin == 0;
  const bool last = segment.end == kOpenEnd;
  if (!first || !last) sql += " WHERE ";
  if (!first) sql += bound(">=", segment.begin);
  if (!first && !last) sql += " AND ";
  if (!last) sql += bound("<", segment.end + 1);
  return sql + ") TO STDOUT";
}

// When a connection breaks another one goes on, so often.
constexpr int kConnectionsPerRange = 4;

class PostgresReader : public Reader {
 public:
  PostgresReader(std::shared_ptr<PgSnapshot> snapshot, const PgTable& table, const Segment& segment,
                 const ReadOptions& options, std::uint64_t skip)
      : snapshot_(std::move(snapshot)),
        table_(table),
        sql_(copy_sql(table, segment)),
        label_("table " + table.name.full()),
        writer_(table.columns.columns),
        batch_bytes_(options.batch_bytes),
        max_record_bytes_(options.max_record_bytes),
        rows_(skip) {
    if (segment.begin > 0) label_ += ", from page " + std::to_string(segment.begin);
  }

  bool read(Batch& batch) override {
    std::string_view row;
    while ((batch.records.empty() || batch.bytes.size() < batch_bytes_) && next(row)) append(batch, row);
    if (batch.records.empty()) return false;
    try {
      RowWriter::check_utf8(batch.bytes.view());
    } catch (const Error& error) {
      throw error.in(label_ + ", among rows " + std::to_string(rows_ - batch.records.size() + 1) + " to " +
                     std::to_string(rows_));
    }
    batch.after = std::to_string(rows_);
    return true;
  }

 private:
  bool next(std::string_view& row) {
    while (!done_) {
      try {
        if (!connection_) begin();
        return take(row);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::remote || !may_go_on()) throw;
      }
      connection_.reset();
      snapshot_->check_held();
    }
    return false;
  }

  // As long as the snapshot is held, a range of a heap can be read again, and its rows come in the same order.
  bool may_go_on() const {
    return table_.kind == 'r' && table_.heap && connections_ < kConnectionsPerRange &&
           !(connection_ && snapshot_->is_holder(*connection_));
  }

  void begin() {
    ++connections_;
    connection_ = snapshot_->reader(table_);
    connection_->begin_copy_out(sql_, "read " + table_.name.full());
    std::string_view row;
    std::uint64_t passed = 0;
    while (passed < rows_ && take(row)) ++passed;
    // A resumed run has said that it takes what it finds.
    if (passed == rows_ || connections_ == 1) return;
    throw Error(
        ErrorKind::corrupt,
        label_ + ": of " + std::to_string(rows_) + " rows that were there " + std::to_string(passed) + " are left",
        "do not use the result; start afresh, without --resume");
  }

  bool take(std::string_view& row) {
    if (done_) return false;
    if (connection_->copy_row(row)) return true;
    done_ = true;
    snapshot_->give_back(std::move(connection_));
    return false;
  }

  void append(Batch& batch, std::string_view row) {
    ++rows_;
    Record record;
    record.offset = static_cast<std::uint32_t>(batch.bytes.size());
    // Before it takes its place as a line, and after: escapes differ.
    refuse_long(row.size());
    try {
      writer_.append(row, batch.bytes);
    } catch (const Error& error) {
      throw error.in(label_ + ", row " + std::to_string(rows_));
    }
    refuse_long(batch.bytes.size() - record.offset - 1);
    record.length = static_cast<std::uint32_t>(batch.bytes.size() - record.offset - 1);
    batch.records.push_back(record);
  }

  void refuse_long(std::size_t bytes) const {
    if (bytes <= max_record_bytes_) return;
    throw Error(ErrorKind::failed,
                label_ + ", row " + std::to_string(rows_) + ": a row of " + std::to_string(bytes) +
                    " bytes is larger than the buffers allow",
                "raise --memory");
  }

  std::shared_ptr<PgSnapshot> snapshot_;
  const PgTable table_;
  const std::string sql_;
  std::shared_ptr<PgConnection> connection_;  // null before the first row is asked for, and when all were given
  bool done_ = false;
  int connections_ = 0;  // so many were needed
  std::string label_;
  RowWriter writer_;
  std::size_t batch_bytes_;
  std::size_t max_record_bytes_;
  std::uint64_t rows_;  // of the range, up to here
};

class PostgresSource : public Source {
 public:
  PostgresSource(std::shared_ptr<PgSnapshot> snapshot, std::vector<PgTable> tables, const ReadOptions& options)
      : snapshot_(std::move(snapshot)), tables_(std::move(tables)), options_(options) {
    PgConnection& holder = snapshot_->holder();
    ranges_ = holder.server_version() >= kRangeScanVersion;
    const PgResult size = holder.run("SELECT pg_catalog.current_setting('block_size')", "ask for the size of pages");
    const std::string_view text = size.text(0, 0);
    std::from_chars(text.data(), text.data() + text.size(), page_bytes_);
  }

  std::vector<Segment> plan() override {
    const auto weight = [](const PgTable& table) { return table.bytes + table.toast_bytes; };
    std::uint64_t total = 0;
    for (const PgTable& table : tables_) total += weight(table);
    const std::uint64_t range = std::clamp(total / (kRangesPerReader * most_readers()), kSmallestRange, kLargestRange);
    // Largest first: what is begun last should end soon.
    std::vector<std::uint32_t> order(tables_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return weight(tables_[a]) > weight(tables_[b]); });
    std::vector<Segment> segments;
    for (const std::uint32_t position : order) {
      const PgTable& table = tables_[position];
      const std::uint64_t pages = table.bytes / page_bytes_;
      std::uint64_t pieces = 1;
      if (ranges_ && table.kind == 'r' && table.heap) {
        // What is stored out of line is read with the pages that point to it.
        pieces = options_.segments ? *options_.segments : (weight(table) + range - 1) / range;
        pieces = std::clamp<std::uint64_t>(pieces, 1, std::max<std::uint64_t>(pages, 1));
      }
      const std::uint64_t step = std::max<std::uint64_t>((pages + pieces - 1) / pieces, 1);
      for (std::uint64_t begin = 0; begin == 0 || begin < pages; begin += step) {
        const bool last = begin + step >= pages;
        segments.push_back(
            {static_cast<std::uint32_t>(segments.size()), 0, begin, last ? kOpenEnd : begin + step - 1, position});
      }
    }
    for (Segment& segment : segments) segment.count = static_cast<std::uint32_t>(segments.size());
    return segments;
  }

  std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) override {
    snapshot_->check_held();
    const PgTable& table = tables_.at(segment.table);
    std::uint64_t skip = 0;
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), skip);
    if (!from.empty() && (error != std::errc() || end != from.data() + from.size())) {
      throw Error(ErrorKind::failed, "table " + table.name.full() + ": no cursor of rows: " + from);
    }
    return std::make_unique<PostgresReader>(snapshot_, table, segment, options_, skip);
  }

  bool consistent() const override { return true; }
  unsigned most_readers() const override { return std::max(1u, options_.jobs); }
  void confirm() override { snapshot_->check_held(); }

 private:
  std::shared_ptr<PgSnapshot> snapshot_;
  std::vector<PgTable> tables_;
  ReadOptions options_;
  bool ranges_ = false;
  std::uint64_t page_bytes_ = 8192;
};

}  // namespace

std::unique_ptr<Source> make_postgres_source(std::shared_ptr<PgSnapshot> snapshot, std::vector<PgTable> tables,
                                             const ReadOptions& options) {
  return std::make_unique<PostgresSource>(std::move(snapshot), std::move(tables), options);
}

}  // namespace bulk
