// bulk inspect DUMP: metadata, schema and frames of a dump part, read without its records. Each frame that is shown is
// compared with its SHA-256; for people these are the first few (all with -v), with --json all.
#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>

#include "backends/dump/part_file.h"
#include "backends/dump/store.h"
#include "io/error.h"
#include "src/commands/commands.h"
#include "src/text.h"

namespace bulk {

namespace {

constexpr std::size_t kFramesShown = 20;

std::string hex(const Sha256& hash) {
  std::string text;
  for (const unsigned char byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::string pretty_json(const std::string& text) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  rapidjson::Reader reader;
  rapidjson::StringStream stream(text.c_str());
  // Iterative: the depth of a hostile schema must not become the depth of the stack.
  if (!reader.Parse<rapidjson::kParseIterativeFlag>(stream, writer)) return "  " + printable(text) + "\n";
  std::string lines;
  std::string_view rest(buffer.GetString(), buffer.GetSize());
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    lines += "  " + printable(line) + "\n";
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return lines;
}

std::string metadata_text(const PartFile& part) {
  const DumpHeader& header = part.header();
  const DumpFooter& footer = part.footer();
  std::string text = printable(part.path()) + "\n";
  const auto line = [&](const char* label, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<9} {}\n", std::string(label) + ":", printable(value));
  };
  line("Table", header.table.name);
  line("ARN", header.table.arn);
  line("Table id", header.table.id);
  line("Created", header.table.created);
  line("Source", header.source);
  line("Stage", header.stage);
  line("Selection", header.selection_json);
  line("Started", header.started);
  line("Ended", footer.ended);
  line("Tool", header.tool);
  line("Dialect", header.dialect);
  line("Items", with_separators(footer.records));
  line("Size", fmt::format("{} ({} of JSON)", human_bytes(part.stored_bytes()), human_bytes(footer.raw_bytes)));
  line("Digest", footer.digest.hex());
  line("View", footer.consistent ? "of one point in time" : "not of one point in time");
  line("Segments", with_separators(footer.segments.size()));
  line("Frames", with_separators(part.frames().size()));
  return text;
}

std::string metadata_json(const PartFile& part) {
  const DumpHeader& header = part.header();
  const DumpFooter& footer = part.footer();
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto text = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    json.Key(name);
    json.String(value);
  };
  const auto number = [&](const char* name, std::uint64_t value) {
    json.Key(name);
    json.Uint64(value);
  };
  json.StartObject();
  text("message_type", "dump");
  text("path", part.path());
  text("tool", header.tool);
  text("dialect", header.dialect);
  text("started", header.started);
  text("ended", footer.ended);
  text("source", header.source);
  text("stage", header.stage);
  json.Key("table");
  json.StartObject();
  text("name", header.table.name);
  text("id", header.table.id);
  text("created", header.table.created);
  text("arn", header.table.arn);
  json.EndObject();
  if (!header.schema_json.empty()) {
    json.Key("schema");
    json.RawValue(header.schema_json.data(), header.schema_json.size(), rapidjson::kObjectType);
  }
  if (!header.selection_json.empty()) {
    json.Key("selection");
    json.RawValue(header.selection_json.data(), header.selection_json.size(), rapidjson::kObjectType);
  }
  number("records", footer.records);
  number("raw_bytes", footer.raw_bytes);
  number("stored_bytes", part.stored_bytes());
  text("digest", footer.digest.hex());
  json.Key("consistent");
  json.Bool(footer.consistent);
  json.Key("segments");
  json.StartArray();
  for (const auto& [index, segment] : footer.segments) {
    json.StartObject();
    number("segment", index);
    number("records", segment.records);
    text("digest", segment.digest.hex());
    json.EndObject();
  }
  json.EndArray();
  number("frames", part.frames().size());
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
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
  File file = File::open_for_polling(path);
  if (!file.is_regular()) throw Error(ErrorKind::usage, fmt::format("'{}' is not a file", path), "inspect needs one");
  if (!PartFile::recognise(file)) {
    DumpStore(path, context.stop).header();  // refuses what is empty or encrypted
    throw Error(ErrorKind::usage, fmt::format("'{}' carries no header: plain lines have no metadata to show", path),
                "bulk cat prints its records");
  }
  const PartFile part(std::move(file));
  const bool json = context.options.json;
  context.summary.table = part.header().table.name;
  context.summary.read = part.footer().records;
  context.summary.raw_bytes = part.footer().raw_bytes;
  context.summary.stored_bytes = part.stored_bytes();
  context.summary.digest = part.footer().digest;
  context.summary.consistent = part.footer().consistent;

  const std::size_t frames = part.frames().size();
  const bool all = json || context.options.verbose > 0;
  const std::size_t shown = all ? frames : std::min(frames, kFramesShown);
  context.out.write(json ? metadata_json(part) : metadata_text(part));
  if (!json && !part.header().schema_json.empty()) {
    context.out.write("\nSchema:\n" + pretty_json(part.header().schema_json));
  }
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
