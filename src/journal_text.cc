#include "src/journal_text.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>

#include "codecs/json_check.h"
#include "codecs/zstd_frame.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr int kJournalFormat = 1;
constexpr std::size_t kDigits = 8;

std::string entry(const std::string& json) {
  return fmt::format("{:08x} {}\n", xxh64_low32(json), json);
}

std::string count_text(const Count& count) {
  return fmt::format(R"([{},"{}"])", count.records, count.digest.hex());
}

// The JSON text of a sound line, or nothing.
std::optional<std::string_view> checked(std::string_view line) {
  if (line.size() < kDigits + 1 || line[kDigits] != ' ') return std::nullopt;
  std::uint32_t digits = 0;
  const auto [end, problem] = std::from_chars(line.data(), line.data() + kDigits, digits, 16);
  const std::string_view json = line.substr(kDigits + 1);
  if (problem != std::errc() || end != line.data() + kDigits || digits != xxh64_low32(json)) return std::nullopt;
  return json;
}

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

bool take(const rapidjson::Value* value, std::string& into) {
  if (value == nullptr || !value->IsString()) return false;
  into.assign(value->GetString(), value->GetStringLength());
  return true;
}

bool take(const rapidjson::Value* value, std::uint64_t& into) {
  if (value == nullptr || !value->IsUint64()) return false;
  into = value->GetUint64();
  return true;
}

bool take(const rapidjson::Value* value, Count& into) {
  return value != nullptr && value->IsArray() && value->Size() == 2 && take(&(*value)[0], into.records) &&
         (*value)[1].IsString() && Digest::parse((*value)[1].GetString(), into.digest);
}

bool is_true(const rapidjson::Value* value) {
  return value != nullptr && value->IsTrue();
}

bool read_work(const rapidjson::Value* value, JournalWork& work) {
  if (value == nullptr || !value->IsObject()) return false;
  const rapidjson::Value* options = member(*value, "options");
  if (!take(member(*value, "command"), work.command) || !take(member(*value, "source"), work.source) ||
      !take(member(*value, "source_id"), work.source_id) || !take(member(*value, "target"), work.target) ||
      !take(member(*value, "target_id"), work.target_id) || options == nullptr || !options->IsObject()) {
    return false;
  }
  for (const auto& option : options->GetObject()) {
    if (!take(&option.value, work.options[{option.name.GetString(), option.name.GetStringLength()}])) return false;
  }
  return true;
}

bool read_header(const rapidjson::Value& json, JournalHeader& header) {
  std::string kind;
  std::uint64_t format = 0;
  if (!take(member(json, "bulk"), kind) || kind != "journal" || !take(member(json, "format"), format)) return false;
  if (format != kJournalFormat) {
    throw Error(ErrorKind::usage, fmt::format("its journal has format {}, which this version does not know", format),
                "use the version that wrote it, or start afresh, without --resume");
  }
  const rapidjson::Value* pid = member(json, "pid");
  if (pid != nullptr && pid->IsInt64()) header.pid = pid->GetInt64();
  header.was_empty = is_true(member(json, "was_empty"));
  header.created = is_true(member(json, "created"));
  return take(member(json, "tool"), header.tool) && take(member(json, "started"), header.started) &&
         read_work(member(json, "work"), header.work);
}

bool read_segments(const rapidjson::Value& json, std::vector<Segment>& segments) {
  std::uint64_t count = 0;
  // The service's own limit: no memory is taken for a number that was made up.
  constexpr std::uint64_t kMostSegments = 1'000'000;
  if (!take(member(json, "segments"), count) || count == 0 || count > kMostSegments) return false;
  const rapidjson::Value* bounds = member(json, "bounds");
  if (bounds != nullptr && (!bounds->IsArray() || bounds->Size() != count)) return false;
  segments.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    Segment& segment = segments[i];
    segment.index = i;
    segment.count = static_cast<std::uint32_t>(count);
    if (bounds == nullptr) continue;
    const rapidjson::Value& own = (*bounds)[i];
    if (!own.IsArray() || own.Size() < 2 || own.Size() > 3 || !take(&own[0], segment.begin) ||
        !take(&own[1], segment.end)) {
      return false;
    }
    std::uint64_t table = 0;
    if (own.Size() == 3 && (!take(&own[2], table) || table > UINT32_MAX)) return false;
    segment.table = static_cast<std::uint32_t>(table);
  }
  return true;
}

bool read_progress(const rapidjson::Value& list, std::size_t segments,
                   std::map<std::uint32_t, SegmentProgress>& advanced) {
  if (!list.IsArray()) return false;
  for (const rapidjson::Value& value : list.GetArray()) {
    if (!value.IsObject()) return false;
    std::uint64_t index = 0;
    SegmentProgress progress;
    Tally& tally = progress.tally;
    if (!take(member(value, "segment"), index) || index >= segments || !take(member(value, "after"), progress.after) ||
        !take(member(value, "batches"), progress.batches) || !take(member(value, "read"), tally.read) ||
        !take(member(value, "filtered"), tally.filtered) || !take(member(value, "rejected"), tally.rejected) ||
        !take(member(value, "raw_bytes"), tally.raw_bytes)) {
      return false;
    }
    if (tally.filtered.records > tally.read.records ||
        tally.rejected.records > tally.read.records - tally.filtered.records) {
      return false;
    }
    const rapidjson::Value* const taken = member(value, "taken");
    const rapidjson::Value* const made = member(value, "made");
    if ((taken != nullptr && !take(taken, tally.taken)) || (made != nullptr && !take(made, tally.made))) return false;
    if (tally.taken.records != tally.made.records || tally.taken.records > tally.read.records) return false;
    tally.written = tally.left_to_write();
    advanced[static_cast<std::uint32_t>(index)] = std::move(progress);
  }
  return true;
}

