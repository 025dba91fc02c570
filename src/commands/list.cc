// bulk list [--stage S]: the dumps of backup_dir, newest first. Files that are no sound dumps are listed with the
// reason; they do not change the exit status, because a list is an answer, not a verification.
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>

#include "src/commands/commands.h"
#include "src/dump_catalogue.h"
#include "src/text.h"

namespace bulk {

namespace {

using Row = std::array<std::string, 6>;

std::string json_line(const CatalogueEntry& entry) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto text = [&](const char* name, const std::string& value) {
    json.Key(name);
    json.String(value);
  };
  const auto number = [&](const char* name, std::uint64_t value) {
    json.Key(name);
    json.Uint64(value);
  };
  json.StartObject();
  text("message_type", "dump");
  text("path", entry.path);
  if (!entry.sound()) {
    text("problem", entry.problem);
    number("stored_bytes", entry.stored_bytes);
  } else {
    text("started", entry.header.started);
    text("ended", entry.footer.ended);
    text("stage", entry.header.stage);
    text("table", entry.header.table.name);
    text("source", entry.header.source);
    number("records", entry.footer.records);
    number("raw_bytes", entry.footer.raw_bytes);
    number("stored_bytes", entry.stored_bytes);
    text("digest", entry.footer.digest.hex());
    json.Key("consistent");
    json.Bool(entry.footer.consistent);
  }
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string table_text(const std::vector<CatalogueEntry>& entries) {
  std::vector<Row> rows{{"TIME", "STAGE", "TABLE", "ITEMS", "SIZE", "FILE"}};
  for (const CatalogueEntry& entry : entries) {
    if (!entry.sound()) continue;
    rows.push_back({printable(entry.header.started), printable(entry.header.stage.empty() ? "-" : entry.header.stage),
                    printable(entry.header.table.name.empty() ? "-" : entry.header.table.name),
                    with_separators(entry.footer.records), human_bytes(entry.stored_bytes),
                    printable(entry.path) + (entry.footer.consistent ? " (one point in time)" : "")});
  }
  std::string text;
  if (rows.size() > 1) {
    std::array<std::size_t, 6> widths{};
    for (const Row& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const Row& row : rows) {
      text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}  {}\n", row[0], widths[0], row[1], widths[1], row[2],
                          widths[2], row[3], widths[3], row[4], widths[4], row[5]);
    }
  }
  for (const CatalogueEntry& entry : entries) {
    if (!entry.sound()) text += fmt::format("{}  {}\n", printable(entry.path), printable(entry.problem));
  }
  return text;
}

}  // namespace

void run_list(AppContext& context) {
  const std::string directory = context.backup_directory();
  std::vector<CatalogueEntry> entries = read_catalogue(directory);
  if (!context.options.stage.empty()) {
    std::erase_if(entries, [&](const CatalogueEntry& entry) { return !is_of_stage(entry, context.options.stage); });
  }
  context.summary.source = directory;
  context.summary.dumps = entries.size();
  if (context.options.json) {
    for (const CatalogueEntry& entry : entries) context.out.write(json_line(entry));
  } else {
    context.out.write(table_text(entries));
    if (entries.empty()) {
      const std::string of_stage = context.options.stage.empty() ? "" : " of stage " + context.options.stage;
      context.progress.note("no dumps" + of_stage + " in " + directory);
    }
  }
  context.out.flush();
}

}  // namespace bulk
