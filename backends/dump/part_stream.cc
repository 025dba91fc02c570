// The streaming side of part_source.h. What a file's reader looks up in footer and seek table before it reads, this one
// collects while it reads and compares at the end: every frame's SHA-256, and the seek table byte for byte, since the
// frames that were seen determine it.
#include <zstd.h>

#include <algorithm>
#include <mutex>

#include "backends/dump/part_source.h"
#include "codecs/lines.h"
#include "codecs/seek_table.h"

namespace bulk {
namespace {

constexpr std::size_t kSkippableHeaderBytes = 8;
constexpr std::size_t kFirstLookBytes = 1u << 20;

// The whole skippable frame at the front of the input; empty when another frame stands there. Not consumed.
std::string_view metadata_frame(ByteInput& input, std::uint32_t magic, const char* what) {
  std::uint64_t bytes = 0;
  if (!skippable_payload_size(input.peek(kSkippableHeaderBytes), magic, bytes)) return {};
  if (bytes > kMaxMetadataBytes) {
    throw corrupt_part(input.name(), std::string("the ") + what + " claims " + std::to_string(bytes) + " bytes");
  }
  const std::string_view frame = input.peek(bytes);
  if (frame.size() < bytes) {
    throw corrupt_part(input.name(), std::string("it ends inside the ") + what + ", at byte " +
                                         std::to_string(input.offset() + frame.size()));
  }
  return frame.substr(0, bytes);
}

class PartStream {
 public:
  PartStream(std::shared_ptr<ByteInput> input, const ReadOptions& options)
      : input_(std::move(input)), options_(options) {
    entries_.push_back({static_cast<std::uint32_t>(input_->offset()), 0, xxh64_low32({})});
  }

  // The next frame's lines; false behind the last frame, when footer and seek table have been compared.
  bool next(Batch& batch) {
    const std::string_view footer = metadata_frame(*input_, kFooterMagic, "footer");
    if (!footer.empty()) {
      finish(footer);
      return false;
    }
    const std::string_view stored = whole_frame();
    try {
      codec_.decompress(stored, plain_bytes_, batch.bytes);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      throw damaged(error.what());
    }
    if (!batch.bytes.empty() && batch.bytes.view().back() != '\n') throw damaged("its last line has no end");
    hashes_.push_back(sha256(stored));
    const std::optional<std::uint32_t> checked = content_checksum(stored);
    entries_.push_back({static_cast<std::uint32_t>(stored.size()), static_cast<std::uint32_t>(plain_bytes_),
                        checked ? *checked : xxh64_low32(batch.bytes.view())});
    input_->skip(stored.size());
    cut_frame(batch);
    records_ += batch.records.size();
    raw_bytes_ += batch.bytes.size();
    return true;
  }

  const DumpFooter& footer() const noexcept { return footer_; }

 private:
  Error damaged(const std::string& what) const {
    return corrupt_part(input_->name(), "frame " + std::to_string(hashes_.size() + 1) + " at byte " +
                                            std::to_string(input_->offset()) + ": " + what);
  }

  std::string_view whole_frame() {
    std::string_view ahead = input_->peek(kFirstLookBytes);
    if (ahead.empty()) {
      throw corrupt_part(input_->name(), "it ends at byte " + std::to_string(input_->offset()) + " without its footer");
    }
    const unsigned long long claimed = ZSTD_getFrameContentSize(ahead.data(), ahead.size());
    if (claimed == ZSTD_CONTENTSIZE_ERROR || claimed == ZSTD_CONTENTSIZE_UNKNOWN)
      throw damaged("not a frame of a dump");
    check_frame_fits(input_->name(), claimed, options_);
    plain_bytes_ = static_cast<std::size_t>(claimed);
    // Incompressible content grows by its block headers; what is longer than that is no frame of ours.
    const std::size_t most = ZSTD_compressBound(plain_bytes_) + 64;
    while (true) {
      const std::size_t length = ZSTD_findFrameCompressedSize(ahead.data(), ahead.size());
      if (!ZSTD_isError(length)) return ahead.substr(0, length);
      if (ahead.size() > most) throw damaged("longer than its content allows");
      const std::size_t had = ahead.size();
      ahead = input_->peek(std::min(had * 2, most + 1));
      if (ahead.size() == had)
        throw damaged("the input ends inside it, at byte " + std::to_string(input_->offset() + had));
    }
  }

