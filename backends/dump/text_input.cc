#include "backends/dump/text_input.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <climits>

#include "codecs/zstd_frame.h"
#include "io/error.h"

namespace bulk {
namespace {

[[noreturn]] void damaged(const ByteInput& input, const std::string& what) {
  throw Error(ErrorKind::corrupt, input.name() + ": " + what + " at byte " + std::to_string(input.offset()),
              "get the file again");
}

class PlainText : public TextInput {
 public:
  explicit PlainText(ByteInput& input) : input_(input) {}
  bool read(Buffer& out, std::size_t most) override {
    const std::string_view ahead = input_.peek(1).substr(0, most);
    out.append(ahead);
    input_.skip(ahead.size());
    return !ahead.empty();
  }

 private:
  ByteInput& input_;
};

class ZstdText : public TextInput {
 public:
  explicit ZstdText(ByteInput& input) : input_(input) {}
  bool read(Buffer& out, std::size_t most) override {
    const std::size_t before = out.size();
    while (out.size() == before) {
      const std::string_view ahead = input_.peek(1);
      std::string_view rest = ahead;
      try {
        stream_.push(rest, out, most);
      } catch (const Error& error) {
        throw error.in(input_.name() + ", near byte " + std::to_string(input_.offset()));
      }
      input_.skip(ahead.size() - rest.size());
      if (ahead.empty() && out.size() == before) {
        if (!stream_.at_frame_end()) damaged(input_, "ends inside a zstd frame");
        return false;
      }
    }
    return true;
  }

 private:
  ByteInput& input_;
  ZstdStream stream_;
};

class GzipText : public TextInput {
 public:
  explicit GzipText(ByteInput& input) : input_(input) {
    // 15 bits of window, +16: a gzip wrapper and nothing else.
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~GzipText() override { inflateEnd(&stream_); }
  GzipText(const GzipText&) = delete;
  GzipText& operator=(const GzipText&) = delete;

  bool read(Buffer& out, std::size_t most) override {
    const std::size_t before = out.size();
    while (out.size() == before) {
      const std::string_view ahead = input_.peek(1);
      if (ahead.empty()) {
        if (!between_members_) damaged(input_, "ends inside a gzip member");
        return false;
      }
      if (between_members_) {
        if (inflateReset(&stream_) != Z_OK) damaged(input_, "gzip cannot be reset");
        between_members_ = false;
      }
      inflate_some(ahead, out, most);
    }
    return true;
  }

 private:
  void inflate_some(std::string_view ahead, Buffer& out, std::size_t most) {
    const std::size_t before = out.size();
    const auto room = static_cast<uInt>(std::min<std::size_t>(most, 256u << 10));
    out.resize(before + room);
    stream_.next_in = reinterpret_cast<const Bytef*>(ahead.data());
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(ahead.size(), UINT_MAX));
    const uInt given = stream_.avail_in;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream_.avail_out = room;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    out.resize(before + room - stream_.avail_out);
    input_.skip(given - stream_.avail_in);
    if (code == Z_STREAM_END) {
      between_members_ = true;
    } else if (code != Z_OK) {
      damaged(input_, std::string("gzip: ") + (stream_.msg != nullptr ? stream_.msg : zError(code)));
    }
  }

  ByteInput& input_;
  z_stream stream_{};
  bool between_members_ = true;
};

}  // namespace

std::unique_ptr<TextInput> make_text_input(ByteInput& input) {
  switch (detect_kind(input)) {
    case InputKind::gzip:
      return std::make_unique<GzipText>(input);
    case InputKind::zstd:
      return std::make_unique<ZstdText>(input);
    default:
      return std::make_unique<PlainText>(input);
  }
}

}  // namespace bulk
