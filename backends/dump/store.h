// Files and standard streams as a store: our own parts (docs/format.md), foreign files of JSON lines, and what `aws
// dynamodb scan` prints. What a source is shows in its first bytes, not in its name; what a target becomes shows in its
// name: .jsonl.zst is a part, .jsonl plain lines, .jsonl.gz gzip, "-" a part on standard output.
//
// A stream (standard input, a named pipe) can be looked at once: the store keeps it open from the first look until
// source() hands it to the reader. create() makes nothing: the sink makes the file.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "backends/dump/byte_input.h"
#include "backends/dump/part_file.h"

namespace bulk {

class DumpStore : public Store {
 public:
  // `path` is "-" for standard input or output. `stop` outlives the store and what it makes, and so does `arrived`,
  // which is counted up by every byte that a stream delivers.
  DumpStore(const std::string& path, const Stop& stop, std::atomic<std::uint64_t>* arrived = nullptr);

  std::string url() const override { return path_; }  // as it was given: that is how people know it
  std::string identity_text() const override;
  // Of a part its PartFile::fingerprint(), of a foreign file "LENGTH MTIME_NS". Error(usage) for a stream.
  std::string incarnation() override;
  bool is_dump() const override { return true; }
  bool rereadable() override;
  bool exists() override;
  TableFacts describe() override;
  bool is_empty() override;
  void create(const TableSchema&) override {}
  std::vector<std::string> finish_create(const TableSchema&) override { return {}; }
  void drop() override;
  std::unique_ptr<Source> source(const ReadOptions& options) override;
  std::unique_ptr<Sink> sink(const WriteOptions& options) override;

  // What the dump says about where it came from; nothing for a foreign file.
  std::optional<DumpHeader> header();
  // The part behind the path, for `bulk inspect`; null when it is a stream or foreign.
  std::shared_ptr<const PartFile> part();

 private:
  // Opens and recognises the source, once. Throws not_found.
  void look();
  // The table of a dump of rows. Error(corrupt).
  RowTable table_of_rows(const DumpHeader& header) const;

  std::string path_;
  const Stop& stop_;
  std::atomic<std::uint64_t>* const arrived_;
  bool looked_ = false;
  bool stream_ = false;  // can be read only once
  std::uint64_t file_bytes_ = 0;
  std::int64_t modified_ns_ = 0;
  std::shared_ptr<const PartFile> part_;     // a part in a regular file
  std::shared_ptr<ByteInput> input_;         // a stream, from where it was not yet consumed
  std::optional<DumpHeader> stream_header_;  // a part in a stream
};

}  // namespace bulk