  void finish(std::string_view frame) {
    try {
      footer_ = decode_footer(frame.substr(kSkippableHeaderBytes));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      throw corrupt_part(input_->name(), error.what());
    }
    entries_.push_back({static_cast<std::uint32_t>(frame.size()), 0, xxh64_low32({})});
    input_->skip(frame.size());
    if (footer_.frame_hashes != hashes_) throw corrupt_part(input_->name(), "its frames are not those of its footer");
    if (footer_.records != records_ || footer_.raw_bytes != raw_bytes_) {
      throw corrupt_part(input_->name(), "it holds " + std::to_string(records_) + " records in " +
                                             std::to_string(raw_bytes_) + " bytes, its footer counts " +
                                             std::to_string(footer_.records) + " in " +
                                             std::to_string(footer_.raw_bytes));
    }
    const std::string table = encode_seek_table(entries_);
    if (input_->peek(table.size() + 1) != table)
      throw corrupt_part(input_->name(), "its seek table does not fit its frames");
    input_->skip(table.size());
  }

  std::shared_ptr<ByteInput> input_;
  ReadOptions options_;
  FrameCodec codec_;
  std::size_t plain_bytes_ = 0;
  std::vector<Sha256> hashes_;
  std::vector<SeekEntry> entries_;
  std::uint64_t records_ = 0;
  std::uint64_t raw_bytes_ = 0;
  DumpFooter footer_;
};

// What the reader found at the end, for the source that another thread asks.
struct StreamEnd {
  std::mutex mutex;
  std::optional<ExpectedTotals> totals;
};

class PartStreamReader : public Reader {
 public:
  PartStreamReader(std::shared_ptr<ByteInput> input, const ReadOptions& options, std::shared_ptr<StreamEnd> end)
      : stream_(std::move(input), options), end_(std::move(end)) {}

  bool read(Batch& batch) override {
    while (!done_) {
      if (!stream_.next(batch)) {
        done_ = true;
        const DumpFooter& footer = stream_.footer();
        const std::lock_guard lock(end_->mutex);
        end_->totals = ExpectedTotals{footer.records, footer.raw_bytes, footer.digest};
        break;
      }
      if (!batch.records.empty()) return true;
    }
    return false;
  }

 private:
  PartStream stream_;
  std::shared_ptr<StreamEnd> end_;
  bool done_ = false;
};

class PartStreamSource : public Source {
 public:
  PartStreamSource(std::shared_ptr<ByteInput> input, bool distinct_keys, const ReadOptions& options)
      : input_(std::move(input)),
        distinct_keys_(distinct_keys),
        options_(options),
        end_(std::make_shared<StreamEnd>()) {}

  std::vector<Segment> plan() override { return {Segment{}}; }
  std::unique_ptr<Reader> open(const Segment&, const Cursor& from) override {
    if (!input_ || !from.empty())
      throw Error(ErrorKind::failed, "a stream is read once, from its beginning", "start afresh");
    return std::make_unique<PartStreamReader>(std::move(input_), options_, end_);
  }
  bool distinct_keys() const override { return distinct_keys_; }
  std::optional<ExpectedTotals> expected() const override {
    const std::lock_guard lock(end_->mutex);
    return end_->totals;
  }

 private:
  std::shared_ptr<ByteInput> input_;
  bool distinct_keys_;
  ReadOptions options_;
  std::shared_ptr<StreamEnd> end_;
};

}  // namespace

DumpHeader read_stream_header(ByteInput& input) {
  const std::string_view frame = metadata_frame(input, kHeaderMagic, "header");
  if (frame.empty()) throw corrupt_part(input.name(), "it has no header");
  DumpHeader header;
  try {
    header = decode_header(frame.substr(kSkippableHeaderBytes));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    throw corrupt_part(input.name(), error.what());
  }
  input.skip(frame.size());
  return header;
}

std::unique_ptr<Source> make_part_stream_source(std::shared_ptr<ByteInput> input, bool distinct_keys,
                                                const ReadOptions& options) {
  return std::make_unique<PartStreamSource>(std::move(input), distinct_keys, options);
}

}  // namespace bulk
