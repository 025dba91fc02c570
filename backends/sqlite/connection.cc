#include "backends/sqlite/connection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "io/file.h"

namespace bulk {

std::string sql_quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + '"';
}

Connection::Connection(const std::string& path, int busy_ms) : path_(path) {
  if (access(path.c_str(), F_OK) != 0) {
    throw Error(ErrorKind::not_found, path + ": no such SQLite file");
  }
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  handle_.reset(handle);
  if (handle == nullptr) throw std::bad_alloc();
  if (code != SQLITE_OK) throw error(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, busy_ms);
  // The file may come from anywhere: its schema must not be able to call functions or damage the file's own tables.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

void Connection::create_file(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty() && !std::filesystem::exists(parent)) {
    std::error_code error;
    const auto existing = std::filesystem::weakly_canonical(parent, error);
    std::filesystem::path made;
    for (const auto& part : existing) {
      made /= part;
      if (mkdir(made.c_str(), 0700) == 0) {
        sync_folder_of(made.string());
      } else if (errno != EEXIST) {
        throw os_error("make folder " + made.string(), errno);
      }
    }
  }
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_EXCL, 0600);
  if (fd < 0 && errno == EEXIST) return;
  if (fd < 0) throw os_error("create " + path, errno);
  const int failed = fchmod(fd, 0600) != 0 ? errno : 0;
  ::close(fd);
  if (failed != 0) throw os_error("set the mode of " + path, failed);
  sync_folder_of(path);
}

void Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw error(code);
}

bool Connection::try_execute(const std::string& sql) {
  const int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return true;
  if ((code & 0xff) == SQLITE_BUSY) return false;
  throw error(code);
}

bool Connection::read_only() const {
  return sqlite3_db_readonly(handle(), "main") == 1;
}

Error Connection::error(int code) const {
  const std::string what = path_ + ": SQLite: " + sqlite3_errmsg(handle());
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return Error(ErrorKind::corrupt, what, "name an SQLite file");
    case SQLITE_CORRUPT:
      return Error(ErrorKind::corrupt, what, "the sqlite3 shell's .recover may save what can be read");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(ErrorKind::locked, what, "another program is writing to the file; try again when it is done");
    case SQLITE_FULL:
      return Error(ErrorKind::failed, what, "make room and run again");
    default:
      return Error(ErrorKind::failed, what);
  }
}

Statement::Statement(Connection& connection, const std::string& sql) : connection_(connection) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(connection.handle(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) throw connection.error(code);
}

void Statement::bind(int position, std::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), position, text.data() == nullptr ? "" : text.data(),
                                       text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) throw connection_.error(code);
}

void Statement::bind(int position, std::int64_t number) {
  const int code = sqlite3_bind_int64(statement_.get(), position, number);
  if (code != SQLITE_OK) throw connection_.error(code);
}

Statement::Step Statement::try_step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return Step::row;
  if (code == SQLITE_DONE) return Step::done;
  if ((code & 0xff) == SQLITE_BUSY) return Step::busy;
  throw connection_.error(code);
}

bool Statement::step() {
  const Step result = try_step();
  if (result == Step::busy) throw connection_.error(SQLITE_BUSY);
  return result == Step::row;
}

std::string_view Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {bytes == nullptr ? "" : bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

}  // namespace bulk
