#include "backends/registry.h"

#include <filesystem>

#include "backends/dump/folder_store.h"
#include "backends/dump/store.h"
#include "backends/dynamodb/table.h"
#include "backends/dynamodb/url.h"
#include "backends/postgres/store.h"
#include "backends/postgres/url.h"
#include "backends/sqlite/store.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kForms =
    "an endpoint is dynamodb://TABLE[?region=R&endpoint=URL&profile=P], "
    "postgresql://[USER@]HOST[:PORT]/DATABASE[#[SCHEMA.]TABLE], sqlite:PATH[#table], PATH.jsonl.zst (.jsonl, "
    ".jsonl.gz, .json), a folder of them or -";
constexpr std::string_view kSqliteScheme = "sqlite:";

[[noreturn]] void not_read(const std::string& endpoint, const std::string& what, const std::string& next) {
  throw Error(ErrorKind::usage, endpoint + ": this version does not read " + what, next);
}

std::unique_ptr<Store> open_sqlite(const std::string& endpoint) {
  const std::string rest = endpoint.substr(kSqliteScheme.size());
  // The last '#': a path may hold one, a table's name does not.
  const std::size_t mark = rest.rfind('#');
  const std::string path = rest.substr(0, mark);
  const std::string table = mark == std::string::npos ? "" : rest.substr(mark + 1);
  if (path.empty())
    throw Error(ErrorKind::usage, "'" + endpoint + "' names no file", "the form is sqlite:PATH[#table]");
  if (mark != std::string::npos && table.empty()) {
    throw Error(ErrorKind::usage, "'" + endpoint + "' names no table behind '#'", "the form is sqlite:PATH[#table]");
  }
  return std::make_unique<SqliteStore>(path, table);
}

std::unique_ptr<Store> open_path(const std::string& path, StoreContext& context) {
  if (path.ends_with(".age")) {
    not_read(path, "encrypted dumps", "decrypt it first: age -d -o PLAIN " + path);
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return std::make_unique<FolderStore>(path, context.stop);
  }
  bool known = std::filesystem::exists(path, ignored);  // a pipe has any name
  for (const char* extension : {".jsonl.zst", ".jsonl.gz", ".jsonl", ".json"})
    known = known || path.ends_with(extension);
  if (!known) throw Error(ErrorKind::usage, "'" + path + "' is no endpoint", kForms);
  return std::make_unique<DumpStore>(path, context.stop, &context.stats.streamed_bytes);
}

}  // namespace

std::unique_ptr<Store> open_store(const std::string& endpoint, StoreContext& context) {
  if (endpoint == "-") return std::make_unique<DumpStore>(endpoint, context.stop, &context.stats.streamed_bytes);
  if (endpoint.starts_with(kDynamoDbScheme)) {
    return std::make_unique<DynamoDbTable>(parse_dynamodb_url(endpoint), context);
  }
  if (is_postgres_url(endpoint)) return std::make_unique<PostgresStore>(parse_postgres_url(endpoint), context);
  if (endpoint.starts_with(kSqliteScheme)) return open_sqlite(endpoint);
  if (endpoint.starts_with("s3://"))
    not_read(endpoint, "S3", "copy the object here first: aws s3 cp " + endpoint + " .");
  const std::size_t scheme = endpoint.find("://");
  if (scheme != std::string::npos) {
    // Only the scheme: what follows it may hold a password.
    throw Error(ErrorKind::usage, "unknown scheme '" + endpoint.substr(0, scheme) + "://'", kForms);
  }
  if (endpoint.empty()) throw Error(ErrorKind::usage, "an endpoint is empty", kForms);
  return open_path(endpoint, context);
}

}  // namespace bulk
