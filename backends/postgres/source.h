// Tables of a database as a source of rows: heap tables in ranges of pages (ctid), everything else whole, each range
// one COPY ... TO STDOUT whose text becomes lines here (codecs/row_text.h). The cursor is how many rows of its range
// were handed on; it means something only as long as the range has not changed.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/postgres/snapshot.h"

namespace bulk {

// `tables` are those of options.rows, in its order and with its columns, or all of the snapshot.
std::unique_ptr<Source> make_postgres_source(std::shared_ptr<PgSnapshot> snapshot, std::vector<PgTable> tables,
                                             const ReadOptions& options);

}  // namespace bulk
