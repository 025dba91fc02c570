// The jobs that are tormented: a backup, restores, a copy and a backfill, each with its own folder, its own state
// folder and, where it writes to DynamoDB, its own server, which lives in the test and keeps the truth while the
// program dies. A Job knows what must hold at any moment and what must hold at the end; a Fixture holds what jobs read
// from.
//
// Used by one thread. A Fixture outlives its Jobs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/fault_server.h"

namespace bulk::test {

struct Workload {
  std::size_t items = 350;
  std::size_t item_bytes = 4'000;
  std::size_t page_bytes =
      140'000;      // of a Scan reply; with --memory 8M such a page is a batch, and a frame of a backup
  Faults faults{};  // of all servers
};
// Some ten batches, and no more boundaries than that needs: SQLite writes page by page.
Workload small_workload(const std::string& job);

class Fixture {
 public:
  explicit Fixture(const Workload& workload);

  const Workload& workload() const { return workload_; }
  const FaultServer& server() const { return *server_; }            // table "source-table"
  const std::string& dump() const { return dump_; }                 // the same as a dump of some ten frames
  const std::vector<std::string>& items() const { return items_; }  // the truth, sorted

 private:
  Workload workload_;
  std::unique_ptr<FaultServer> server_;
  std::vector<std::string> items_;
  Sandbox sandbox_;
  std::string dump_;
};

class Job {
 public:
  // "backup", "restore" (into DynamoDB), "restore-sqlite", "copy" or "backfill", which counts up in every item: what is
  // done twice is seen.
  Job(const Fixture& fixture, std::string name);

  Sandbox sandbox;
  const std::string& name() const { return name_; }
  bool into_sqlite() const { return name_ == "restore-sqlite"; }
  Arguments command() const;  // the first time
  Arguments resume() const;   // and then
  // Below this all files of the job lie, its state too.
  std::string root() const;

  // What is wrong now, in words; empty: nothing.
  std::string problem_at_any_time();  // is something under a final name that is not whole?
  std::string problem_of_content();   // is anything missing, doubled or changed?
  std::string problem_at_the_end();   // or is anything left over?

 private:
  std::string problem_of_dump();
  std::string problem_of_undo_log();
  std::string problem_of_backfill() const;
  std::string problem_of(std::vector<std::string> found) const;

  const Fixture& fixture_;
  std::string name_;
  std::unique_ptr<FaultServer> target_;
};

// The items of a dump, and of table "items" of an SQLite file (which is checked too), sorted. Throws
// std::runtime_error with what is wrong.
std::vector<std::string> items_of_dump(const std::string& path);
std::vector<std::string> items_of_sqlite(const std::string& path);

}  // namespace bulk::test
