#include "backends/dump/frame_encoder.h"
#include "backends/dump/part_progress.h"
#include "backends/dump/sink.h"
#include "codecs/seek_table.h"
#include "io/clock.h"
#include "io/error.h"

namespace bulk {
namespace {

// With more of them the footer would say nothing about them: at a million it would be larger than a footer may be.
constexpr std::size_t kMostSegments = 100'000;

class PartSink;

class PartSession : public BlockingSession {
 public:
  explicit PartSession(PartSink& sink) : sink_(sink) {}
  WriteResult write(std::span<const RecordRef> records) override;

 private:
  PartSink& sink_;
};

class PartSink : public Sink {
 public:
  PartSink(std::unique_ptr<Output> output, const WriteOptions& options)
      : output_(std::move(output)), encoder_(options.level, options.verify) {
    DumpHeader header = options.header;
    if (header.tool.empty()) header.tool = "bulk " BULK_VERSION;
    if (header.dialect.empty()) header.dialect = "dynamodb-json";
    if (header.started.empty()) header.started = utc_iso8601(std::chrono::system_clock::now());
    footer_.consistent = options.consistent_source;
    put_metadata(encode_header(header));
    unsaved_.header_bytes = unsaved_.bytes = entries_.front().stored_bytes;
  }

  // Behind the header and the frames of `kept`. What was read in two runs is not of one point in time.
  PartSink(std::unique_ptr<Output> output, const WriteOptions& options, const PartProgress& kept)
      : output_(std::move(output)), encoder_(options.level, options.verify), saved_(true) {
    entries_.push_back(metadata_entry(kept.header_bytes));
    for (const ProgressFrame& frame : kept.frames) count(frame);
    unsaved_.bytes = kept.bytes;
  }

  SinkLimits limits() const override { return {.records = 0, .bytes = 0, .whole_batches = true, .sessions = 1}; }
  std::unique_ptr<SinkSession> open() override { return std::make_unique<PartSession>(*this); }
  bool compares_content() const override { return encoder_.compares(); }

  void encode(Batch& batch) const override { encoder_.encode(batch); }

  void append(const Batch& batch) {
    const EncodedFrame encoded = encoded_frame(batch);
    if (footer_.frame_hashes.size() >= kMostFrames)
      throw Error(ErrorKind::failed, "a dump of more than " + std::to_string(kMostFrames) + " frames cannot be written",
                  "raise --memory: frames are then larger");
    output_->write(encoded.stored);
    ProgressFrame frame;
    frame.sha256 = encoded.sha256;
    frame.entry = {static_cast<std::uint32_t>(encoded.stored.size()), static_cast<std::uint32_t>(batch.bytes.size()),
                   encoded.checksum};
    frame.segment = batch.segment;
    frame.records = batch.records.size();
    for (const Record& record : batch.records) frame.digest += record.digest;
    count(frame);
    unsaved_.frames.push_back(frame);
    unsaved_.bytes += encoded.stored.size();
  }

  // What is behind the last whole frame (a write that failed half-way, a footer that was not published) is not part of
  // the progress: a later run cuts it off.
  std::string checkpoint() override {
    if (saved_ && unsaved_.frames.empty()) return {};
    if (!output_->keep()) return {};
    std::string entry = encode_progress(unsaved_);
    unsaved_.header_bytes = 0;
    unsaved_.frames.clear();
    saved_ = true;
    return entry;
  }

  void finish() override {
    footer_.ended = utc_iso8601(std::chrono::system_clock::now());
    if (footer_.segments.size() > kMostSegments) footer_.segments.clear();
    put_metadata(encode_footer(footer_));
    output_->write(encode_seek_table(entries_));
    output_->publish();
  }

  std::uint64_t stored_bytes() const override { return output_->written(); }

 private:
  static SeekEntry metadata_entry(std::size_t bytes) { return {static_cast<std::uint32_t>(bytes), 0, xxh64_low32({})}; }
  void put_metadata(const std::string& frame) {
    output_->write(frame);
    entries_.push_back(metadata_entry(frame.size()));
  }

  void count(const ProgressFrame& frame) {
    entries_.push_back(frame.entry);
    footer_.frame_hashes.push_back(frame.sha256);
    SegmentTotals& segment = footer_.segments[frame.segment];
    segment.records += frame.records;
    segment.digest += frame.digest;
    footer_.records += frame.records;
    footer_.digest += frame.digest;
    footer_.raw_bytes += frame.entry.plain_bytes;
  }

  std::unique_ptr<Output> output_;
  const FrameEncoder encoder_;
  DumpFooter footer_;
  std::vector<SeekEntry> entries_;
  PartProgress unsaved_;  // since the last checkpoint; the bytes are those of the whole file
  bool saved_ = false;    // there was a checkpoint, in this run or before it
};

WriteResult PartSession::write(std::span<const RecordRef> records) {
  if (!records.empty()) sink_.append(whole_batch(records));
  return {};
}

}  // namespace

const Batch& whole_batch(std::span<const RecordRef> records) {
  const Batch& batch = *records.front().batch;
  std::size_t bytes = 0;
  bool whole = records.size() == batch.records.size();
  for (std::size_t i = 0; whole && i < records.size(); ++i) {
    whole = records[i].batch == &batch && records[i].index == i;
    bytes += records[i].record().length + 1;
  }
  if (!whole || bytes != batch.bytes.size()) throw Error(ErrorKind::failed, "a dump was given a part of a batch");
  return batch;
}

std::unique_ptr<Sink> make_part_sink(std::unique_ptr<Output> output, const WriteOptions& options) {
  return std::make_unique<PartSink>(std::move(output), options);
}

std::unique_ptr<Sink> resume_part_sink(const std::string& path, const WriteOptions& options, const Stop& stop) {
  const PartProgress kept = join_progress(options.checkpoints);
  auto file = std::make_unique<PartialFile>(path, kept.bytes);
  verify_kept(file->file(), kept, stop);
  return resume_part_sink(make_file_output(std::move(file)), options, kept);
}

std::unique_ptr<Sink> resume_part_sink(std::unique_ptr<Output> output, const WriteOptions& options,
                                       const PartProgress& kept) {
  return std::make_unique<PartSink>(std::move(output), options, kept);
}

}  // namespace bulk
