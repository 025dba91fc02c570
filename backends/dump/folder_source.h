// A folder of parts as a source: the frames of all parts, biggest parts first, each part as backends/dump/part_source.h
// reads one. All parts that are to be read are looked at before anything is: one that is missing, shorter or not the
// one that the manifest names must not be found out half-way. They are opened again when they are read, so that few
// descriptors are open at the same time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "backends/backend.h"
#include "codecs/dump_manifest.h"

namespace bulk {

// `tables`: of the manifest's schema, null for items. Throws Error(corrupt) naming the part.
std::unique_ptr<Source> make_folder_source(const std::string& folder, std::shared_ptr<const DumpManifest> manifest,
                                           std::shared_ptr<const RowSchema> tables, const ReadOptions& options,
                                           const Stop& stop);

// Where the tables that a dump holds stand in ReadOptions::rows.
class TablePositions {
 public:
  // `wanted` outlives it; null: all tables, where they stand in the dump.
  TablePositions(const RowSchema* wanted, std::string dump);

  // Nothing when the table is not wanted. Error(refused) when its columns are not those that are wanted: lines are
  // handed on as they stand. `own`: its position in the dump.
  std::optional<std::uint32_t> find(const RowTable& table, std::uint32_t own);
  // When find() was asked for all tables. Error(not_found) when not all that are wanted were among them.
  void check_all_found() const;

 private:
  const RowSchema* wanted_;
  const std::string dump_;
  std::map<std::pair<std::string_view, std::string_view>, std::uint32_t> positions_;
  std::size_t found_ = 0;
};

}  // namespace bulk
