#include <libdeflate.h>

#include "backends/dump/sink.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr int kGzipLevel = 6;  // gzip's own default

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const noexcept { libdeflate_free_compressor(compressor); }
};

class LineSession : public BlockingSession {
 public:
  LineSession(Output& output, bool gzip) : output_(output), gzip_(gzip) {}
  WriteResult write(std::span<const RecordRef> records) override {
    if (records.empty()) return {};
    const Batch& batch = whole_batch(records);
    output_.write(gzip_ ? batch.encoded.view() : batch.bytes.view());
    return {};
  }

 private:
  Output& output_;
  bool gzip_;
};

class LineSink : public Sink {
 public:
  LineSink(std::unique_ptr<Output> output, bool gzip) : output_(std::move(output)), gzip_(gzip) {}

  SinkLimits limits() const override { return {.records = 0, .bytes = 0, .whole_batches = true, .sessions = 1}; }
  std::unique_ptr<SinkSession> open() override { return std::make_unique<LineSession>(*output_, gzip_); }

  // One gzip member per batch: members one after another are one gzip file, and they can be made in parallel. A
  // compressor costs microseconds against the milliseconds of a batch.
  void encode(Batch& batch) const override {
    batch.encoded.clear();
    if (gzip_) add_member(batch.bytes.view(), batch.encoded);
  }

  void finish() override {
    if (gzip_ && output_->written() == 0) {
      Buffer empty;  // a file of no bytes is no gzip file
      add_member({}, empty);
      output_->write(empty.view());
    }
    output_->publish();
  }
  std::uint64_t stored_bytes() const override { return output_->written(); }

 private:
  static void add_member(std::string_view plain, Buffer& out) {
    const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(libdeflate_alloc_compressor(kGzipLevel));
    if (!compressor) throw std::bad_alloc();
    const std::size_t bound = libdeflate_gzip_compress_bound(compressor.get(), plain.size());
    const std::size_t before = out.size();
    out.resize(before + bound);
    const char none = 0;
    const std::size_t made = libdeflate_gzip_compress(compressor.get(), plain.empty() ? &none : plain.data(),
                                                      plain.size(), out.data() + before, bound);
    out.resize(before + made);
    if (made == 0) throw Error(ErrorKind::failed, "gzip: cannot compress");
  }

  std::unique_ptr<Output> output_;
  bool gzip_;
};

}  // namespace

std::unique_ptr<Sink> make_line_sink(std::unique_ptr<Output> output, bool gzip) {
  return std::make_unique<LineSink>(std::move(output), gzip);
}

}  // namespace bulk
