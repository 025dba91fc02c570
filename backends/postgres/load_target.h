// What a load of rows does to its database beside writing rows: looks whether tables fit, makes them, and afterwards
// sets sequences, builds what was left for the end, and checks foreign keys that were not looked at
// (docs/postgresql.md, "Load"). One thread; finish() has more for indexes.
#pragma once

#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/postgres/connection.h"

namespace bulk {

// Where a load goes, for those that connect by themselves.
struct PgLoadTarget {
  const PgUrl& url;
  const std::string& what;
  const Stop& stop;
};

// The targets of a schema's tables: their own names, or the endpoint's. Error(usage) for several into one.
std::vector<PgName> target_tables(const RowSchema& schema, const PgUrl& url);

RowStore::Match match_tables(PgConnection& connection, const RowSchema& wanted, const std::vector<PgName>& targets);
void create_tables(PgConnection& connection, const RowSchema& schema, bool owners);
std::vector<std::string> finish_tables(const PgLoadTarget& target, const RowSchema& schema,
                                       const std::vector<PgName>& targets, bool created, bool owners, unsigned jobs);

}  // namespace bulk
