// A PostgreSQL database, or one of its tables, as a store of rows (docs/postgresql.md). Connects when it is first asked
// something. The parts: url, connection, catalog, snapshot and schema_dump, source; ledger and sink; load_target.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "backends/postgres/snapshot.h"
#include "backends/registry.h"

namespace bulk {

class PostgresStore : public Store, public RowStore {
 public:
  PostgresStore(PgUrl url, StoreContext& context);

  RowStore* rows() override { return this; }
  std::string url() const override { return format_postgres_url(url_); }
  // "postgresql SYSTEM/OID" of the database, with " #SCHEMA.TABLE" of a table; SYSTEM is the address of a server that
  // does not tell its identifier. Throws where the server cannot be asked: nobody may take that for another one.
  std::string identity_text() const override;
  std::string incarnation() override;
  bool exists() override;  // the database, and the table where the endpoint names one
  TableFacts describe() override;
  bool is_empty() override;
  void create(const TableSchema& schema) override;                             // Error(usage): see create_rows()
  std::vector<std::string> finish_create(const TableSchema& schema) override;  // the same
  void drop() override;                                                        // Error(usage)
  std::unique_ptr<Source> source(const ReadOptions& options) override;
  std::unique_ptr<Sink> sink(const WriteOptions& options) override;

  void freeze(bool sql) override;
  Match match(const RowSchema& wanted) override;
  void create_rows(const RowSchema& schema, bool owners) override;
  std::vector<std::string> finish_rows(const RowSchema& schema, bool created, bool owners, unsigned jobs) override;
  std::unique_ptr<Store> items() override;

 private:
  PgConnection& connection() const;
  const PgIdentity& identity() const;
  std::string database_id() const;  // "postgresql SYSTEM/OID"
  // Of all, those that hold the rows of this endpoint.
  std::vector<PgTable> read_tables(const std::vector<PgTable>& all) const;
  // Over the endpoint's table, the tables of `rows`, or all.
  std::shared_ptr<PgSnapshot> take_snapshot(const RowSchema* rows) const;

  const PgUrl url_;
  StoreContext& context_;
  mutable std::optional<PgConnection> connection_;
  mutable std::optional<PgIdentity> identity_;
  std::shared_ptr<PgSnapshot> snapshot_;
  std::optional<RowSchema> frozen_;
  bool frozen_with_sql_ = false;
};

}  // namespace bulk
