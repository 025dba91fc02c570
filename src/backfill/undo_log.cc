#include "src/backfill/undo_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rapidjson/document.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <utility>

#include "codecs/json_check.h"
#include "codecs/little_endian.h"
#include "io/error.h"

namespace bulk {
namespace {

// Skippable frames (RFC 8878, 3.1.2): the log's header, what stands before each block and before each group of them.
constexpr std::uint32_t kLogMagic = 0x184D2A56;
constexpr std::uint32_t kBlockMagic = 0x184D2A57;
constexpr std::uint32_t kGroupMagic = 0x184D2A58;
constexpr std::size_t kFrameHeaderBytes = 8;
constexpr std::size_t kMaxHeaderBytes = 1u << 20;
constexpr std::size_t kMaxBlockHeaderBytes = 4096;
constexpr std::size_t kMaxBlockBytes = 1u << 30;
constexpr std::size_t kMaxGroupBytes = 1u << 30;

std::string skippable(std::uint32_t magic, std::string_view payload) {
  std::string frame;
  append_u32(frame, magic);
  append_u32(frame, static_cast<std::uint32_t>(payload.size()));
  frame += payload;
  return frame;
}

std::string text_of(const rapidjson::Document& json, const char* name) {
  const auto member = json.FindMember(name);
  if (member == json.MemberEnd() || !member->value.IsString()) return {};
  return {member->value.GetString(), member->value.GetStringLength()};
}

bool number_of(const rapidjson::Document& json, const char* name, std::uint64_t& number) {
  const auto member = json.FindMember(name);
  if (member == json.MemberEnd() || !member->value.IsUint64()) return false;
  number = member->value.GetUint64();
  return true;
}

bool parse(rapidjson::Document& json, const std::string& text) {
  if (!check_json(text).text.empty()) return false;
  json.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  return !json.HasParseError() && json.IsObject();
}

}  // namespace

std::unique_ptr<UndoLog> UndoLog::create(const std::string& path, const UndoHeader& header) {
  std::error_code none;
  if (std::filesystem::exists(path, none)) throw Error(ErrorKind::refused, "'" + path + "' exists");
  // Under its name only with a whole header, so that a log is never anything else.
  const std::string fresh = path + ".new";
  std::filesystem::remove(fresh, none);
  File file = File::create_new(fresh);
  file.write(skippable(
      kLogMagic,
      fmt::format(
          R"({{"bulk":"undo","format":1,"tool":{},"job":{},"checksum":{},"target":{},"target_id":{},"key":{},"started":{}}})",
          json_quoted(header.tool), json_quoted(header.job), json_quoted(header.checksum), json_quoted(header.target),
          json_quoted(header.target_id), json_quoted(header.key), json_quoted(header.started))));
  file.sync();
  const std::uint64_t bytes = file.size();
  if (std::rename(fresh.c_str(), path.c_str()) != 0) throw os_error("cannot rename '" + fresh + "'", errno);
  sync_folder_of(path);
  return go_on(path, bytes);
}

std::unique_ptr<UndoLog> UndoLog::go_on(const std::string& path, std::uint64_t sound_bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) throw os_error("cannot open '" + path + "'", errno);
  File file(fd, path);
  if (::ftruncate(fd, static_cast<off_t>(sound_bytes)) != 0) throw os_error("cannot cut '" + path + "'", errno);
  if (::lseek(fd, 0, SEEK_END) < 0) throw os_error("cannot go to the end of '" + path + "'", errno);
  file.sync();
  return std::make_unique<UndoLog>(std::move(file));
}

void UndoLog::append(std::span<const UndoBlock> blocks) {
  if (blocks.empty()) return;
  std::string body;
  for (const UndoBlock& block : blocks) {
    body += skippable(kBlockMagic,
                      fmt::format(R"({{"segment":{},"batch":{},"records":{},"bytes":{},"stored":{}}})", block.segment,
                                  block.batch, block.records, block.plain_bytes, block.stored.size()));
    body += block.stored;
  }
  const std::lock_guard lock(mutex_);
  // What stands behind a group that is not whole would never be read.
  if (std::exchange(broken_, true)) {
    throw Error(ErrorKind::failed, "nothing more can be added to '" + path() + "': it ends within a block");
  }
  file_.write(skippable(kGroupMagic, fmt::format(R"({{"blocks":{},"bytes":{},"check":"{:016x}"}})", blocks.size(),
                                                 body.size(), XXH64(body.data(), body.size(), 0))) +
              body);
  file_.sync();
  check_name();
  ++written_;
  broken_ = false;
}

void UndoLog::check_name() const {
  if (file_.has_name(path())) return;
  throw Error(ErrorKind::failed,
              "the undo log '" + path() + "' is gone: what this job has changed so far cannot be taken back",
              "put it back if you can; restore a backup otherwise");
}

bool UndoLog::appended() {
  const std::lock_guard lock(mutex_);
  return written_ > 0;
}

