// The form of a line, appending, and who is running. Reading is in history_read.cc.
#include "src/history.h"

#include <fcntl.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include "codecs/json_text.h"
#include "io/clock.h"
#include "io/error.h"
#include "io/file.h"

namespace bulk {

namespace {

constexpr int kFormat = 1;
constexpr std::size_t kMaxText = 2'000;  // PATH_MAX is 4096; a line stays well below what a reader takes
// Others hold the lock for one write and one fsync.
constexpr int kLockTries = 50;
constexpr std::chrono::milliseconds kLockPause{10};

// Up to a size, ended at a whole character.
std::string loggable(const std::string& given) {
  std::string text = given;
  if (!valid_utf8(text)) {
    for (char& c : text) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
  if (text.size() <= kMaxText) return text;
  std::size_t end = kMaxText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Writer& json, const char* name, const std::string& value) {
  if (value.empty()) return;
  json.Key(name);
  json.String(loggable(value));
}

void number(Writer& json, const char* name, std::uint64_t value) {
  json.Key(name);
  json.Uint64(value);
}

void members(Writer& json, const HistoryRun& run) {
  text(json, "run", run.id);
  text(json, "started", run.started);
  text(json, "ended", run.ended);
  text(json, "user", run.user);
  text(json, "sudo_user", run.sudo_user);
  text(json, "host", run.process.host);
  json.Key("pid");
  json.Int64(run.process.pid);
  text(json, "process", run.process.start);
  text(json, "command", run.command);
  text(json, "stage", run.stage);
  text(json, "source", run.source);
  text(json, "target", run.target);
  text(json, "reason", run.reason);
  text(json, "outcome", run.outcome);
  if (!run.has_ended()) return;
  text(json, "error", run.error_kind);
  json.Key("exit_status");
  json.Int(run.exit_status);
  json.Key("records");
  json.StartObject();
  number(json, "read", run.read);
  number(json, "written", run.written);
  number(json, "rejected", run.rejected);
  json.EndObject();
  text(json, "digest", run.digest);
  text(json, "verified", run.verified);
  text(json, "dump_written", run.dump_written);
  if (!run.dumps_read.empty()) {
    json.Key("dumps_read");
    json.StartArray();
    for (const std::string& path : run.dumps_read) json.String(loggable(path));
    json.EndArray();
  }
  if (run.resumed) {
    json.Key("resumed");
    json.Bool(true);
  }
  json.Key("seconds");
  json.Double(std::isfinite(run.seconds) ? std::round(run.seconds * 1000) / 1000 : 0);
}

std::string member_text(const rapidjson::Value& object, const char* name) {
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd() || !found->value.IsString()) return {};
  return {found->value.GetString(), found->value.GetStringLength()};
}

std::uint64_t member_count(const rapidjson::Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found != object.MemberEnd() && found->value.IsUint64() ? found->value.GetUint64() : 0;
}

bool is_hex_id(const std::string& id) {
  return id.size() == 16 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Field 22 of /proc/PID/stat; the name of the program before it may hold anything. Empty for a process that is none or
// is dead and not yet reaped.
std::string start_ticks(std::int64_t pid) {
  try {
    const std::string stat = read_text_file("/proc/" + std::to_string(pid) + "/stat", 1u << 16);
    std::size_t at = stat.rfind(')');
    if (at == std::string::npos || stat.compare(at, 4, ") Z ") == 0) return {};
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
    return at == std::string::npos ? std::string() : stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
  } catch (const Error&) {
    return {};
  }
}

std::string boot_id() {
  try {
    std::string id = read_text_file("/proc/sys/kernel/random/boot_id", 1u << 10);
    return id.substr(0, id.find('\n'));
  } catch (const Error&) {
    return {};
  }
}

std::string start_of(std::int64_t pid) {
  const std::string ticks = start_ticks(pid);
  return ticks.empty() ? ticks : ticks + "@" + boot_id();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

void lock(const File& file) {
  for (int i = 0; i < kLockTries; ++i) {
    if (::flock(file.fd(), LOCK_EX | LOCK_NB) == 0) return;
    if (errno != EWOULDBLOCK && errno != EINTR) throw os_error("lock '" + file.path() + "'", errno);
    std::this_thread::sleep_for(kLockPause);
  }
  throw Error(ErrorKind::failed, "'" + file.path() + "' is locked by another program");
}

}  // namespace

ProcessIdentity this_process() {
  return {host_name(), ::getpid(), start_of(::getpid())};
}

bool is_running(const ProcessIdentity& process) {
  return process.host == host_name() && !process.start.empty() && process.start == start_of(process.pid);
}

std::string history_path(const std::string& state_directory) {
  return state_directory + "/history.jsonl";
}

std::string history_members(const HistoryRun& run) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  members(json, run);
  json.EndObject();
  return {buffer.GetString() + 1, buffer.GetSize() - 2};
}

std::string history_line(const HistoryRun& run) {
  return "{\"bulk\":\"history\",\"format\":" + std::to_string(kFormat) + ",\"event\":\"" +
         (run.has_ended() ? "end" : "start") + "\"," + history_members(run) + "}\n";
}

std::optional<HistoryRun> parse_history_line(std::string_view line) {
  rapidjson::Document object;
  // Iterative: nesting costs no stack.
  object.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(line.data(), line.size());
  if (object.HasParseError() || !object.IsObject()) return std::nullopt;
  if (member_text(object, "bulk") != "history" || member_count(object, "format") != kFormat) return std::nullopt;
  HistoryRun run;
  run.id = member_text(object, "run");
  run.started = member_text(object, "started");
  run.ended = member_text(object, "ended");
  run.command = member_text(object, "command");
  WallTime ignored;
  const bool good = is_hex_id(run.id) && parse_utc(run.started, ignored) && !run.command.empty() &&
                    (member_text(object, "event") == "end" ? parse_utc(run.ended, ignored) : run.ended.empty());
  if (!good) return std::nullopt;
  run.user = member_text(object, "user");
  run.sudo_user = member_text(object, "sudo_user");
  run.process = {member_text(object, "host"), static_cast<std::int64_t>(member_count(object, "pid")),
                 member_text(object, "process")};
  run.stage = member_text(object, "stage");
  run.source = member_text(object, "source");
  run.target = member_text(object, "target");
  run.reason = member_text(object, "reason");
  run.outcome = member_text(object, "outcome");
  run.error_kind = member_text(object, "error");
  run.exit_status = static_cast<int>(std::min<std::uint64_t>(member_count(object, "exit_status"), 255));
  if (const auto records = object.FindMember("records"); records != object.MemberEnd() && records->value.IsObject()) {
    run.read = member_count(records->value, "read");
    run.written = member_count(records->value, "written");
    run.rejected = member_count(records->value, "rejected");
  }
  run.digest = member_text(object, "digest");
  run.verified = member_text(object, "verified");
  run.dump_written = member_text(object, "dump_written");
  if (const auto dumps = object.FindMember("dumps_read"); dumps != object.MemberEnd() && dumps->value.IsArray()) {
    for (const auto& path : dumps->value.GetArray()) {
      if (path.IsString()) run.dumps_read.emplace_back(path.GetString(), path.GetStringLength());
    }
  }
  if (const auto resumed = object.FindMember("resumed"); resumed != object.MemberEnd()) {
    run.resumed = resumed->value.IsTrue();
  }
  if (const auto seconds = object.FindMember("seconds"); seconds != object.MemberEnd() && seconds->value.IsNumber()) {
    run.seconds = seconds->value.GetDouble();
  }
  return run;
}

void append_history(const std::string& path, const std::string& line) {
  // Not blocking: somebody may have put a pipe there.
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) throw os_error("write '" + path + "'", errno);
  const File file(fd, path);
  if (!file.is_regular()) throw Error(ErrorKind::failed, "'" + path + "' is no file");
  lock(file);
  const std::uint64_t size = file.size();
  char last = '\n';
  if (size > 0) file.read_at(size - 1, &last, 1);
  const std::string bytes = last == '\n' ? line : "\n" + line;  // a torn line stays one line
  ssize_t put = 0;
  do {
    put = ::write(fd, bytes.data(), bytes.size());
  } while (put < 0 && errno == EINTR);
  if (put != static_cast<ssize_t>(bytes.size())) {
    const int problem = put < 0 ? errno : ENOSPC;
    // Nobody else has appended meanwhile. Where it fails the line is torn, and passed over.
    [[maybe_unused]] const int undone = ::ftruncate(fd, static_cast<off_t>(size));
    throw os_error("write '" + path + "'", problem);
  }
  if (::fsync(fd) != 0) throw os_error("make '" + path + "' durable", errno);
  if (size == 0) sync_folder_of(path);
}

std::string canonical_path(const std::string& path) {
  std::error_code problem;
  const auto canonical = std::filesystem::weakly_canonical(std::filesystem::absolute(path, problem), problem);
  return problem ? path : canonical.string();
}

}  // namespace bulk
