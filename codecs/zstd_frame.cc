#include "codecs/zstd_frame.h"

#include <openssl/evp.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <string>

#include "codecs/little_endian.h"
#include "io/error.h"

namespace bulk {

namespace {

constexpr std::size_t kMaxBlockBytes = ZSTD_BLOCKSIZE_MAX;  // 128 KiB of content at most
constexpr std::size_t kMinBlockBytes = 3;                   // a block's header
constexpr int kMaxWindowLog = 27;                           // 128 MiB

// At level 3 zstd looks for matches in two tables, one of them with 65,536 entries of short matches: 256 KiB, which
// with the other one's 512 KiB leaves the cache no peace. 4,096 entries stay in the innermost cache. On record lines
// that takes 1 to 18 % less CPU at an equal or better ratio (bench/zstd_parameters; the longer matches of the other
// table are what such text has). Small inputs have stock parameters that fit them better.
constexpr int kTunedLevel = 3;
constexpr std::size_t kTunedFromBytes = (256u << 10) + 1;
struct Parameter {
  ZSTD_cParameter name;
  int value;
};
constexpr Parameter kTuned[] = {
    {ZSTD_c_strategy, ZSTD_dfast}, {ZSTD_c_minMatch, 5}, {ZSTD_c_hashLog, 17}, {ZSTD_c_chainLog, 12}};

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using Compressor = std::unique_ptr<ZSTD_CCtx, FreeCompressor>;
using Decompressor = std::unique_ptr<ZSTD_DCtx, FreeDecompressor>;

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(ErrorKind::corrupt, "zstd frame: " + what);
}

void set_parameter(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  const std::size_t result = ZSTD_CCtx_setParameter(context, parameter, value);
  if (ZSTD_isError(result)) throw Error(ErrorKind::failed, std::string("zstd: ") + ZSTD_getErrorName(result));
}

Decompressor make_decompressor() {
  Decompressor context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  return context;
}

}  // namespace

Sha256 sha256(std::string_view bytes) {
  Sha256 hash;
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha256(), nullptr) != 1 ||
      length != hash.size()) {
    throw Error(ErrorKind::failed, "OpenSSL cannot compute SHA-256");
  }
  return hash;
}

std::uint32_t xxh64_low32(std::string_view bytes) {
  return static_cast<std::uint32_t>(XXH64(bytes.data(), bytes.size(), 0));
}

std::optional<std::uint32_t> content_checksum(std::string_view stored) {
  // RFC 8878, 3.1.1: magic number, descriptor, ..., checksum.
  constexpr std::size_t kDescriptorAt = 4;
  constexpr unsigned kChecksumFlag = 4;
  constexpr std::size_t kChecksumBytes = 4;
  if (stored.size() <= kDescriptorAt + kChecksumBytes) return std::nullopt;
  if ((static_cast<unsigned char>(stored[kDescriptorAt]) & kChecksumFlag) == 0) return std::nullopt;
  return read_u32(stored.data() + stored.size() - kChecksumBytes);
}

std::uint64_t frame_content_bytes(std::string_view stored) {
  const unsigned long long bytes = ZSTD_getFrameContentSize(stored.data(), stored.size());
  return bytes == ZSTD_CONTENTSIZE_UNKNOWN || bytes == ZSTD_CONTENTSIZE_ERROR ? 0 : bytes;
}

struct FrameCodec::Contexts {
  int level = kTunedLevel;
  bool tuned = false;  // the compressor has kTuned's parameters
  Compressor compressor;
  Decompressor decompressor;
};

FrameCodec::FrameCodec(int level) : contexts_(std::make_unique<Contexts>()) {
  contexts_->level = level;
  contexts_->compressor.reset(ZSTD_createCCtx());
  if (!contexts_->compressor) throw std::bad_alloc();
  set_parameter(contexts_->compressor.get(), ZSTD_c_compressionLevel, level);
  set_parameter(contexts_->compressor.get(), ZSTD_c_checksumFlag, 1);
  set_parameter(contexts_->compressor.get(), ZSTD_c_contentSizeFlag, 1);
  contexts_->decompressor = make_decompressor();
}

FrameCodec::~FrameCodec() = default;

