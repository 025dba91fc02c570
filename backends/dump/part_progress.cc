#include "backends/dump/part_progress.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <zstd.h>

#include <set>

#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kAfresh = "start afresh, without --resume";
constexpr std::uint64_t kMostPlainBytes = 1u << 30;  // of a frame: docs/format.md
constexpr std::uint64_t kSkippableHeaderBytes = 8;   // magic and length
constexpr unsigned kDeepest = 32;                    // nesting of what is not known and skipped

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(ErrorKind::corrupt, "progress of the dump: " + what, kAfresh);
}

std::string hex(const Sha256& hash) {
  std::string text;
  text.reserve(2 * hash.size());
  for (const unsigned char byte : hash) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

bool parse_hex(std::string_view text, Sha256& hash) {
  if (text.size() != 2 * hash.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return false;
    const int value = digit ? c - '0' : c - 'a' + 10;
    unsigned char& byte = hash[i / 2];
    byte = static_cast<unsigned char>(byte << 4 | value);
  }
  return true;
}

// Takes the events of the parser rather than a tree of values: a tree would be many times as large as the text.
// Levels: 1 the members, 2 the list of frames, 3 the fields of a frame.
class Events : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Events> {
 public:
  bool Default() { return wrong_value(); }  // null, true, false, negative and fractional numbers
  bool Uint(unsigned number) { return Uint64(number); }
  bool Uint64(std::uint64_t number) {
    if (level_ == 1 && key_ == "bytes") {
      bytes_ = number;
    } else if (level_ == 1 && key_ == "header") {
      header_ = number;
    } else if (in_frame()) {
      frame_number(number);
    } else {
      return wrong_value();
    }
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (!in_frame()) return wrong_value();
    frame_text({text, length});
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    if (level_ != 1) return true;
    key_.assign(text, length);
    const bool known = key_ == "bytes" || key_ == "header" || key_ == "frames";
    if (known && !seen_.insert(key_).second) corrupt("member '" + key_ + "' stands twice");
    return true;
  }
  bool StartObject() {
    if (level_ > 0) wrong_value();
    return enter();
  }
  bool EndObject(rapidjson::SizeType) { return leave(); }
  bool StartArray() {
    if (level_ == 0) corrupt("it is no object");
    if (!in_frames() || level_ > 2) {
      wrong_value();
    } else if (level_ == 2) {
      if (frames_.size() >= kMostFrames) corrupt("it has more frames than a dump may have");
      frames_.emplace_back();
      field_ = 0;
    }
    return enter();
  }
  bool EndArray(rapidjson::SizeType) {
    if (level_ == 3 && in_frames() && field_ != kFields) bad_frame("it has " + std::to_string(field_) + " fields of 7");
    return leave();
  }

  PartProgress result() && {
    for (const char* name : {"bytes", "frames"}) {
      if (!seen_.contains(name)) corrupt(std::string("member '") + name + "' is missing");
    }
    return {bytes_, header_, std::move(frames_)};
  }

 private:
  static constexpr unsigned kFields = 7;

  bool in_frames() const { return level_ >= 1 && key_ == "frames"; }
  bool in_frame() const { return level_ == 3 && in_frames(); }

  bool enter() {
    if (++level_ > kDeepest) corrupt("it is nested too deeply");
    return true;
  }
  bool leave() {
    --level_;
    return true;
  }

  // A value where another is wanted; fine in members that are not known.
  bool wrong_value() const {
    if (level_ == 0) corrupt("it is no object");
    if (key_ == "bytes" || key_ == "header") corrupt("member '" + key_ + "' is not a whole number");
    if (in_frame()) bad_field();
    if (key_ == "frames") corrupt("member 'frames' is not a list of lists");
    return true;
  }

  [[noreturn]] void bad_frame(const std::string& what) const {
    corrupt("frame " + std::to_string(frames_.size()) + " of the entry: " + what);
  }
  [[noreturn]] void bad_field() const {
    bad_frame("field " + std::to_string(field_ + 1) + " is not what it should be");
  }

  void frame_number(std::uint64_t number) {
    ProgressFrame& frame = frames_.back();
    const auto narrow = [&](std::uint32_t& into) {
      if (number > UINT32_MAX) bad_field();
      into = static_cast<std::uint32_t>(number);
    };
    switch (field_) {
      case 0:
        narrow(frame.entry.stored_bytes);
        break;
      case 1:
        narrow(frame.entry.plain_bytes);
        break;
      case 2:
        narrow(frame.entry.checksum);
        break;
      case 4:
        narrow(frame.segment);
        break;
      case 5:
        frame.records = number;
        break;
      default:
        bad_field();
    }
    ++field_;
  }
  void frame_text(std::string_view text) {
    ProgressFrame& frame = frames_.back();
    const bool right = field_ == 3   ? parse_hex(text, frame.sha256)
                       : field_ == 6 ? Digest::parse(text, frame.digest)
                                     : false;
    if (!right) bad_field();
    ++field_;
  }

  unsigned level_ = 0;
  std::string key_;  // of level 1
  unsigned field_ = 0;
  std::set<std::string> seen_;
  std::uint64_t bytes_ = 0, header_ = 0;
  std::vector<ProgressFrame> frames_;
};

// A frame that a part can hold, so that nothing later has to doubt its numbers.
void check_frame(const ProgressFrame& frame, std::size_t number) {
  const std::uint64_t plain = frame.entry.plain_bytes;
  const std::uint64_t stored = frame.entry.stored_bytes;
  const bool possible = plain > 0 && plain <= kMostPlainBytes && stored > 0 &&
                        stored <= ZSTD_compressBound(static_cast<std::size_t>(plain)) + 64 && frame.records > 0 &&
                        frame.records <= plain;
  if (!possible) corrupt("frame " + std::to_string(number) + " of the entry: its numbers are not those of a frame");
}

void verify_header(const File& file, std::uint64_t header_bytes, const std::string& where) {
  std::string frame(header_bytes, '\0');
  file.read_at(0, frame.data(), frame.size());
  std::uint64_t bytes = 0;
  if (!skippable_payload_size(frame, kHeaderMagic, bytes) || bytes != header_bytes) {
    throw Error(ErrorKind::corrupt, where + "no header of " + std::to_string(header_bytes) + " bytes at byte 0",
                kAfresh);
  }
  try {
    decode_header(std::string_view(frame).substr(kSkippableHeaderBytes));
  } catch (const Error& error) {
    throw Error(error.kind(), where + error.what(), kAfresh);
  }
}

}  // namespace

