// A table of items in RAM: the simplest store that keeps the contract of backends/backend.h, the reference against
// which the conformance suite measures the others and what tests of the pipeline write into. No URL leads to it.
//
// The table is shared by the store, its sources and its sinks and locked by one mutex. A source sees the table as it
// was when the source was made; its cursors are positions, and so they hold in another source as long as nobody has
// written meanwhile.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "backends/backend.h"

namespace bulk {

struct MemoryTable {
  struct Row {
    std::shared_ptr<const std::string> line;  // without the newline; shared with the sources
    Digest key_hash;
  };
  std::mutex mutex;
  std::optional<TableSchema> schema;             // nothing: there is no such table
  std::uint64_t creations = 0;                   // how often it has been made
  std::map<std::string, Row, std::less<>> rows;  // by canonical key text
};

class MemoryStore : public Store {
 public:
  explicit MemoryStore(std::string name) : name_(std::move(name)), table_(std::make_shared<MemoryTable>()) {}

  std::string url() const override { return "memory:" + name_; }
  std::string incarnation() override;
  bool exists() override;
  TableFacts describe() override;
  bool is_empty() override;
  void create(const TableSchema& schema) override;
  std::vector<std::string> finish_create(const TableSchema& schema) override;
  void drop() override;
  std::unique_ptr<Source> source(const ReadOptions& options) override;
  std::unique_ptr<Sink> sink(const WriteOptions& options) override;
  std::unique_ptr<Sink> updater(const WriteOptions& options) override;

 private:
  void require_table() const;

  std::string name_;
  std::shared_ptr<MemoryTable> table_;
};

}  // namespace bulk