bool read_checkpoint(const rapidjson::Value& json, JournalContent& content) {
  const rapidjson::Value* list = member(json, "progress");
  const rapidjson::Value* sink = member(json, "sink");
  if (list == nullptr || (sink != nullptr && !sink->IsObject())) return false;
  std::map<std::uint32_t, SegmentProgress> advanced;
  if (!read_progress(*list, content.segments.size(), advanced)) return false;
  for (auto& [index, progress] : advanced) content.progress[index] = std::move(progress);
  if (sink != nullptr) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    sink->Accept(writer);
    content.sink.emplace_back(text.GetString(), text.GetSize());
  }
  return true;
}

bool read_entry(const rapidjson::Value& json, JournalContent& content) {
  if (json.HasMember("segments")) {
    // Apart: of an entry that breaks off in the middle nothing counts.
    std::vector<Segment> segments;
    if (!content.segments.empty() || !read_segments(json, segments)) return false;
    content.segments = std::move(segments);
    return true;
  }
  if (json.HasMember("progress")) return read_checkpoint(json, content);
  content.verified = content.verified || is_true(member(json, "verified"));
  return true;
}

}  // namespace

Tally JournalContent::total() const {
  Tally sum;
  for (const auto& [index, segment] : progress) sum += segment.tally;
  return sum;
}

std::string header_entry(const JournalHeader& header) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> json(text);
  const auto put = [&json](const char* name, const std::string& value) {
    json.Key(name);
    json.String(value);
  };
  json.StartObject();
  put("bulk", "journal");
  json.Key("format");
  json.Int(kJournalFormat);
  put("tool", header.tool);
  put("started", header.started);
  json.Key("pid");
  json.Int64(header.pid);
  json.Key("work");
  json.StartObject();
  put("command", header.work.command);
  put("source", header.work.source);
  put("source_id", header.work.source_id);
  put("target", header.work.target);
  put("target_id", header.work.target_id);
  json.Key("options");
  json.StartObject();
  for (const auto& [name, value] : header.work.options) put(name.c_str(), value);
  json.EndObject();
  json.EndObject();
  json.Key("was_empty");
  json.Bool(header.was_empty);
  json.Key("created");
  json.Bool(header.created);
  json.EndObject();
  return entry({text.GetString(), text.GetSize()});
}

std::string segments_entry(std::span<const Segment> segments) {
  std::string bounds;
  bool any = false;
  bool tables = false;
  for (const Segment& segment : segments) {
    tables = tables || segment.table != 0;
    any = any || tables || segment.begin != 0 || segment.end != 0;
  }
  for (const Segment& segment : segments) {
    if (any) bounds += fmt::format("{}[{},{}", bounds.empty() ? "" : ",", segment.begin, segment.end);
    if (any) bounds += tables ? fmt::format(",{}]", segment.table) : "]";
  }
  return entry(fmt::format(R"({{"segments":{}{}}})", segments.size(), any ? R"(,"bounds":[)" + bounds + "]" : ""));
}

std::string checkpoint_entry(const std::map<std::uint32_t, SegmentProgress>& advanced, const std::string& sink) {
  std::string list;
  for (const auto& [index, segment] : advanced) {
    const Tally& tally = segment.tally;
    list += fmt::format(
        R"({}{{"segment":{},"after":{},"batches":{},"read":{},"filtered":{},"rejected":{}{},"raw_bytes":{}}})",
        list.empty() ? "" : ",", index, json_quoted(segment.after), segment.batches, count_text(tally.read),
        count_text(tally.filtered), count_text(tally.rejected),
        tally.taken.records == 0
            ? ""
            : fmt::format(R"(,"taken":{},"made":{})", count_text(tally.taken), count_text(tally.made)),
        tally.raw_bytes);
  }
  return entry(fmt::format(R"({{"progress":[{}]{}}})", list, sink.empty() ? "" : R"(,"sink":)" + sink));
}

std::string verified_entry() {
  return entry(R"({"verified":true})");
}

std::optional<JournalContent> decode_journal(std::string_view text) {
  JournalContent content;
  bool have_header = false;
  std::size_t at = 0;
  while (true) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) break;
    const auto json = checked(text.substr(at, end - at));
    rapidjson::Document document;
    // Checked first: it bounds the nesting, which the recursive writer of the sink's object needs.
    if (!json || !check_json(*json).text.empty() ||
        document.Parse<rapidjson::kParseIterativeFlag>(json->data(), json->size()).HasParseError() ||
        !document.IsObject()) {
      break;
    }
    if (!(have_header ? read_entry(document, content) : read_header(document, content.header))) break;
    have_header = true;
    at = end + 1;
  }
  if (!have_header) return std::nullopt;
  content.sound_bytes = at;
  return content;
}

}  // namespace bulk
