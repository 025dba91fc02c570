#include "src/backfill/ledger.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "codecs/json_check.h"
#include "io/error.h"
#include "io/file.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxEntryBytes = 1u << 20;
constexpr std::array<const char*, 5> kStatusNames = {"running", "partial", "completed", "rolling_back", "rolled_back"};

struct TextMember {
  const char* name;
  std::string BackfillEntry::*field;
};
constexpr TextMember kTexts[] = {
    {"job", &BackfillEntry::job},
    {"checksum", &BackfillEntry::checksum},
    {"target", &BackfillEntry::target},
    {"target_id", &BackfillEntry::target_id},
    {"applied_by", &BackfillEntry::applied_by},
    {"started", &BackfillEntry::started},
    {"completed", &BackfillEntry::completed},
    {"where", &BackfillEntry::where},
    {"undo", &BackfillEntry::undo},
    {"backup", &BackfillEntry::backup},
};

struct CountMember {
  const char* name;
  std::uint64_t BackfillEntry::*field;
};
constexpr CountMember kCounts[] = {
    {"read", &BackfillEntry::read},           {"updated", &BackfillEntry::updated},
    {"unchanged", &BackfillEntry::unchanged}, {"rejected", &BackfillEntry::rejected},
    {"conflicts", &BackfillEntry::conflicts},
};

[[noreturn]] void damaged(const std::string& path) {
  throw Error(ErrorKind::corrupt, "'" + path + "' is damaged: it does not say how far the backfill is",
              "put a sound copy of it back; bulk backfill rollback needs the undo log beside it alone");
}

}  // namespace

std::string backfill_folder(const std::string& state_directory) {
  return state_directory + "/backfills";
}

BackfillFiles backfill_files(const std::string& state_directory, const std::string& job, const std::string& target) {
  const std::string base =
      fmt::format("{}/{}-{:016x}", backfill_folder(state_directory), job, XXH3_64bits(target.data(), target.size()));
  return {base + ".json", base + ".journal", base + ".undo.jsonl.zst", base + ".changed.jsonl"};
}

std::string status_name(BackfillStatus status) {
  return kStatusNames.at(static_cast<std::size_t>(status));
}

std::optional<BackfillEntry> read_entry(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  const std::string text = read_text_file(path, kMaxEntryBytes);
  if (!check_json(text).text.empty()) damaged(path);
  rapidjson::Document json;
  json.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (json.HasParseError() || !json.IsObject()) damaged(path);
  const auto member = [&](const rapidjson::Value& of, const char* name) -> const rapidjson::Value* {
    const auto found = of.FindMember(name);
    return found == of.MemberEnd() ? nullptr : &found->value;
  };
  const rapidjson::Value* const kind = member(json, "bulk");
  const rapidjson::Value* const format = member(json, "format");
  if (kind == nullptr || !kind->IsString() || *kind != "backfill" || format == nullptr || !format->IsUint64()) {
    damaged(path);
  }
  if (format->GetUint64() != 1) {
    throw Error(ErrorKind::usage,
                fmt::format("'{}' has format {}, this program reads format 1", path, format->GetUint64()),
                "use a newer version of bulk");
  }
  BackfillEntry entry;
  for (const auto& [name, field] : kTexts) {
    const rapidjson::Value* const value = member(json, name);
    if (value != nullptr && value->IsString()) entry.*field = {value->GetString(), value->GetStringLength()};
  }
  const rapidjson::Value* const status = member(json, "status");
  if (status == nullptr || !status->IsString()) damaged(path);
  const auto known = std::find(kStatusNames.begin(), kStatusNames.end(), std::string_view(status->GetString()));
  if (known == kStatusNames.end() || entry.job.empty() || entry.checksum.empty() || entry.target.empty()) damaged(path);
  entry.status = static_cast<BackfillStatus>(known - kStatusNames.begin());
  if (const rapidjson::Value* const counts = member(json, "counts"); counts != nullptr && counts->IsObject()) {
    for (const auto& [name, field] : kCounts) {
      const rapidjson::Value* const value = member(*counts, name);
      if (value != nullptr && value->IsUint64()) entry.*field = value->GetUint64();
    }
  }
  const rapidjson::Value* const undo_bytes = member(json, "undo_bytes");
  if (undo_bytes != nullptr && undo_bytes->IsUint64()) entry.undo_bytes = undo_bytes->GetUint64();
  if (const rapidjson::Value* const notes = member(json, "notes"); notes != nullptr && notes->IsArray()) {
    for (const rapidjson::Value& note : notes->GetArray()) {
      if (note.IsString()) entry.notes.emplace_back(note.GetString(), note.GetStringLength());
    }
  }
  return entry;
}

void write_entry(const std::string& path, const BackfillEntry& entry) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> json(buffer);
  json.SetIndent(' ', 2);
  json.StartObject();
  json.Key("bulk");
  json.String("backfill");
  json.Key("format");
  json.Int(1);
  for (const auto& [name, field] : kTexts) {
    if ((entry.*field).empty()) continue;
    json.Key(name);
    json.String(entry.*field);
  }
  json.Key("status");
  json.String(status_name(entry.status));
  json.Key("counts");
  json.StartObject();
  for (const auto& [name, field] : kCounts) {
    json.Key(name);
    json.Uint64(entry.*field);
  }
  json.EndObject();
  json.Key("undo_bytes");
  json.Uint64(entry.undo_bytes);
  json.Key("notes");
  json.StartArray();
  for (const std::string& note : entry.notes) json.String(note);
  json.EndArray();
  json.EndObject();

  const std::string text(buffer.GetString(), buffer.GetSize());
  // Better now than at the next run, which could not read it.
  if (!check_json(text).text.empty()) {
    throw Error(ErrorKind::failed, "'" + path + "' cannot say how far the backfill is: a path or a name is not UTF-8",
                "use a state folder with another name");
  }
  const std::string fresh = path + ".new";
  std::error_code ignored;
  fs::remove(fresh, ignored);
  {
    File file = File::create_new(fresh);
    file.write(text + "\n");
    file.sync();
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) throw os_error("cannot rename '" + fresh + "'", errno);
  sync_folder_of(path);
}

std::vector<BackfillEntry> all_entries(const std::string& state_directory, std::vector<std::string>& damaged) {
  std::vector<BackfillEntry> entries;
  std::error_code none;
  for (const fs::directory_entry& file : fs::directory_iterator(backfill_folder(state_directory), none)) {
    if (file.path().extension() != ".json") continue;
    try {
      if (std::optional<BackfillEntry> entry = read_entry(file.path().string())) entries.push_back(std::move(*entry));
    } catch (const Error&) {
      damaged.push_back(file.path().string());
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const BackfillEntry& a, const BackfillEntry& b) { return a.started > b.started; });
  return entries;
}

}  // namespace bulk
