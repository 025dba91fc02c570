// A dump of several parts, a folder with a manifest (docs/format.md, "A dump of several parts"), as a store. The parts:
// folder_source.h reads it; folder_sink.h writes it, with folder_files.h and folder_progress.h. One thread at a time.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/dump/part_file.h"
#include "codecs/dump_manifest.h"

namespace bulk {

class FolderStore : public Store {
 public:
  // Of a folder that is there or is to be made. `stop` outlives the store and what it makes.
  FolderStore(const std::string& path, const Stop& stop);

  std::string url() const override { return path_; }  // as it was given, without a slash at its end
  std::string identity_text() const override;
  // The SHA-256 of the manifest, as hex digits: it binds every part.
  std::string incarnation() override;
  bool is_dump() const override { return true; }
  bool exists() override;
  TableFacts describe() override;
  bool is_empty() override;
  void create(const TableSchema&) override {}
  std::vector<std::string> finish_create(const TableSchema&) override { return {}; }
  void drop() override;
  std::unique_ptr<Source> source(const ReadOptions& options) override;
  std::unique_ptr<Sink> sink(const WriteOptions& options) override;

  // Read when it is first asked for. Throws Error(not_found), Error(corrupt).
  const DumpManifest& manifest();
  // Of a database: its tables, to whose positions the manifest's parts refer; null for items.
  std::shared_ptr<const RowSchema> tables();

 private:
  void look();

  const std::string path_;
  const Stop& stop_;
  std::shared_ptr<const DumpManifest> manifest_;
  std::shared_ptr<const RowSchema> tables_;
  std::string incarnation_;
};

// The manifest's text. Error(not_found) where there is none, with what to do about it.
std::string read_manifest_text(const std::string& folder);
// Error(corrupt) naming the file.
DumpManifest parse_manifest(const std::string& folder, std::string_view text);

// A part that the manifest names, compared with what it says. Error(corrupt) naming the part: it is missing, shorter or
// longer, or another one.
std::shared_ptr<const PartFile> open_manifest_part(const std::string& folder, const ManifestPart& part);
// The same without looking into it: is it there, and as long as it should be? Empty: yes; else what is wrong.
std::string missing_part(const std::string& folder, const ManifestPart& part);

}  // namespace bulk
