#include "backends/dump/part_source.h"

#include <algorithm>
#include <charconv>

#include "codecs/lines.h"

namespace bulk {
namespace {

class PartReader : public Reader {
 public:
  PartReader(std::shared_ptr<const PartFile> part, std::uint64_t next, std::uint64_t end, const ReadOptions& options)
      : part_(std::move(part)), next_(next), end_(end), options_(options) {}

  bool read(Batch& batch) override {
    while (next_ < end_) {
      check_frame_fits(part_->path(), part_->frames()[next_].plain_bytes, options_);
      part_->read_frame(next_++, scratch_, batch.bytes);
      batch.after = std::to_string(next_);
      cut_frame(batch);
      if (!batch.records.empty()) return true;
    }
    batch.after.clear();
    return false;
  }

 private:
  std::shared_ptr<const PartFile> part_;
  std::uint64_t next_, end_;
  ReadOptions options_;
  FrameScratch scratch_;
};

class PartSource : public Source {
 public:
  PartSource(std::shared_ptr<const PartFile> part, const ReadOptions& options)
      : part_(std::move(part)), options_(options) {}

  // Runs rather than every n-th frame: readers stand at distant places of a dump, which lies in the order of the table
  // that it came from, so that a restore does not heat one partition after another.
  std::vector<Segment> plan() override {
    const std::uint64_t frames = part_->frames().size();
    const std::uint64_t wanted = distinct_keys() ? options_.segments.value_or(options_.jobs * 2) : 1;
    const auto count =
        static_cast<std::uint32_t>(std::clamp<std::uint64_t>(wanted, 1, std::max<std::uint64_t>(1, frames)));
    std::vector<Segment> segments;
    for (std::uint32_t i = 0; i < count; ++i)
      segments.push_back({i, count, frames * i / count, frames * (i + 1) / count});
    return segments;
  }

  std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) override {
    return open_frames(part_, segment.begin, segment.end, from, options_);
  }

  bool distinct_keys() const override { return part_->header().distinct_keys; }
  std::size_t largest_batch_bytes() const override {
    std::size_t largest = 0;
    for (const auto& frame : part_->frames()) largest = std::max<std::size_t>(largest, frame.plain_bytes);
    return largest;
  }
  // read_frame() compares every frame with its SHA-256 in the footer.
  bool proven_lines() const override { return true; }
  bool consistent() const override { return part_->footer().consistent; }
  std::optional<ExpectedTotals> expected() const override {
    const DumpFooter& footer = part_->footer();
    return ExpectedTotals{footer.records, footer.raw_bytes, footer.digest};
  }

 private:
  std::shared_ptr<const PartFile> part_;
  ReadOptions options_;
};

}  // namespace

void cut_frame(Batch& batch) {
  std::vector<LineSpan> lines;
  split_lines(batch.bytes.view(), lines);
  batch.records.reserve(lines.size());
  for (const LineSpan& line : lines) {
    Record record;
    record.offset = static_cast<std::uint32_t>(line.offset);
    record.length = static_cast<std::uint32_t>(line.length);
    batch.records.push_back(record);
  }
}

void check_frame_fits(const std::string& name, std::uint64_t plain_bytes, const ReadOptions& options) {
  const std::size_t limit = std::max(options.batch_bytes, options.max_record_bytes);
  if (plain_bytes <= limit) return;
  throw Error(ErrorKind::failed,
              name + ": a frame of " + std::to_string(plain_bytes) + " bytes is larger than the " +
                  std::to_string(limit) + " bytes that the buffers allow",
              "raise --memory");
}

std::unique_ptr<Reader> open_frames(std::shared_ptr<const PartFile> part, std::uint64_t begin, std::uint64_t end,
                                    const Cursor& from, const ReadOptions& options) {
  std::uint64_t next = begin;
  if (!from.empty()) {
    const auto [stop, error] = std::from_chars(from.data(), from.data() + from.size(), next);
    if (error != std::errc() || stop != from.data() + from.size() || next < begin || next > end) {
      throw Error(ErrorKind::failed, part->path() + ": no cursor of this segment: " + from);
    }
  }
  end = std::min<std::uint64_t>(end, part->frames().size());
  return std::make_unique<PartReader>(std::move(part), next, end, options);
}

std::unique_ptr<Source> make_part_source(std::shared_ptr<const PartFile> part, const ReadOptions& options) {
  return std::make_unique<PartSource>(std::move(part), options);
}

}  // namespace bulk
