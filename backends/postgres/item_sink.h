// Items into a table of a database. A write is one transaction: the items go into a temporary table of the connection
// by COPY, and from there into the table by INSERT ... ON CONFLICT on the primary key (backends/postgres/table_load.h).
// All of it or nothing, and durable when it is acknowledged. A put may be carried out twice, so that nothing keeps
// count of what is in; a write whose reply is lost is written again.
//
// What the server refuses because of an item's content is reported as invalid with the server's message, and the write
// stage halves it. A session is a connection; one that was lost is made anew by the next attempt.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/postgres/url.h"

namespace bulk {

// `table` has the form of item_table.h, with this key.
std::unique_ptr<Sink> make_item_sink(const PgUrl& url, const std::string& what, const PgName& table,
                                     const KeySchema& key, const WriteOptions& options, const Stop& stop);

}  // namespace bulk
