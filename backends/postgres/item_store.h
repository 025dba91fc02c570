// A table of a PostgreSQL database as a store of items (docs/postgresql.md, "Items in a table"; form: item_table.h).
// What a table of rows can say and do as well is asked of the store of rows: existence, identity, sizes, reading one
// point in time. Writing is of its own (item_sink.h): items are put, whatever was there.
#pragma once

#include "backends/postgres/store.h"

namespace bulk {

class PostgresItemStore : public Store {
 public:
  // The URL names a table.
  PostgresItemStore(const PgUrl& url, StoreContext& context);

  std::string url() const override { return rows_.url(); }
  std::string identity_text() const override { return rows_.identity_text(); }
  bool lasting_cursors() const override { return false; }
  bool exists() override { return rows_.exists(); }
  TableFacts describe() override;  // Error(refused) of a table that is none of items
  bool is_empty() override { return rows_.is_empty(); }
  // In the schema `public` where the URL names none.
  void create(const TableSchema& schema) override;
  std::vector<std::string> finish_create(const TableSchema& schema) override;
  void drop() override;
  std::unique_ptr<Source> source(const ReadOptions& options) override;
  std::unique_ptr<Sink> sink(const WriteOptions& options) override;

 private:
  // The table as it is in the database; checked for its form, of which it gives the key.
  RowTable table(KeySchema& key);

  const PgUrl url_;
  StoreContext& context_;
  PostgresStore rows_;
};

}  // namespace bulk
