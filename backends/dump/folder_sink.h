// A folder of parts as a target (docs/format.md, "A dump of several parts"): a part sink for each table, to which
// batches go by Batch::table, and the manifest when all of them are done. One session, like a part; how many parts may
// be open at the same time is backends/dump/folder_files.h.
//
// It can be gone on with after a checkpoint(), like a part; the tables must then be the same (Error(refused)).
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "io/stop.h"

namespace bulk {

// A folder PATH. Needs options.rows, and a header whose schema names the same tables. With options.checkpoints it goes
// on with PATH.partial. `stop` outlives the sink.
std::unique_ptr<Sink> make_folder_sink(const std::string& path, const WriteOptions& options, const Stop& stop);

}  // namespace bulk
