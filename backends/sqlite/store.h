// `sqlite:PATH[#table]`: tables of items in an SQLite file, the embedded store (layout: backends/sqlite/catalog.h).
//
// Source: every reader has a connection of its own, and all see one snapshot. Debian's SQLite has no
// sqlite3_snapshot_open(), so the read transactions begin while another connection holds the write lock: nobody can
// commit between the first and the last of them. The lock is held for microseconds and in WAL mode stops no reader.
// Where it cannot be had (a file that cannot be written, a program that never stops writing) all readers share one
// connection: slower, and as consistent. Segments are ranges of the rowid. Sink: SQLite has one writer, so there is one
// session; a write is one transaction, on disk (synchronous = EXTRA) when it is acknowledged, and so
// checkpoint() has nothing to do.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/sqlite/catalog.h"

namespace bulk {

class SqliteStore : public Store {
 public:
  // `table` may be empty: then the file must hold exactly one.
  SqliteStore(const std::string& path, std::string table);

  std::string url() const override;
  bool exists() override;
  TableFacts describe() override;
  bool is_empty() override;
  void create(const TableSchema& schema) override;
  std::vector<std::string> finish_create(const TableSchema& schema) override;
  void drop() override;
  std::unique_ptr<Source> source(const ReadOptions& options) override;
  std::unique_ptr<Sink> sink(const WriteOptions& options) override;
  std::unique_ptr<Sink> updater(const WriteOptions& options) override;

 private:
  // Fixes table_ when the URL named none. False: there is no such table.
  bool find(Connection& connection, SqliteTable& table);
  SqliteTable require(Connection& connection);

  std::string path_;  // absolute, symbolic links resolved: two ways to one file are one identity
  std::string table_;
};

// In source.cc and sink.cc.
std::unique_ptr<Source> make_sqlite_source(const std::string& path, const SqliteTable& table,
                                           const ReadOptions& options);
std::unique_ptr<Sink> make_sqlite_sink(const std::string& path, const SqliteTable& table, const WriteOptions& options);
std::unique_ptr<Sink> make_sqlite_updater(const std::string& path, const SqliteTable& table);

}  // namespace bulk
