#include "backends/dump/folder_sink.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "backends/dump/folder_files.h"
#include "backends/dump/folder_progress.h"
#include "backends/dump/frame_encoder.h"
#include "backends/dump/part_file.h"
#include "backends/dump/sink.h"
#include "backends/postgres/url.h"
#include "codecs/dump_manifest.h"
#include "io/clock.h"
#include "io/error.h"
#include "io/partial_folder.h"

namespace bulk {
namespace {

bool is_ours(std::string_view name) {
  constexpr std::string_view kPartial = ".partial";
  if (name.ends_with(kPartial)) name.remove_suffix(kPartial.size());
  return name.ends_with(".jsonl.zst") || name == kManifestName;
}

// From "postgresql://host/shop" to its table: a part by itself is restored where it came from.
std::string source_of_table(const std::string& database, const RowTable& table) {
  if (!is_postgres_url(database)) return database;
  return database.substr(0, database.find('#')) + "#" + format_pg_fragment({table.schema, table.name});
}

DumpHeader part_header(const DumpHeader& whole, const RowSchema& rows, std::size_t table) {
  RowSchema schema;
  schema.server = rows.server;
  schema.database = rows.database;
  schema.tables = {rows.tables[table]};
  DumpHeader header;  // not a copy: the whole schema may be megabytes
  header.tool = whole.tool;
  header.dialect = whole.dialect;
  header.started = whole.started;
  header.stage = whole.stage;
  header.selection_json = whole.selection_json;
  header.table.name = rows.tables[table].full_name();
  if (!whole.table.id.empty()) header.table.id = whole.table.id + " " + header.table.name;
  header.source = source_of_table(whole.source, rows.tables[table]);
  header.schema_json = encode_row_schema(schema);
  return header;
}

// A later run must write the same tables, column by column, in the same order.
std::string tables_text(const RowSchema& rows) {
  RowSchema tables;
  tables.tables = rows.tables;
  return hash128(encode_row_schema(tables)).hex();
}

std::vector<std::string> names_of(const RowSchema& rows) {
  std::vector<std::string> names;
  for (const RowTable& table : rows.tables) names.push_back(table.full_name());
  return part_names(names);
}

struct Part {
  std::unique_ptr<Sink> sink;
  std::unique_ptr<SinkSession> session;
};

class FolderSink;

class FolderSession : public BlockingSession {
 public:
  explicit FolderSession(FolderSink& sink) : sink_(sink) {}
  WriteResult write(std::span<const RecordRef> records) override;

 private:
  FolderSink& sink_;
};

class FolderSink : public Sink {
 public:
  FolderSink(const std::string& path, const WriteOptions& options, const Stop& stop)
      : options_(checked(path, options)),
        stop_(stop),
        tables_(tables_text(*options_.rows)),
        names_(names_of(*options_.rows)),
        encoder_(options_.level, options_.verify),
        resumed_(!options.checkpoints.empty()),
        folder_(path, resumed_ ? PartialFolder::Begin::go_on : PartialFolder::Begin::afresh, is_ours),
        files_(folder_),
        parts_(names_.size()),
        saved_(resumed_) {
    if (resumed_) go_on(join_folder_progress(options.checkpoints));
  }

  SinkLimits limits() const override { return {.records = 0, .bytes = 0, .whole_batches = true, .sessions = 1}; }
  std::unique_ptr<SinkSession> open() override { return std::make_unique<FolderSession>(*this); }
  bool compares_content() const override { return encoder_.compares(); }
  void encode(Batch& batch) const override { encoder_.encode(batch); }

  WriteResult write(std::span<const RecordRef> records) {
    const std::uint32_t table = records.front().batch->table;
    Part& part = part_of(table);
    unsaved_.insert(table);
    return part.session->write(records);
  }

  std::string checkpoint() override {
    files_.keep();
    std::map<std::uint32_t, std::string> entries;
    for (const std::uint32_t table : unsaved_) {
      std::string entry = parts_[table].sink->checkpoint();
      if (!entry.empty()) entries[table] = std::move(entry);
    }
    unsaved_.clear();
    if (entries.empty()) return {};
    folder_.keep();
    std::string text = encode_folder_progress(saved_ ? "" : tables_, entries);
    saved_ = true;
    return text;
  }

