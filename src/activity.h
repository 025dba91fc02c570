// What each thread of a run is doing right now: the board that the stall watch reads to name the one that hangs. A
// reader or writer thread owns a seat and says at every step what it goes on to do; whoever looks gets a copy.
//
// Threads: sitting down, standing up and doing() are lock-free and cost a few nanoseconds; at() may be called by any
// thread at any time. What a seat shows is one atomic word, so that a look never mixes two steps; only the number of
// records may be that of a neighbouring step.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "io/clock.h"

namespace bulk {

enum class Doing : std::uint8_t {
  waiting,    // for another thread: back-pressure, or nothing to do; never the one that hangs
  working,    // on its own, in memory or by a rule that has its own end: computing, a pause before another attempt
  reading,    // a batch
  writing,    // one attempt
  finishing,  // making the result durable
};

struct Activity {
  Doing doing = Doing::waiting;
  std::uint32_t segment = 0;
  std::uint64_t records = 0;  // of this segment, before this step
  SteadyTime since;
};

class ActivityBoard {
 public:
  // At most so many threads sit at the same time; those beyond are not seen.
  explicit ActivityBoard(std::size_t seats);
  ActivityBoard(const ActivityBoard&) = delete;

  // Belongs to one thread. A null board makes a seat that nobody sees.
  class Seat {
   public:
    explicit Seat(ActivityBoard* board) noexcept;
    ~Seat();
    Seat(const Seat&) = delete;

    void doing(Doing what, std::uint32_t segment = 0, std::uint64_t records = 0) noexcept;

   private:
    ActivityBoard* board_;
    std::size_t index_ = 0;
  };

  std::vector<Activity> activities() const;

 private:
  struct Place {
    std::atomic<bool> taken{false};
    std::atomic<std::uint64_t> state{0};  // milliseconds since began_ << 28 | segment << 4 | doing
    std::atomic<std::uint64_t> records{0};
  };

  const SteadyTime began_;
  const std::size_t count_;
  const std::unique_ptr<Place[]> places_;
};

}  // namespace bulk
