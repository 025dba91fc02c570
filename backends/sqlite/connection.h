// SQLite's C interface as RAII: a connection and its prepared statements. Every failure becomes an Error with the
// file's path and SQLite's own text; "busy" alone is a value where the caller asks for it. A Connection may be used by
// several threads (SQLite serialises them: THREADSAFE=1), a Statement by one.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/error.h"

namespace bulk {

// A name as an SQL identifier: any name is legal inside double quotes.
std::string sql_quoted(std::string_view name);

class Connection {
 public:
  // Error(not_found) when there is no such file. Falls back to reading alone where the file may not be written.
  // `busy_ms`: how long SQLite waits for another program's lock.
  explicit Connection(const std::string& path, int busy_ms);

  // Makes the file (mode 0600, whatever the umask) and missing directories (0700) when there is none. The directories
  // are durable then; the file is when something has been written into it: SQLite syncs its folder with the journal.
  static void create_file(const std::string& path);

  sqlite3* handle() const noexcept { return handle_.get(); }
  const std::string& path() const noexcept { return path_; }

  void execute(const std::string& sql);
  bool try_execute(const std::string& sql);  // false: busy
  bool read_only() const;

  // What `code` means: not a database and damage are corrupt, a lock of another program is locked, the rest failed.
  Error error(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

class Statement {
 public:
  Statement(Connection& connection, const std::string& sql);

  // Positions count from 1. The bytes must live until the next step or reset.
  void bind(int position, std::string_view text);
  void bind(int position, std::int64_t number);

  bool step();  // true: a row is there; throws on errors, busy included
  enum class Step { row, done, busy };
  Step try_step();
  void reset() noexcept { sqlite3_reset(statement_.get()); }

  // Valid until the next step.
  std::string_view text(int column) const;
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  Connection& connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// BEGIN IMMEDIATE ... COMMIT; rolled back when not committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) { connection_.execute("BEGIN IMMEDIATE"); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (!committed_) sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  void commit() {
    connection_.execute("COMMIT");
    committed_ = true;
  }

 private:
  Connection& connection_;
  bool committed_ = false;
};

}  // namespace bulk
