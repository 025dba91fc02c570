// How jobs are tormented: a run of the built program with the shim in front of libc, what came of it, going on
// afterwards, and the counts that are printed. How much is done is set by the environment: BULK_TORTURE=full visits
// every boundary, otherwise a few of each sort are; BULK_TORTURE_ROUNDS is the number of random rounds.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/boundary_log.h"
#include "tests/crash/durable_disk.h"
#include "tests/crash/job.h"

// The shim and the sanitizers' own libraries both want to be the first to be loaded.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BULK_REQUIRE_SHIM() GTEST_SKIP() << "the shim does not go together with a sanitizer"
#else
#define BULK_REQUIRE_SHIM() static_cast<void>(0)
#endif

namespace bulk::test {

bool full_torture();
unsigned torture_rounds(unsigned in_short);

// What the shim is told: see shim.h. The default only writes the log.
struct Order {
  std::string act{};
  unsigned long at = 0;
  std::string kinds{};
};

struct Ordeal {
  RunResult run;
  std::vector<Boundary> boundaries;
  // What was done to the run, such as "EIO at boundary 12, sync x.jsonl.zst.partial"; empty: nothing.
  std::string what;
  const Boundary* acted() const { return acted_on(boundaries); }
};

// Events by name, printed in one line when the test ends: "torture: Kill.Backup boundaries=51 kills=150".
class Counts {
 public:
  explicit Counts(std::string test) : test_(std::move(test)) {}
  ~Counts();
  Counts(const Counts&) = delete;
  Counts& operator=(const Counts&) = delete;
  unsigned long& operator[](const std::string& name) { return counts_[name]; }

 private:
  std::string test_;
  std::map<std::string, unsigned long> counts_;
};

// The environment of a run that is under this order, and the log it writes.
class ShimRun {
 public:
  ShimRun(const Job& job, const Order& order);
  const Variables& environment() const { return environment_; }
  std::vector<Boundary> boundaries() const { return read_boundaries(log_); }

 private:
  TempDir folder_;
  std::string log_;
  Variables environment_;
};

Ordeal endure(Job& job, const Arguments& arguments, const Order& order);
// In peace.
RunResult run(Job& job, const Arguments& arguments);

// The killed or failed run is gone on with: it must succeed, and what is there afterwards must be right. A run that had
// done all but say so may be refused (13) if its work is complete and nothing is left over.
void expect_resume(Job& job, Counts& counts);

// A run that has ended with 0: is what it did still there after the worst power failure? Takes the power away.
// `disk` is the folder as it was before the run.
void expect_durable(Job& job, DurableDisk disk, const Ordeal& ordeal);

// Runs a fresh job for the boundaries of `kinds` (all when empty), once with each of `acts`, and calls visit(job,
// ordeal): for 1, 2, 3, ... until a run ends untouched; in short, with a few boundaries of each sort and the acts in
// turn. prepare(job) comes before each run and says what is run; without it that is the job's command.
using Prepare = std::function<Arguments(Job&)>;
using Visit = std::function<void(Job&, const Ordeal&)>;
void for_each_boundary(const Fixture& fixture, const std::string& job, const std::string& kinds,
                       const std::vector<std::string>& acts, Counts& counts, const Prepare& prepare,
                       const Visit& visit);

}  // namespace bulk::test