UndoLogReader::UndoLogReader(const std::string& path) : file_(File::open_for_reading(path)), size_(file_.size()) {
  const auto corrupt = [&](const char* what) {
    return Error(ErrorKind::corrupt, fmt::format("'{}' is no undo log: {}", path, what));
  };
  char begin[kFrameHeaderBytes];
  if (size_ < sizeof begin) throw corrupt("it is too short");
  file_.read_at(0, begin, sizeof begin);
  const std::uint32_t length = read_u32(begin + 4);
  if (read_u32(begin) != kLogMagic || length > kMaxHeaderBytes || length > size_ - sizeof begin) {
    throw corrupt("it does not begin as one");
  }
  std::string payload(length, '\0');
  file_.read_at(sizeof begin, payload.data(), length);
  rapidjson::Document json;
  std::uint64_t format = 0;
  if (!parse(json, payload) || text_of(json, "bulk") != "undo" || !number_of(json, "format", format)) {
    throw corrupt("its header is damaged");
  }
  if (format != 1) {
    throw Error(ErrorKind::usage, fmt::format("'{}' has format {}, this program reads format 1", path, format),
                "use a newer version of bulk");
  }
  header_ = {text_of(json, "tool"),      text_of(json, "job"), text_of(json, "checksum"), text_of(json, "target"),
             text_of(json, "target_id"), text_of(json, "key"), text_of(json, "started")};
  position_ = sizeof begin + length;
}

// Reads the next group whole, and believes it only as a whole.
bool UndoLogReader::read_group() {
  group_.clear();
  group_at_ = 0;
  std::uint64_t at = position_;
  if (size_ - at < kFrameHeaderBytes) return false;
  char begin[kFrameHeaderBytes];
  file_.read_at(at, begin, sizeof begin);
  const std::uint32_t length = read_u32(begin + 4);
  at += kFrameHeaderBytes;
  if (read_u32(begin) != kGroupMagic || length > kMaxBlockHeaderBytes || length > size_ - at) return false;
  std::string payload(length, '\0');
  file_.read_at(at, payload.data(), length);
  at += length;
  rapidjson::Document json;
  std::uint64_t bytes = 0;
  if (!parse(json, payload) || !number_of(json, "bytes", bytes) || bytes > kMaxGroupBytes || bytes > size_ - at) {
    return false;
  }
  group_.resize(bytes);
  file_.read_at(at, group_.data(), bytes);
  if (text_of(json, "check") != fmt::format("{:016x}", XXH64(group_.data(), group_.size(), 0))) {
    group_.clear();
    return false;
  }
  position_ = at;
  return true;
}

std::optional<UndoBlock> UndoLogReader::next(Buffer& lines) {
  const std::uint64_t before = position_;
  if (group_at_ == group_.size() && !read_group()) return std::nullopt;
  // What is in a group that was read is what was written; that it makes no sense is another program's doing.
  const auto damaged = [&] {
    position_ = before;
    group_.clear();
    group_at_ = 0;
    return std::nullopt;
  };
  const std::string_view rest = group_.view(group_at_, group_.size() - group_at_);
  if (rest.size() < kFrameHeaderBytes || read_u32(rest.data()) != kBlockMagic) return damaged();
  const std::uint32_t length = read_u32(rest.data() + 4);
  if (length > rest.size() - kFrameHeaderBytes) return damaged();

  rapidjson::Document json;
  UndoBlock block;
  std::uint64_t segment = 0, stored = 0;
  const std::size_t header = kFrameHeaderBytes + length;
  if (!parse(json, std::string(rest.substr(kFrameHeaderBytes, length))) || !number_of(json, "segment", segment) ||
      !number_of(json, "batch", block.batch) || !number_of(json, "records", block.records) ||
      !number_of(json, "bytes", block.plain_bytes) || !number_of(json, "stored", stored) || segment > UINT32_MAX ||
      stored > rest.size() - header || block.plain_bytes > kMaxBlockBytes) {
    return damaged();
  }
  block.segment = static_cast<std::uint32_t>(segment);
  block.stored = rest.substr(header, stored);
  try {
    codec_.decompress(block.stored, block.plain_bytes, lines);
  } catch (const Error&) {
    return damaged();
  }
  group_at_ += header + stored;
  position_ += header + stored;
  return block;
}

bool UndoLogReader::damaged() const {
  std::string begin;
  append_u32(begin, kGroupMagic);
  constexpr std::string_view kPayload = R"({"blocks":)";
  constexpr std::uint64_t kPiece = 1u << 20;
  const std::uint64_t pattern = kFrameHeaderBytes + kPayload.size();
  std::string piece;
  for (std::uint64_t at = position_ + 1; at + pattern <= size_; at += kPiece) {
    piece.resize(std::min(kPiece + pattern, size_ - at));
    file_.read_at(at, piece.data(), piece.size());
    for (std::size_t found = 0; (found = piece.find(begin, found)) != std::string::npos; ++found) {
      if (found + pattern > piece.size()) break;  // the next piece has all of it, or there is no more
      if (piece.compare(found + kFrameHeaderBytes, kPayload.size(), kPayload) == 0) return true;
    }
  }
  return false;
}

}  // namespace bulk
