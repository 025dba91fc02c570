// bulk list [--stage S]: the dumps of backup_dir, newest first, and when each was last verified as far as the history
// knows. Files and folders that are no sound dumps are listed with the reason; they do not change the exit status,
// because a list is an answer, not a verification.
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>

#include "io/error.h"
#include "src/commands/commands.h"
#include "src/dump_catalogue.h"
#include "src/history.h"
#include "src/text.h"

namespace bulk {

namespace {

using Row = std::array<std::string, 7>;

// A dump and when it was last verified; empty: not known.
struct Listed {
  CatalogueEntry entry;
  std::string verified;
};

std::string json_line(const Listed& listed) {
  const CatalogueEntry& entry = listed.entry;
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
    text("state", entry.state);
    text("problem", entry.problem);
    number("stored_bytes", entry.stored_bytes);
  } else {
    text("started", entry.header.started);
    text("ended", entry.footer.ended);
    text("stage", entry.header.stage);
    text("table", entry.header.table.name);
    text("source", entry.header.source);
    if (entry.selected()) {
      json.Key("selection");
      json.RawValue(entry.header.selection_json.data(), entry.header.selection_json.size(), rapidjson::kObjectType);
    }
    number("records", entry.footer.records);
    number("raw_bytes", entry.footer.raw_bytes);
    number("stored_bytes", entry.stored_bytes);
    if (entry.parts > 0) number("parts", entry.parts);
    text("digest", entry.footer.digest.hex());
    json.Key("consistent");
    json.Bool(entry.footer.consistent);
    json.Key("verified");
    listed.verified.empty() ? json.Null() : json.String(listed.verified);
  }
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string table_text(const std::vector<Listed>& dumps) {
  std::vector<Row> rows{{"TIME", "STAGE", "TABLE", "ITEMS", "SIZE", "VERIFIED", "FILE"}};
  for (const Listed& listed : dumps) {
    const CatalogueEntry& entry = listed.entry;
    if (!entry.sound()) continue;
    rows.push_back({printable(entry.header.started), printable(entry.header.stage.empty() ? "-" : entry.header.stage),
                    printable(entry.header.table.name.empty() ? "-" : entry.header.table.name),
                    with_separators(entry.footer.records), human_bytes(entry.stored_bytes),
                    listed.verified.empty() ? "-" : printable(listed.verified),
                    printable(entry.path) + (entry.parts > 0 ? " (" + counted(entry.parts, "table") + ")" : "") +
                        (entry.selected() ? " (a selection)" : "") +
                        (entry.footer.consistent ? " (one point in time)" : "")});
  }
  std::string text;
  if (rows.size() > 1) {
    std::array<std::size_t, 7> widths{};
    for (const Row& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const Row& row : rows) {
      text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}  {:<{}}  {}\n", row[0], widths[0], row[1], widths[1],
                          row[2], widths[2], row[3], widths[3], row[4], widths[4], row[5], widths[5], row[6]);
    }
  }
  for (const auto& [entry, verified] : dumps) {
    if (!entry.sound()) text += fmt::format("{}  {}\n", printable(entry.path), printable(entry.problem));
  }
  return text;
}

std::vector<Listed> with_history(AppContext& context, std::vector<CatalogueEntry> entries) {
  std::vector<Listed> dumps;
  std::vector<DumpProof> proofs;
  for (CatalogueEntry& entry : entries) {
    proofs.push_back({canonical_path(entry.path), entry.sound() ? entry.footer.digest.hex() : "", ""});
    dumps.push_back({std::move(entry), ""});
  }
  try {
    const std::string folder = state_directory(context.config, context.stores.environment);
    if (!folder.empty()) find_verified(history_path(folder), proofs);
  } catch (const Error& error) {
    context.warn("the history cannot be read: " + error.line());
  }
  for (std::size_t i = 0; i < dumps.size(); ++i) dumps[i].verified = proofs[i].verified;
  return dumps;
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
  const std::vector<Listed> dumps = with_history(context, std::move(entries));
  if (context.options.json) {
    for (const Listed& listed : dumps) context.out.write(json_line(listed));
  } else {
    context.out.write(table_text(dumps));
    if (dumps.empty()) {
      const std::string of_stage = context.options.stage.empty() ? "" : " of stage " + context.options.stage;
      context.progress.note("no dumps" + of_stage + " in " + directory);
    }
  }
  context.out.flush();
}

}  // namespace bulk
