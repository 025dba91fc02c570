// One filter co-process: any program that reads JSON lines and writes one JSON line for each, in the same order. It
// stays up from batch to batch, and is written to and read from at the same time, so that neither side can wait for
// the other with both pipes full. A filter must not keep anything from line to line: there are several of them, and
// any of them may be started anew between two batches.
//
// Programs that hold back their output. Many (`jq -c`, `sed`, python's print) write to a pipe only when a buffer of 4
// to 64 KiB is full or their input ends: they owe the last answers of every batch for as long as more could come. So,
// when a program has taken all of a batch out of its pipe, owes answers and does nothing for 200 ms, its input is
// ended: it writes the rest and exits, and another one is started for the next batch. When that was needed for two
// batches in a row, each batch gets a process of its own from then on (jq starts in 30 ms, a batch holds thousands of
// lines) without waiting first, and note() says so. A program that has answered a whole batch with its input open is
// known to be prompt and is given 2 s instead of 200 ms. A program that was merely slow loses nothing by this but the
// time to start again; one that takes more than 200 ms for a line from the start looks the same, and note() says that
// too. This also finds lost lines: a program whose input has ended owes nobody anything.
//
// What it writes to standard error is kept, the last 8 KiB of it, for error texts and stderr_tail().
//
// Errors: Error(usage) when it cannot be started; Error(failed) when it ends early or badly, is silent for too long,
// writes too much or more lines than it was given. Whether an answer is good JSON and has the key of its line is the
// caller's business. After an error the object is only good for destruction, which ends the program with all that it
// has started (SIGTERM, then SIGKILL after 2 s). When the job has stopped it is SIGKILL after 300 ms, and run() and
// finish() end the program themselves: so all workers' programs end at the same time, each on the thread that uses it,
// within the 1.8 s that a signal leaves (src/signals.h).
//
// Used by one thread; waits look at Stop every 100 ms. SIGPIPE has to be ignored (src/signals.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/buffer.h"
#include "io/child_process.h"
#include "io/stop.h"

namespace bulk {

struct FilterCommand {
  std::vector<std::string> arguments;  // without a shell; seen by all users of the machine: no secrets
  std::string directory;               // where it runs: the folder of the job file; empty: ours
  std::string name;                    // for error texts: "filter node migrate.mjs"
  // The longest silence while it owes an answer, and the time to exit when its input has ended.
  std::chrono::milliseconds line_timeout{60'000};
  // How long a program that has all of a batch may do nothing before its input is ended; ten times that when it has
  // proved to be prompt.
  std::chrono::milliseconds quiet{200};
};

class FilterProgram {
 public:
  static constexpr std::size_t kMaxLineBytes = std::size_t{32} << 20;
  static constexpr std::size_t kMaxBatchBytes = std::size_t{256} << 20;  // of the answers to one run()

  // (offset, length) in the buffer.
  using Answer = std::pair<std::uint32_t, std::uint32_t>;

  // Starts nothing before the first run().
  FilterProgram(FilterCommand command, Stop& stop);
  ~FilterProgram();
  FilterProgram(const FilterProgram&) = delete;
  FilterProgram& operator=(const FilterProgram&) = delete;

  // Sends `lines`, each one JSON text without line break, and appends as many answers to `out`, in order.
  // Memory: what the answers take, and 256 KiB.
  void run(std::span<const std::string_view> lines, Buffer& out, std::vector<Answer>& answers);

  // Ends its input and wants it to write nothing more and to exit well. A later run() starts it anew.
  void finish();

  // The last 8 KiB that the process that runs, or ran last, has written to standard error.
  std::string_view stderr_tail() const noexcept;
  // Empty, or one line for the user once the program has been found to hold back its output.
  std::string note() const;

 private:
  struct Exchange;

  template <typename Work>
  void unless_stopped(const Work& work);
  void start();
  void converse(Exchange& exchange);
  void feed(Exchange& exchange);
  void listen(Exchange& exchange);
  void take_lines(Exchange& exchange, std::size_t from);
  bool hear();
  void look_at_clock(Exchange& exchange);
  void look_whether_it_waits(Exchange& exchange);
  void settle(Exchange& exchange);
  void drain(Exchange& exchange);
  std::optional<int> wait_for_end(Exchange& exchange, std::chrono::milliseconds limit);
  [[noreturn]] void ended_early(Exchange& exchange);
  [[noreturn]] void too_many_lines();
  [[noreturn]] void fail(const std::string& what, const std::string& next_action);

  const FilterCommand command_;
  Stop& stop_;
  std::optional<ChildProcess> child_;
  std::string said_;
  bool silent_ = false;  // it has closed its standard error
  bool prompt_ = false;  // has answered a whole batch with its input open
  int held_back_ = 0;    // batches in a row that took the end of its input
};

}  // namespace bulk
