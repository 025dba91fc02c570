// bulk inspect DUMP: metadata, schema and frames of a dump part, read without its records. Each frame that is shown is
// compared with its SHA-256; for people these are the first few (all with -v), with --json all. A folder is
// src/commands/inspect_folder.cc.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "backends/dump/part_file.h"
#include "backends/dump/store.h"
#include "io/error.h"
#include "src/commands/commands.h"
#include "src/commands/inspect_text.h"
#include "src/text.h"

namespace bulk {

namespace {

constexpr std::size_t kFramesShown = 20;

std::string hex(const Sha256& hash) {
  std::string text;
  for (const unsigned char byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::string metadata_json(const PartFile& part, const InspectedDump& dump) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  begin_dump_json(json, dump);
  json.Key("segments");
  json.StartArray();
  for (const auto& [index, segment] : dump.footer.segments) {
    json.StartObject();
    json.Key("segment");
    json.Uint(index);
    json.Key("records");
    json.Uint64(segment.records);
    json.Key("digest");
    json.String(segment.digest.hex());
    json.EndObject();
  }
  json.EndArray();
  json.Key("frames");
  json.Uint64(part.frames().size());
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string metadata_text(const PartFile& part, const InspectedDump& dump) {
  std::string text = dump_text(dump);
  add_line(text, "Segments", with_separators(dump.footer.segments.size()));
  add_line(text, "Frames", with_separators(part.frames().size()));
  const DumpHeader& header = part.header();
  if (header.schema_json.empty()) return text;
  if (header.dialect != kRowsDialect) return text + "\nSchema:\n" + pretty_json(header.schema_json);
  try {
    for (const RowTable& table : decode_row_schema(header.schema_json).tables) text += "\n" + table_text(table);
  } catch (const Error& error) {
    throw corrupt_part(part.path(), error.what());
  }
  return text;
}

std::string frame_text(std::size_t index, const PartFrame& frame, bool intact) {
  return fmt::format("  {:>6}  {:>15}  {:>10}  {:>10}  {}  {}\n", index + 1, with_separators(frame.offset),
                     human_bytes(frame.stored_bytes), human_bytes(frame.plain_bytes), hex(frame.sha256),
                     intact ? "intact" : "DAMAGED");
}

std::string frame_json(std::size_t index, const PartFrame& frame, bool intact) {
  return fmt::format(
      R"({{"message_type":"frame","frame":{},"offset":{},"stored_bytes":{},"plain_bytes":{},"sha256":"{}","intact":{}}})"
      "\n",
      index + 1, frame.offset, frame.stored_bytes, frame.plain_bytes, hex(frame.sha256), intact);
}

}  // namespace

void run_inspect(AppContext& context) {
  const std::string path = context.dump_argument(context.argument(0));
  context.summary.source = path;
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored)) {
    inspect_folder(context, path);
    return;
  }
  File file = File::open_for_polling(path);
  if (!file.is_regular()) throw Error(ErrorKind::usage, fmt::format("'{}' is not a file", path), "inspect needs one");
  if (!PartFile::recognise(file)) {
    DumpStore(path, context.stop).header();  // refuses what is empty or encrypted
    throw Error(ErrorKind::usage, fmt::format("'{}' carries no header: plain lines have no metadata to show", path),
                "bulk cat prints its records");
  }
  const PartFile part(std::move(file));
  const bool json = context.options.json;
  const InspectedDump dump{part.path(), part.header(), part.footer(), part.stored_bytes()};
  summarise(context, dump);

  const std::size_t frames = part.frames().size();
  const bool all = json || context.options.verbose > 0;
  const std::size_t shown = all ? frames : std::min(frames, kFramesShown);
  context.out.write(json ? metadata_json(part, dump) : metadata_text(part, dump));
  if (!json && shown > 0) {
    context.out.write(fmt::format("\nFrames:\n  {:>6}  {:>15}  {:>10}  {:>10}  {:<64}  STATE\n", "FRAME", "OFFSET",
                                  "STORED", "PLAIN", "SHA-256"));
  }
  Buffer scratch;
  std::size_t damaged = 0;
  for (std::size_t index = 0; index < shown; ++index) {
    context.stop.check();
    const bool intact = part.sha256_matches(index, scratch);
    if (!intact) ++damaged;
    context.out.write(json ? frame_json(index, part.frames()[index], intact)
                           : frame_text(index, part.frames()[index], intact));
  }
  if (shown < frames) context.out.write(fmt::format("  and {} more (-v shows all)\n", with_separators(frames - shown)));
  context.out.flush();
  if (damaged > 0) {
    throw Error(ErrorKind::corrupt, fmt::format("'{}': {} of {} frames are damaged", path, damaged, shown),
                "bulk verify says where");
  }
}

}  // namespace bulk
