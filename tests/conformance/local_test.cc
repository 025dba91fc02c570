// The backends that need nothing but this machine's disk.
#include "backends/dump/store.h"
#include "backends/memory/store.h"
#include "backends/sqlite/store.h"
#include "tests/conformance/conformance.h"
#include "tests/support/temp_dir.h"

namespace bulk::test {
namespace {

class MemoryPlace : public Place {
 public:
  std::unique_ptr<Store> store() override { return std::make_unique<MemoryStore>(table_); }

 private:
  MemoryStore table_{"t"};
};

class SqlitePlace : public Place {
 public:
  std::unique_ptr<Store> store() override { return std::make_unique<SqliteStore>(folder_.file("t.db"), "shop \"1\""); }

 private:
  TempDir folder_;
};

class DumpPlace : public Place {
 public:
  std::unique_ptr<Store> store() override { return std::make_unique<DumpStore>(folder_.file("t.jsonl.zst"), stop_); }

 private:
  TempDir folder_;
  Stop stop_;
};

template <typename T>
Backend backend(const std::string& name, bool table) {
  return {name, table, true, [] { return std::make_unique<T>(); }};
}

INSTANTIATE_TEST_SUITE_P(Local, Conformance,
                         ::testing::Values(backend<MemoryPlace>("Memory", true), backend<SqlitePlace>("Sqlite", true),
                                           backend<DumpPlace>("Dump", false)),
                         backend_name);

}  // namespace
}  // namespace bulk::test
