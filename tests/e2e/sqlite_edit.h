// Changes a table of the embedded store behind the program's back, with SQLite itself.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace bulk::test {

// Runs `sql` (one or more statements) on the file; returns how many rows it changed.
inline int sqlite_edit(const std::string& file, const std::string& sql) {
  sqlite3* raw = nullptr;
  if (sqlite3_open(file.c_str(), &raw) != SQLITE_OK) throw std::runtime_error("cannot open " + file);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database(raw, sqlite3_close);
  if (sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string(sqlite3_errmsg(raw)) + ": " + sql);
  }
  return sqlite3_total_changes(raw);
}

}  // namespace bulk::test
