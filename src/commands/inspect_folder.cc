// bulk inspect FOLDER: what the manifest says, and the state of every part: it is opened and compared with the
// manifest, which binds all of its bytes that mean something. For people the first few parts are shown (all with -v,
// and the tables' columns); all are looked at.
#include <fmt/format.h>

#include <algorithm>

#include "backends/dump/folder_store.h"
#include "io/error.h"
#include "src/commands/inspect_text.h"
#include "src/text.h"

namespace bulk {

namespace {

constexpr std::size_t kPartsShown = 20;

std::string metadata_json(const InspectedDump& dump, std::size_t parts) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  begin_dump_json(json, dump);
  json.Key("parts");
  json.Uint64(parts);
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string metadata_text(const InspectedDump& dump, std::size_t parts, const RowSchema* schema, bool columns) {
  std::string text = dump_text(dump);
  add_line(text, "Parts", with_separators(parts));
  if (schema == nullptr) return text + "\nSchema:\n" + pretty_json(dump.header.schema_json);
  add_line(text, "Server", schema->server.empty() ? "" : "PostgreSQL " + schema->server);
  add_line(text, "SQL", schema->pre_data.empty() ? "no: the tables cannot be made from it" : "yes, to make the tables");
  add_line(text, "Sequences", with_separators(schema->sequences.size()));
  add_line(text, "Views", fmt::format("{} materialized", with_separators(schema->materialized_views.size())));
  for (const std::string& phrase : schema->not_copied) add_line(text, "Not in it", phrase);
  for (std::size_t i = 0; columns && i < schema->tables.size(); ++i) text += "\n" + table_text(schema->tables[i]);
  return text;
}

std::string part_json(const ManifestPart& part, const std::string& table, bool intact) {
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
  text("message_type", "part");
  text("part", part.name);
  text("table", table);
  number("records", part.records);
  number("raw_bytes", part.raw_bytes);
  number("stored_bytes", part.stored_bytes);
  text("digest", part.digest.hex());
  text("fingerprint", part.fingerprint);
  json.Key("intact");
  json.Bool(intact);
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string part_text(const ManifestPart& part, bool intact) {
  return fmt::format("  {:>15}  {:>10}  {:>10}  {:<7}  {}\n", with_separators(part.records),
                     human_bytes(part.stored_bytes), human_bytes(part.raw_bytes), intact ? "intact" : "DAMAGED",
                     printable(part.name));
}

}  // namespace

void inspect_folder(AppContext& context, const std::string& path) {
  FolderStore store(path, context.stop);
  const DumpManifest& manifest = store.manifest();
  const std::shared_ptr<const RowSchema> schema = store.tables();
  DumpFooter footer;
  footer.ended = manifest.ended;
  footer.records = manifest.records;
  footer.raw_bytes = manifest.raw_bytes;
  footer.digest = manifest.digest;
  footer.consistent = manifest.consistent;
  const std::string url = store.url();
  const InspectedDump dump{url, manifest.header, footer, *store.describe().bytes, schema ? "Database" : "Table"};
  summarise(context, dump);

  const bool json = context.options.json;
  const bool all = json || context.options.verbose > 0;
  const std::size_t parts = manifest.parts.size();
  const std::size_t shown = all ? parts : std::min(parts, kPartsShown);
  context.out.write(json ? metadata_json(dump, parts)
                         : metadata_text(dump, parts, schema.get(), context.options.verbose > 0));
  if (!json && shown > 0) {
    context.out.write(
        fmt::format("\nParts:\n  {:>15}  {:>10}  {:>10}  {:<7}  FILE\n", "ROWS", "STORED", "PLAIN", "STATE"));
  }
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < parts; ++i) {
    context.stop.check();
    const ManifestPart& part = manifest.parts[i];
    const std::size_t before = problems.size();
    try {
      open_manifest_part(url, part);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      problems.emplace_back(error.what());
    }
    const bool intact = problems.size() == before;
    const std::string table = schema ? schema->tables[part.table].full_name() : manifest.header.table.name;
    if (json) context.out.write(part_json(part, table, intact));
    if (!json && (i < shown || !intact)) context.out.write(part_text(part, intact));
  }
  if (shown < parts) context.out.write(fmt::format("  and {} more (-v shows all)\n", with_separators(parts - shown)));
  context.out.flush();
  if (problems.empty()) return;
  throw Error(ErrorKind::corrupt,
              fmt::format("'{}': {} of {} parts are damaged or missing: {}", url, problems.size(), parts, problems[0]),
              "use another copy");
}

}  // namespace bulk
