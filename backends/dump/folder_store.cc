#include "backends/dump/folder_store.h"

#include <filesystem>

#include "backends/dump/folder_sink.h"
#include "backends/dump/folder_source.h"
#include "backends/schema.h"
#include "io/error.h"
#include "io/sigv4.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

[[noreturn]] void no_manifest(const std::string& folder) {
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) throw Error(ErrorKind::not_found, "no folder '" + folder + "'");
  if (fs::exists(folder + "/manifest-summary.json", ignored) || fs::exists(folder + "/AWSDynamoDB", ignored)) {
    throw Error(ErrorKind::usage, folder + ": this version does not read the folders of exports",
                "name the files in its folder data one by one");
  }
  if (folder.ends_with(".partial")) {
    throw Error(ErrorKind::not_found, "'" + folder + "' is a dump that was not finished",
                "the command that was writing it goes on with --resume");
  }
  throw Error(ErrorKind::not_found, "'" + folder + "' is a folder without " + kManifestName + ": no dump",
              "name the files in it one by one");
}

// Every table has its part, and every part its table.
std::shared_ptr<const RowSchema> tables_of(const std::string& folder, const DumpManifest& manifest) {
  std::shared_ptr<const RowSchema> schema;
  try {
    schema = std::make_shared<const RowSchema>(decode_row_schema(manifest.header.schema_json));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    throw corrupt_part(folder + "/" + kManifestName, error.what());
  }
  std::vector<bool> seen(schema->tables.size());
  for (const ManifestPart& part : manifest.parts) {
    if (part.table >= seen.size()) {
      throw corrupt_part(folder, "part '" + part.name + "' is of table " + std::to_string(part.table) + " of " +
                                     std::to_string(seen.size()));
    }
    seen[part.table] = true;
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i]) throw corrupt_part(folder, "no part is of table " + schema->tables[i].full_name());
  }
  return schema;
}

}  // namespace

std::string read_manifest_text(const std::string& folder) {
  const std::string path = folder + "/" + kManifestName;
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) no_manifest(folder);
  const File file = File::open_for_polling(path);
  const std::uint64_t bytes = file.size();
  if (!file.is_regular() || bytes > kMaxManifestBytes) {
    throw corrupt_part(path, "it is larger than a manifest can be");
  }
  std::string text(bytes, '\0');
  file.read_at(0, text.data(), text.size());
  return text;
}

DumpManifest parse_manifest(const std::string& folder, std::string_view text) {
  try {
    return decode_manifest(text);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    throw corrupt_part(folder + "/" + kManifestName, error.what());
  }
}

std::string missing_part(const std::string& folder, const ManifestPart& part) {
  const std::string path = folder + "/" + part.name;
  std::error_code problem;
  if (!fs::is_regular_file(path, problem)) return "part '" + part.name + "' is missing";
  const std::uintmax_t bytes = fs::file_size(path, problem);
  if (!problem && bytes == part.stored_bytes) return {};
  return "part '" + part.name + "' has " + std::to_string(bytes) + " bytes, its manifest says " +
         std::to_string(part.stored_bytes);
}

std::shared_ptr<const PartFile> open_manifest_part(const std::string& folder, const ManifestPart& part) {
  if (const std::string problem = missing_part(folder, part); !problem.empty()) throw corrupt_part(folder, problem);
  auto file = std::make_shared<const PartFile>(File::open_for_polling(folder + "/" + part.name));
  const DumpFooter& footer = file->footer();
  if (file->fingerprint() != part.fingerprint || footer.records != part.records || footer.raw_bytes != part.raw_bytes ||
      footer.digest != part.digest) {
    throw corrupt_part(folder, "part '" + part.name + "' is not the one that the manifest names");
  }
  return file;
}

FolderStore::FolderStore(const std::string& path, const Stop& stop) : path_(without_slash(path)), stop_(stop) {}

std::string FolderStore::identity_text() const {
  return "file " + fs::absolute(path_).lexically_normal().string();
}

void FolderStore::look() {
  if (manifest_) return;
  const std::string text = read_manifest_text(path_);
  auto manifest = std::make_shared<const DumpManifest>(parse_manifest(path_, text));
  const std::string& dialect = manifest->header.dialect;
  if (dialect != kRowsDialect && dialect != "dynamodb-json") {
    throw Error(ErrorKind::usage, path_ + ": this version does not know the dialect '" + dialect + "'",
                "use the version that wrote the dump");
  }
  if (dialect == kRowsDialect) tables_ = tables_of(path_, *manifest);
  incarnation_ = sha256_hex(text);
  manifest_ = std::move(manifest);
}

const DumpManifest& FolderStore::manifest() {
  look();
  return *manifest_;
}

std::shared_ptr<const RowSchema> FolderStore::tables() {
  look();
  return tables_;
}

std::string FolderStore::incarnation() {
  look();
  return incarnation_;
}

bool FolderStore::exists() {
  std::error_code ignored;
  return fs::exists(path_, ignored);
}

TableFacts FolderStore::describe() {
  const DumpHeader& header = manifest().header;
  TableFacts facts;
  facts.identity = header.table;
  facts.origin = header.source;
  facts.selection = header.selection_json;
  facts.dialect = header.dialect;
  facts.records = manifest_->records;
  facts.bytes = 0;
  for (const ManifestPart& part : manifest_->parts) *facts.bytes += part.stored_bytes;
  if (tables_) {
    facts.schema.emplace().json = header.schema_json;
  } else if (!header.schema_json.empty()) {
    try {
      facts.schema = schema_from_json(header.schema_json);
    } catch (const Error& error) {
      throw corrupt_part(path_, error.what());
    }
  }
  return facts;
}

bool FolderStore::is_empty() {
  // A target that is not there yet holds nothing; one that is there is refused by the sink.
  return !exists() || manifest().records == 0;
}

void FolderStore::drop() {
  throw Error(ErrorKind::usage, path_ + " is a dump, no table",
              "delete the folder yourself when you no longer need it");
}

std::unique_ptr<Source> FolderStore::source(const ReadOptions& options) {
  look();
  return make_folder_source(path_, manifest_, tables_, options, stop_);
}

std::unique_ptr<Sink> FolderStore::sink(const WriteOptions& options) {
  return make_folder_sink(path_, options, stop_);
}

}  // namespace bulk