  void finish() override {
    unsaved_.clear();
    DumpManifest manifest;
    manifest.header = options_.header;
    manifest.consistent = options_.consistent_source && !resumed_;
    for (std::uint32_t table = 0; table < parts_.size(); ++table) {
      stop_.check();
      part_of(table).sink->finish();
      parts_[table] = {};
    }
    files_.publish();
    for (std::uint32_t table = 0; table < parts_.size(); ++table) {
      stop_.check();
      manifest.parts.push_back(published_part(table, manifest.header.started));
      const ManifestPart& part = manifest.parts.back();
      manifest.records += part.records;
      manifest.raw_bytes += part.raw_bytes;
      manifest.digest += part.digest;
      finished_bytes_ += part.stored_bytes;
    }
    manifest.ended = utc_iso8601(std::chrono::system_clock::now());
    const std::string text = encode_manifest(manifest);
    const std::unique_ptr<Output> file = files_.create(kManifestName);
    file->write(text);
    file->publish();
    files_.publish();
    finished_bytes_ += text.size();
    folder_.publish();
  }

  std::uint64_t stored_bytes() const override {
    std::uint64_t bytes = finished_bytes_;
    for (const Part& part : parts_) bytes += part.sink ? part.sink->stored_bytes() : 0;
    return bytes;
  }

 private:
  static WriteOptions checked(const std::string& path, const WriteOptions& given) {
    if (!given.rows) {
      throw Error(ErrorKind::usage, "'" + path + "': a folder is the dump of a database, not of a table of items",
                  "name a file: a dump's name ends in .jsonl.zst");
    }
    const RowSchema whole = decode_row_schema(given.header.schema_json);
    bool same = whole.tables.size() == given.rows->tables.size();
    for (std::size_t i = 0; same && i < whole.tables.size(); ++i) same = whole.tables[i] == given.rows->tables[i];
    if (!same) throw Error(ErrorKind::failed, "'" + path + "': the tables are not those of the dump's schema");
    WriteOptions options = given;
    options.checkpoints.clear();
    DumpHeader& header = options.header;
    if (header.tool.empty()) header.tool = "bulk " BULK_VERSION;
    if (header.dialect.empty()) header.dialect = kRowsDialect;
    if (header.started.empty()) header.started = utc_iso8601(std::chrono::system_clock::now());
    return options;
  }

  WriteOptions options_of_part(std::uint32_t table) const {
    WriteOptions options;
    options.jobs = options_.jobs;
    options.level = options_.level;
    options.verify = options_.verify;
    options.consistent_source = options_.consistent_source;
    options.header = part_header(options_.header, *options_.rows, table);
    return options;
  }

  // What the entries do not speak of is begun afresh; a part that lies there is then replaced.
  void go_on(const FolderProgress& past) {
    if (past.tables != tables_) {
      throw Error(ErrorKind::refused, "cannot go on with '" + folder_.path() + "': the tables are not what they were",
                  "start afresh, without --resume");
    }
    folder_.remove(kManifestName);
    for (const auto& [table, entries] : past.parts) {
      if (table >= parts_.size()) {
        throw Error(ErrorKind::corrupt, "progress of the dump: there is no table " + std::to_string(table),
                    "start afresh, without --resume");
      }
      const PartProgress kept = join_progress(entries);
      parts_[table].sink = resume_part_sink(files_.go_on(names_[table], kept, stop_), options_of_part(table), kept);
      parts_[table].session = parts_[table].sink->open();
    }
  }

  Part& part_of(std::uint32_t table) {
    if (table >= parts_.size()) throw Error(ErrorKind::failed, "there is no table " + std::to_string(table));
    Part& part = parts_[table];
    if (!part.sink) {
      part.sink = make_part_sink(files_.create(names_[table]), options_of_part(table));
      part.session = part.sink->open();
    }
    return part;
  }

  // `started`: when reading began, also that of an earlier run. All times have one form, so their order is that of
  // texts.
  ManifestPart published_part(std::uint32_t table, std::string& started) const {
    const PartFile file(File::open_for_reading(folder_.path_of(names_[table])));
    started = std::min(started, file.header().started);
    const DumpFooter& footer = file.footer();
    return {names_[table],    table,        file.fingerprint(), file.stored_bytes(), footer.records,
            footer.raw_bytes, footer.digest};
  }

  const WriteOptions options_;
  const Stop& stop_;
  const std::string tables_;
  const std::vector<std::string> names_;  // of the parts, by the table's position
  const FrameEncoder encoder_;
  const bool resumed_;
  PartialFolder folder_;
  FolderFiles files_;
  std::vector<Part> parts_;           // without a sink: not begun, or finished
  std::set<std::uint32_t> unsaved_;   // written to since the last checkpoint
  bool saved_;                        // there was a checkpoint, in this run or before it
  std::uint64_t finished_bytes_ = 0;  // of parts that are finished
};

WriteResult FolderSession::write(std::span<const RecordRef> records) {
  if (records.empty()) return {};
  return sink_.write(records);
}

}  // namespace

std::unique_ptr<Sink> make_folder_sink(const std::string& path, const WriteOptions& options, const Stop& stop) {
  return std::make_unique<FolderSink>(path, options, stop);
}

}  // namespace bulk
