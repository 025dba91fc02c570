// Progress for people, on standard error: a line that is redrawn on a terminal, a plain line now and then elsewhere
// (cli.md, "Output"). The pipeline's threads only add to the atomic counters; one thread of Progress's own reads them
// and draws, and is joined by the destructor.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "src/options.h"

namespace bulk {

struct ProgressCounters {
  std::atomic<std::uint64_t> records_read{0}, records_written{0}, bytes_read{0},
      bytes_written{0};                     // written: settled by the sink
  std::atomic<std::uint64_t> left_out{0};   // records that a step on the way had nothing to do with
  std::atomic<std::uint64_t> updated{0};    // of records_written: those that the sink has carried out
  std::atomic<std::uint64_t> conflicts{0};  // changes whose record was another by then
  // Which stage is waited for, sampled by the stages themselves: batches that wait for the next stage.
  std::atomic<int> waiting_for_transform{0}, waiting_for_write{0};
};

class Progress {
 public:
  // `what` is "backup", "restore", "verify"... Nothing is drawn before the first phase(). `fd`: standard error.
  Progress(const Options& options, std::string what, const RequestStats& stats, int fd = 2);
  ~Progress();

  ProgressCounters& counters() noexcept;
  // A new phase ("reading back"; empty: the command itself) with its own expectation, where known or estimated;
  // counters start again at zero. Not while threads are counting.
  void phase(const std::string& name, std::optional<std::uint64_t> expected_records);
  // Takes the line off the screen until the next phase: what is printed afterwards stands alone.
  void done();
  // Takes the line off the screen until it is drawn next.
  void erase();
  // A line of text for the user (not with -q), printed without being torn by the progress line.
  void note(const std::string& line);

 private:
  struct Drawer;
  std::unique_ptr<Drawer> drawer_;
};

}  // namespace bulk
