// Rows into tables of a database: each batch becomes COPY text in the transform stage and goes in by COPY ... FROM
// STDIN in a transaction that also enters the chunk's name into the load's ledger (backends/postgres/ledger.h):
// whatever becomes of the connection, it is in once or not at all. A session is a connection; one that was lost is made
// anew by the next attempt. A chunk refused because of its content is reported as invalid, and the write stage halves
// it.
//
// With WriteOptions::replace or only_missing rows go through a temporary table and INSERT ... ON CONFLICT on the
// primary key; both need one.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/postgres/url.h"

namespace bulk {

// `tables` are the targets of options.rows->tables, in its order (other names when one table is loaded into another).
std::unique_ptr<Sink> make_postgres_sink(const PgUrl& url, const std::string& what, const std::vector<PgName>& tables,
                                         const WriteOptions& options, Stop& stop);

}  // namespace bulk
