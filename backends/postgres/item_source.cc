#include "backends/postgres/item_source.h"

#include <cstring>

#include "codecs/lines.h"
#include "io/error.h"

namespace bulk {
namespace {

// What stands before the item in a row's line, and takes as many bytes as what stands before it in a record's line.
constexpr std::string_view kRowPrefix = "{\"item\":";
static_assert(kRowPrefix.size() == kItemLinePrefix.size());

// Lines are changed where they stand: without PostgreSQL's white space they only become shorter.
class ItemReader : public Reader {
 public:
  ItemReader(std::unique_ptr<Reader> rows, const std::string& table) : rows_(std::move(rows)), table_(table) {}

  bool read(Batch& batch) override {
    if (!rows_->read(batch)) return false;
    std::size_t end = 0;
    for (Record& record : batch.records) {
      line_.clear();
      append_line(batch.line(record));
      record.offset = static_cast<std::uint32_t>(end);
      record.length = static_cast<std::uint32_t>(line_.size() - 1);
      std::memcpy(batch.bytes.data() + end, line_.data(), line_.size());
      end += line_.size();
    }
    batch.bytes.resize(end);
    return true;
  }

 private:
  void append_line(std::string_view row) {
    // Of a row whose column is NULL there is nothing in the line.
    if (!row.starts_with(kRowPrefix) || row[kRowPrefix.size()] != '{') {
      throw Error(ErrorKind::failed, table_ + ": an item is no JSON object",
                  "SELECT * FROM " + table_ + " WHERE jsonb_typeof(item) IS DISTINCT FROM 'object' shows which");
    }
    line_.append(kItemLinePrefix);
    append_compact(row.substr(kRowPrefix.size()), line_);  // with the brace behind it
    line_.push_back('\n');
  }

  std::unique_ptr<Reader> rows_;
  const std::string& table_;
  Buffer line_;
};

class ItemSource : public Source {
 public:
  ItemSource(std::unique_ptr<Source> rows, std::string table) : rows_(std::move(rows)), table_(std::move(table)) {}

  std::vector<Segment> plan() override { return rows_->plan(); }
  std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) override {
    return std::make_unique<ItemReader>(rows_->open(segment, from), table_);
  }
  bool consistent() const override { return rows_->consistent(); }
  unsigned most_readers() const override { return rows_->most_readers(); }
  void confirm() override { rows_->confirm(); }

 private:
  std::unique_ptr<Source> rows_;
  const std::string table_;
};

}  // namespace

std::unique_ptr<Source> make_item_source(std::unique_ptr<Source> rows, std::string table) {
  return std::make_unique<ItemSource>(std::move(rows), std::move(table));
}

}  // namespace bulk
