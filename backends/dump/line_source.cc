#include "backends/dump/line_source.h"

#include <algorithm>

#include "backends/dump/record_splitter.h"
#include "backends/dump/text_input.h"
#include "codecs/lines.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr std::size_t kTextBytes = 256u << 10;
// White space before the first brace beyond this is not looked through to recognise an Items file.
constexpr std::size_t kLookAheadBytes = 4u << 10;

class LineReader : public Reader {
 public:
  LineReader(std::shared_ptr<ByteInput> input, const ReadOptions& options)
      : input_(std::move(input)),
        text_(make_text_input(*input_)),
        batch_bytes_(options.batch_bytes),
        pass_bad_records_(options.pass_bad_records) {
    while (chunk_.size() < kLookAheadBytes && text_->read(chunk_, kTextBytes)) {
    }
    rest_ = chunk_.view();
    items_file_ = begins_items_file(rest_);
    splitter_ = items_file_ ? make_items_splitter(input_->name(), options.max_record_bytes)
                            : make_line_splitter(input_->name(), options.max_record_bytes);
  }

  bool read(Batch& batch) override {
    std::string_view record;
    while (batch.records.empty() || batch.bytes.size() < batch_bytes_) {
      if (!next(record)) break;
      // Blank lines carry nothing; a batch ends at one, so that its line numbers follow from its first.
      if (record.find_first_not_of(" \t\r") == std::string_view::npos) {
        if (batch.records.empty()) continue;
        break;
      }
      append(batch, record);
    }
    return !batch.records.empty();
  }

 private:
  bool next(std::string_view& record) {
    while (true) {
      if (splitter_->next(rest_, record)) return true;
      chunk_.clear();
      if (!text_->read(chunk_, kTextBytes)) break;
      rest_ = chunk_.view();
    }
    rest_ = {};
    return splitter_->last(record);
  }

  void append(Batch& batch, std::string_view record) {
    Record entry;
    entry.offset = static_cast<std::uint32_t>(batch.bytes.size());
    ItemProblem problem;
    const bool legal = normalise_line(record, scanner_, batch.bytes, problem);
    if (!legal && pass_bad_records_) {
      batch.bytes.resize(entry.offset);
      batch.bytes.append(record);
      batch.bytes.push_back('\n');
    } else if (!legal) {
      throw Error(ErrorKind::failed,
                  input_->name() + ", " + splitter_->where() + ": " + problem.text + " (at byte " +
                      std::to_string(problem.offset + 1) + " of the " + (items_file_ ? "item" : "line") + ")",
                  std::string(items_file_ ? "fix the item" : "fix the line") +
                      ", or set such records aside with --rejects FILE");
    }
    entry.length = static_cast<std::uint32_t>(batch.bytes.size() - entry.offset - 1);
    if (batch.records.empty()) batch.first_line = splitter_->line();
    batch.records.push_back(entry);
  }

  std::shared_ptr<ByteInput> input_;
  std::unique_ptr<TextInput> text_;
  std::unique_ptr<RecordSplitter> splitter_;
  std::size_t batch_bytes_;
  bool pass_bad_records_;
  bool items_file_ = false;
  Buffer chunk_;
  std::string_view rest_;  // of chunk_
  ItemScanner scanner_;
};

class LineSource : public Source {
 public:
  LineSource(std::shared_ptr<ByteInput> input, const ReadOptions& options)
      : input_(std::move(input)), options_(options) {}

  std::vector<Segment> plan() override { return {Segment{}}; }
  std::unique_ptr<Reader> open(const Segment&, const Cursor& from) override {
    if (!input_ || !from.empty()) {
      throw Error(ErrorKind::failed, "a foreign file is read once, from its beginning", "start afresh");
    }
    return std::make_unique<LineReader>(std::move(input_), options_);
  }
  bool distinct_keys() const override { return false; }

 private:
  std::shared_ptr<ByteInput> input_;
  ReadOptions options_;
};

}  // namespace

std::unique_ptr<Source> make_line_source(std::shared_ptr<ByteInput> input, const ReadOptions& options) {
  return std::make_unique<LineSource>(std::move(input), options);
}

}  // namespace bulk