std::string encode_progress(const PartProgress& progress) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  const auto text = [&](const std::string& value) {
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  writer.Key("bytes");
  writer.Uint64(progress.bytes);
  if (progress.header_bytes > 0) {
    writer.Key("header");
    writer.Uint64(progress.header_bytes);
  }
  writer.Key("frames");
  writer.StartArray();
  for (const ProgressFrame& frame : progress.frames) {
    writer.StartArray();
    writer.Uint(frame.entry.stored_bytes);
    writer.Uint(frame.entry.plain_bytes);
    writer.Uint(frame.entry.checksum);
    text(hex(frame.sha256));
    writer.Uint(frame.segment);
    writer.Uint64(frame.records);
    text(frame.digest.hex());
    writer.EndArray();
  }
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

PartProgress decode_progress(std::string_view json) {
  Events events;
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader reader;
  // Iterative: nesting costs heap, which Events bounds, not the stack.
  reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(stream, events);
  if (reader.HasParseError()) corrupt("its JSON is damaged at byte " + std::to_string(reader.GetErrorOffset()));
  PartProgress progress = std::move(events).result();
  for (std::size_t i = 0; i < progress.frames.size(); ++i) check_frame(progress.frames[i], i + 1);
  return progress;
}

PartProgress join_progress(std::span<const std::string> entries) {
  PartProgress whole;
  std::uint64_t number = 0;
  for (const std::string& entry : entries) {
    const auto bad = [&](const std::string& what) { corrupt("entry " + std::to_string(number) + ": " + what); };
    ++number;
    PartProgress added;
    try {
      added = decode_progress(entry);
    } catch (const Error& error) {
      throw error.in("entry " + std::to_string(number) + " of the journal");
    }
    if (number == 1) {
      if (added.header_bytes == 0) bad("member 'header' is missing");
      if (added.header_bytes <= kSkippableHeaderBytes || added.header_bytes > kMaxMetadataBytes + kSkippableHeaderBytes)
        bad("a header of " + std::to_string(added.header_bytes) + " bytes is none");
      whole.header_bytes = whole.bytes = added.header_bytes;
    } else if (added.header_bytes != 0) {
      bad("a second header");
    }
    if (added.frames.size() > kMostFrames - whole.frames.size()) bad("more frames than a dump may have");
    // At most 2^21 frames of less than 2^32 bytes: no sum overflows.
    for (const ProgressFrame& frame : added.frames) whole.bytes += frame.entry.stored_bytes;
    if (whole.bytes != added.bytes) {
      bad("its frames end at byte " + std::to_string(whole.bytes) + ", not at " + std::to_string(added.bytes));
    }
    whole.frames.insert(whole.frames.end(), added.frames.begin(), added.frames.end());
  }
  return whole;
}

void verify_kept(const File& file, const PartProgress& kept, const Stop& stop) {
  const std::string where = file.path() + ": ";
  if (file.size() < kept.bytes) {
    throw Error(ErrorKind::corrupt,
                where + "it ends at byte " + std::to_string(file.size()) + " of " + std::to_string(kept.bytes),
                kAfresh);
  }
  verify_header(file, kept.header_bytes, where);
  Buffer stored;
  std::uint64_t offset = kept.header_bytes;
  for (std::size_t i = 0; i < kept.frames.size(); ++i) {
    stop.check();
    const ProgressFrame& frame = kept.frames[i];
    stored.resize(frame.entry.stored_bytes);
    file.read_at(offset, stored.data(), stored.size());
    if (sha256(stored.view()) != frame.sha256) {
      throw Error(ErrorKind::corrupt,
                  where + "frame " + std::to_string(i + 1) + " of " + std::to_string(kept.frames.size()) + " at byte " +
                      std::to_string(offset) + ": its SHA-256 is not the journal's",
                  kAfresh);
    }
    offset += stored.size();
  }
}

}  // namespace bulk
