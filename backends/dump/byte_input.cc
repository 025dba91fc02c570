#include "backends/dump/byte_input.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "codecs/dump_part.h"
#include "codecs/little_endian.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;
constexpr int kPollMs = 100;

}  // namespace

ByteInput::ByteInput(File file, const Stop& stop, std::atomic<std::uint64_t>* arrived)
    : file_(std::move(file)),
      stop_(stop),
      arrived_(arrived),
      name_(file_.path() == "-" ? "standard input" : file_.path()),
      may_block_(!file_.is_regular()) {}

std::string_view ByteInput::peek(std::size_t want) {
  while (buffer_.size() - begin_ < want && fill()) {
  }
  return buffer_.view(begin_, buffer_.size() - begin_);
}

void ByteInput::skip(std::size_t bytes) {
  begin_ += bytes;
  offset_ += bytes;
}

bool ByteInput::fill() {
  if (ended_) return false;
  const std::size_t ahead = buffer_.size() - begin_;
  if (begin_ > 0) {
    if (ahead > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, ahead);
    buffer_.resize(ahead);
    begin_ = 0;
  }
  while (may_block_) {
    stop_.check();
    pollfd waiting{file_.fd(), POLLIN, 0};
    const int ready = poll(&waiting, 1, kPollMs);
    if (ready > 0) break;
    if (ready < 0 && errno != EINTR) throw os_error("wait for " + name_, errno);
  }
  // Doubles, so that a lying length in the input cannot take memory that its bytes do not fill.
  const std::size_t room = std::max(kReadBytes, ahead);
  buffer_.resize(ahead + room);
  const std::size_t got = file_.read(buffer_.data() + ahead, room);
  buffer_.resize(ahead + got);
  ended_ = got == 0;
  if (arrived_ != nullptr) arrived_->fetch_add(got, std::memory_order_relaxed);
  return !ended_;
}

InputKind detect_kind(ByteInput& input) {
  constexpr std::string_view kAge = "age-encryption.org/";
  constexpr std::string_view kArmoredAge = "-----BEGIN AGE";
  constexpr std::uint32_t kZstdMagic = 0xFD2FB528;
  constexpr std::uint32_t kSkippableMagic = 0x184D2A50;  // and fifteen more
  const std::string_view head = input.peek(kAge.size());
  if (head.empty()) return InputKind::empty;
  if (head.starts_with(kAge) || head.starts_with(kArmoredAge)) return InputKind::age;
  if (head.starts_with("\x1f\x8b")) return InputKind::gzip;
  if (head.size() < 4) return InputKind::plain;
  const std::uint32_t magic = read_u32(head.data());
  if (magic == kHeaderMagic) return InputKind::part;
  if (magic == kZstdMagic || (magic & ~15u) == kSkippableMagic) return InputKind::zstd;
  return InputKind::plain;
}

}  // namespace bulk
