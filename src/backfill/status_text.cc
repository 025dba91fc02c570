#include "src/backfill/status_text.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "src/text.h"

namespace bulk {
namespace {

std::string entry_json(const BackfillEntry& entry, bool busy) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  json.StartObject();
  const auto text = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    json.Key(name);
    json.String(value);
  };
  text("message_type", "backfill");
  text("job", entry.job);
  text("target", entry.target);
  text("status", status_name(entry.status));
  json.Key("under_way");
  json.Bool(busy);
  text("checksum", entry.checksum);
  text("applied_by", entry.applied_by);
  text("started", entry.started);
  text("completed", entry.completed);
  json.Key("counts");
  json.StartObject();
  const auto number = [&](const char* name, std::uint64_t value) {
    json.Key(name);
    json.Uint64(value);
  };
  number("read", entry.read);
  number("updated", entry.updated);
  number("unchanged", entry.unchanged);
  number("rejected", entry.rejected);
  number("conflicts", entry.conflicts);
  json.EndObject();
  json.Key("notes");
  json.StartArray();
  for (const std::string& note : entry.notes) json.String(note);
  json.EndArray();
  text("undo", entry.undo);
  text("backup", entry.backup);
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string entry_text(const BackfillEntry& entry, bool busy) {
  std::string status = status_name(entry.status);
  std::replace(status.begin(), status.end(), '_', ' ');
  if (entry.status == BackfillStatus::running && !busy) status = "interrupted: the same command goes on";
  std::string text = fmt::format("{} on {}: {}\n", entry.job, entry.target, status);
  const auto line = [&](const char* label, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<10} {}\n", std::string(label) + ":", value);
  };
  line("Read", with_separators(entry.read));
  line("Updated", with_separators(entry.updated));
  line("Unchanged", with_separators(entry.unchanged));
  if (entry.rejected > 0) line("Rejected", with_separators(entry.rejected));
  if (entry.conflicts > 0) line("Conflicts", with_separators(entry.conflicts) + ", each read again");
  line("By", entry.applied_by);
  line("Started", entry.started);
  line("Completed", entry.completed);
  line("Backup", entry.backup);
  line("Undo log", entry.undo);
  for (const std::string& note : entry.notes) line("Note", note);
  return text;
}

}  // namespace

void show_entry(AppContext& context, const BackfillEntry& entry, bool busy) {
  context.out.write(context.options.json ? entry_json(entry, busy) : entry_text(entry, busy));
}

}  // namespace bulk
