#include "backends/dump/store.h"

#include <unistd.h>

#include <filesystem>

#include "backends/dump/folder_source.h"
#include "backends/dump/line_source.h"
#include "backends/dump/output.h"
#include "backends/dump/part_source.h"
#include "backends/dump/sink.h"
#include "backends/schema.h"

namespace bulk {
namespace {

constexpr const char* kStandardStream = "-";

[[noreturn]] void refuse_encrypted(const std::string& name) {
  throw Error(ErrorKind::usage, name + " is encrypted with age, which this version does not read",
              "decrypt it first: age -d -o PLAIN " + name);
}

// Compressed nothing has bytes, and whoever feeds a stream and fails before the first byte must not look like an empty
// table.
[[noreturn]] void refuse_empty(const std::string& name) {
  throw Error(ErrorKind::corrupt, name + ": no dump: it holds not a single byte", "find out why what wrote it stopped");
}

// A dump's table has the name of its header; a foreign file's that of the file without its extensions.
std::string stem(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  for (const char* extension : {".zst", ".gz", ".jsonl", ".json"}) {
    if (name.ends_with(extension)) name.resize(name.size() - std::string_view(extension).size());
  }
  return name;
}

}  // namespace

DumpStore::DumpStore(const std::string& path, const Stop& stop, std::atomic<std::uint64_t>* arrived)
    : path_(path), stop_(stop), arrived_(arrived) {}

std::string DumpStore::identity_text() const {
  return path_ == kStandardStream ? path_ : "file " + std::filesystem::absolute(path_).lexically_normal().string();
}

void DumpStore::look() {
  if (looked_) return;
  File file = File::open_for_polling(path_);
  stream_ = path_ == kStandardStream || !file.is_regular();
  if (!stream_) {
    file_bytes_ = file.size();
    modified_ns_ = file.modified_ns();
    if (PartFile::recognise(file)) {
      part_ = std::make_shared<const PartFile>(std::move(file));
      looked_ = true;
      return;
    }
  }
  input_ = std::make_shared<ByteInput>(std::move(file), stop_, arrived_);
  const InputKind kind = detect_kind(*input_);
  if (kind == InputKind::age) refuse_encrypted(input_->name());
  if (kind == InputKind::empty && (stream_ || path_.ends_with(".zst") || path_.ends_with(".gz")))
    refuse_empty(input_->name());
  if (kind == InputKind::part) stream_header_ = read_stream_header(*input_);
  looked_ = true;
}

std::string DumpStore::incarnation() {
  look();
  if (stream_) {
    throw Error(ErrorKind::usage, (path_ == kStandardStream ? "standard input" : path_) + " cannot be read again",
                "write it into a file first");
  }
  if (part_) return part_->fingerprint();
  return std::to_string(file_bytes_) + " " + std::to_string(modified_ns_);
}

bool DumpStore::rereadable() {
  look();
  return !stream_;
}

bool DumpStore::exists() {
  std::error_code ignored;
  return path_ == kStandardStream || std::filesystem::exists(path_, ignored);
}

std::optional<DumpHeader> DumpStore::header() {
  look();
  if (part_) return part_->header();
  return stream_header_;
}

std::shared_ptr<const PartFile> DumpStore::part() {
  look();
  return part_;
}

TableFacts DumpStore::describe() {
  const std::optional<DumpHeader> header = this->header();
  TableFacts facts;
  if (!stream_) facts.bytes = file_bytes_;
  if (part_) facts.records = part_->footer().records;
  if (!header) {
    if (path_ != kStandardStream) facts.identity.name = stem(path_);
    return facts;
  }
  facts.identity = header->table;
  facts.origin = header->source;
  facts.selection = header->selection_json;
  facts.dialect = header->dialect;
  if (header->dialect == kRowsDialect) {
    table_of_rows(*header);
    facts.schema.emplace().json = header->schema_json;
  } else if (!header->schema_json.empty()) {
    try {
      facts.schema = schema_from_json(header->schema_json);
    } catch (const Error& error) {
      throw corrupt_part(path_, error.what());
    }
  }
  return facts;
}

RowTable DumpStore::table_of_rows(const DumpHeader& header) const {
  try {
    RowSchema schema = decode_row_schema(header.schema_json);
    if (schema.tables.size() == 1) return std::move(schema.tables.front());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    throw corrupt_part(path_, error.what());
  }
  throw corrupt_part(path_, "its schema is not that of one table");
}

bool DumpStore::is_empty() {
  // A target that is not there yet holds nothing; one that is there is refused by the sink.
  if (path_ != kStandardStream && !exists()) return true;
  look();
  if (part_) return part_->footer().records == 0;
  if (stream_) throw Error(ErrorKind::failed, path_ + ": a stream does not tell whether it is empty before it is read");
  Batch batch;
  const auto reader = source({})->open(Segment{}, {});
  return !reader->read(batch);
}

void DumpStore::drop() {
  throw Error(ErrorKind::usage, path_ + " is a dump, no table", "delete the file yourself when you no longer need it");
}

std::unique_ptr<Source> DumpStore::source(const ReadOptions& options) {
  look();
  const std::optional<DumpHeader> header = this->header();
  const bool rows = header && header->dialect == kRowsDialect;
  if (header && !rows && header->dialect != "dynamodb-json") {
    throw Error(ErrorKind::usage, path_ + ": this version does not know the dialect '" + header->dialect + "'",
                "use the version that wrote the dump");
  }
  if (rows) {
    TablePositions wanted(options.rows.get(), path_);
    wanted.find(table_of_rows(*header), 0);
    wanted.check_all_found();  // so it is the only one
  }
  if (part_) return make_part_source(part_, options);
  if (!input_) throw Error(ErrorKind::failed, path_ + ": a stream is read once");
  auto input = std::move(input_);
  if (!stream_) looked_ = false;  // a file can be opened again
  if (stream_header_) return make_part_stream_source(std::move(input), stream_header_->distinct_keys, options);
  return make_line_source(std::move(input), options);
}

std::unique_ptr<Sink> DumpStore::sink(const WriteOptions& options) {
  if (!options.checkpoints.empty()) {
    if (path_.ends_with(".jsonl.zst")) return resume_part_sink(path_, options, stop_);
    throw Error(ErrorKind::usage, (path_ == kStandardStream ? "standard output" : path_) + " cannot be gone on with",
                "start afresh, without --resume");
  }
  if (path_ == kStandardStream) {
    if (isatty(STDOUT_FILENO) != 0) {
      throw Error(ErrorKind::usage, "a dump is binary and standard output is a terminal",
                  "redirect it to a file, or print records with `bulk cat`");
    }
    return make_part_sink(make_descriptor_output(STDOUT_FILENO, "standard output", stop_), options);
  }
  if (path_.ends_with(".jsonl.zst")) return make_part_sink(make_file_output(path_), options);
  if (path_.ends_with(".jsonl")) return make_line_sink(make_file_output(path_), false);
  if (path_.ends_with(".jsonl.gz")) return make_line_sink(make_file_output(path_), true);
  throw Error(ErrorKind::usage, path_ + ": a dump's name ends in .jsonl.zst (or .jsonl, .jsonl.gz)", "name it so");
}

}  // namespace bulk