void FrameCodec::compress(std::string_view plain, Buffer& out) {
  const bool tuned = contexts_->level == kTunedLevel && plain.size() >= kTunedFromBytes;
  if (tuned != contexts_->tuned) {
    for (const Parameter& parameter : kTuned) {
      set_parameter(contexts_->compressor.get(), parameter.name, tuned ? parameter.value : 0);
    }
    contexts_->tuned = tuned;
  }
  const std::size_t before = out.size();
  const std::size_t bound = ZSTD_compressBound(plain.size());
  out.resize(before + bound);
  const std::size_t written =
      ZSTD_compress2(contexts_->compressor.get(), out.data() + before, bound, plain.data(), plain.size());
  out.resize(ZSTD_isError(written) ? before : before + written);
  if (ZSTD_isError(written)) throw Error(ErrorKind::failed, std::string("zstd: ") + ZSTD_getErrorName(written));
}

void FrameCodec::decompress(std::string_view stored, std::size_t plain_bytes, Buffer& out) {
  out.clear();
  if (stored.size() < 4 || read_u32(stored.data()) != ZSTD_MAGICNUMBER)
    corrupt("it does not begin with zstd's magic number");
  const unsigned long long claimed = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR) corrupt("its header is damaged");
  if (claimed != ZSTD_CONTENTSIZE_UNKNOWN && claimed != plain_bytes) {
    corrupt("it claims " + std::to_string(claimed) + " bytes of content instead of " + std::to_string(plain_bytes));
  }
  const std::size_t length = ZSTD_findFrameCompressedSize(stored.data(), stored.size());
  if (ZSTD_isError(length)) corrupt(ZSTD_getErrorName(length));
  if (length != stored.size()) {
    corrupt("it ends after " + std::to_string(length) + " of " + std::to_string(stored.size()) + " bytes");
  }
  // Sizes come from the file: what so few blocks can never hold is refused before memory is taken for it.
  if (plain_bytes / kMaxBlockBytes > stored.size() / kMinBlockBytes) {
    corrupt(std::to_string(stored.size()) + " bytes cannot hold " + std::to_string(plain_bytes));
  }
  out.resize(plain_bytes);
  char empty = 0;  // an empty buffer has no address
  const std::size_t got = ZSTD_decompressDCtx(contexts_->decompressor.get(), plain_bytes == 0 ? &empty : out.data(),
                                              plain_bytes, stored.data(), stored.size());
  if (!ZSTD_isError(got) && got == plain_bytes) return;
  out.clear();
  if (ZSTD_isError(got)) corrupt(ZSTD_getErrorName(got));
  corrupt("it holds " + std::to_string(got) + " bytes instead of " + std::to_string(plain_bytes));
}

struct ZstdStream::State {
  Decompressor decompressor = make_decompressor();
  bool at_frame_end = true;
};

ZstdStream::ZstdStream() : state_(std::make_unique<State>()) {
  const std::size_t result = ZSTD_DCtx_setParameter(state_->decompressor.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  if (ZSTD_isError(result)) throw Error(ErrorKind::failed, std::string("zstd: ") + ZSTD_getErrorName(result));
}

ZstdStream::~ZstdStream() = default;

void ZstdStream::push(std::string_view& input, Buffer& out, std::size_t most) {
  const std::size_t start = out.size();
  while (out.size() - start < most) {
    // Between frames there is nothing to flush: a call without input would only begin the next frame's header.
    if (input.empty() && state_->at_frame_end) return;
    const std::size_t before = out.size();
    const std::size_t room = std::min(most - (before - start), ZSTD_DStreamOutSize());
    out.resize(before + room);
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer to{out.data() + before, room, 0};
    const std::size_t result = ZSTD_decompressStream(state_->decompressor.get(), &to, &in);
    out.resize(before + to.pos);
    input.remove_prefix(in.pos);
    if (ZSTD_isError(result)) throw Error(ErrorKind::corrupt, std::string("zstd stream: ") + ZSTD_getErrorName(result));
    if (result == 0) {
      state_->at_frame_end = true;
    } else if (in.pos > 0 || to.pos > 0) {
      state_->at_frame_end = false;
    }
    if (in.pos == 0 && to.pos < room) return;  // needs more input
  }
}

bool ZstdStream::at_frame_end() const noexcept {
  return state_->at_frame_end;
}

}  // namespace bulk
