#include "bench/rate_simulation/simulation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <queue>
#include <random>

#include "io/rate_model.h"
#include "src/hot_partitions.h"

namespace bulk::sim {
namespace {

constexpr double kSendSeconds = 1e-5;  // nobody sends infinitely fast

SteadyTime steady(double seconds) {
  return SteadyTime(std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(seconds * 1e9))));
}

constexpr std::uint64_t kHotPartition = 1;                                       // all others are numbered from 2 on
constexpr std::chrono::nanoseconds kLookAgain = std::chrono::milliseconds(200);  // as RateLimiter does

struct Event {
  enum class Kind { wake, arrive, answer, foreground };
  double at = 0;
  std::uint64_t number = 0;  // of two at the same time the older one comes first
  Kind kind = Kind::wake;
  std::size_t process = 0;
  std::uint64_t wake = 0;     // wake: which one
  double units = 0, hot = 0;  // arrive, answer
  TableModel::Answer answer{};

  bool operator<(const Event& other) const {  // std::priority_queue has the greatest on top
    return at != other.at ? at > other.at : number > other.number;
  }
};

struct Process {
  explicit Process(const ProcessSettings& settings, std::uint64_t seed)
      : model(settings.limits, steady(settings.start), seed) {}

  RateModel model;
  HotPartitions hot;
  double waiting = 0, waiting_hot = 0;  // units of a request that waits for its turn
  double goal = 0;
  double parked = 0;   // items of the hot partition
  double free_at = 0;  // to send the next one
  unsigned in_flight = 0;
  std::uint64_t wake = 0;  // the one that counts
};

class Run {
 public:
  explicit Run(const RunSettings& settings) : settings_(settings), table_(settings.table), random_(settings.seed) {
    for (const ProcessSettings& process : settings.processes) {
      processes_.push_back(std::make_unique<Process>(process, random_()));
      push({.at = process.start, .process = processes_.size() - 1});
    }
    if (settings.foreground > 0) push({.kind = Event::Kind::foreground});
    result_.seconds.resize(static_cast<std::size_t>(std::ceil(settings.seconds)));
    for (Second& second : result_.seconds) {
      second.accepted.resize(processes_.size());
      second.sent.resize(processes_.size());
    }
  }

  RunResult operator()() {
    std::size_t sampled = 0;
    while (!events_.empty() && events_.top().at < settings_.seconds) {
      const Event event = events_.top();
      events_.pop();
      for (; static_cast<double>(sampled) <= event.at; ++sampled) {
        table_.ask(0, 0, static_cast<double>(sampled));
        result_.seconds[sampled].capacity = table_.capacity();
      }
      switch (event.kind) {
        case Event::Kind::wake:
          if (event.wake == processes_[event.process]->wake) send(event.process, event.at);
          break;
        case Event::Kind::arrive:
          arrive(event);
          break;
        case Event::Kind::answer:
          answered(event);
          break;
        case Event::Kind::foreground:
          foreground(event.at);
          break;
      }
    }
    return std::move(result_);
  }

 private:
  void push(Event event) {
    event.number = ++events_made_;
    events_.push(event);
  }

  void wake(std::size_t number, double at) { push({.at = at, .process = number, .wake = ++processes_[number]->wake}); }

  double chance() { return std::uniform_real_distribution<>(0, 1)(random_); }

  // Items come as they come; those of a hot partition are set aside and go with other requests, at its own pace.
  void fill(Process& process, double now) {
    process.waiting = process.waiting_hot = 0;
    while (process.parked > 0 && process.waiting < settings_.request_units &&
           process.hot.reserve(kHotPartition, 1, steady(now)).count() == 0) {
      ++process.waiting;
      ++process.waiting_hot;
      --process.parked;
    }
    const bool apart = settings_.hot_share > 0 && process.hot.is_hot(kHotPartition);
    while (process.waiting < settings_.request_units) {
      const bool hot = settings_.hot_share > 0 && chance() < settings_.hot_share;
      if (hot && apart) {
        ++process.parked;
        continue;
      }
      ++process.waiting;
      process.waiting_hot += hot ? 1 : 0;
    }
  }

  void send(std::size_t number, double now) {
    Process& process = *processes_[number];
    while (process.in_flight < settings_.in_flight) {
      if (now < process.free_at) return wake(number, process.free_at);
      if (process.waiting <= 0) {
        fill(process, now);
        process.model.reserve(process.waiting, steady(now));
        process.goal = process.model.goal();
      }
      const auto wait = std::min(process.model.remaining(process.goal, steady(now)), kLookAgain);
      if (wait.count() > 0) return wake(number, now + std::max(std::chrono::duration<double>(wait).count(), 1e-6));
      push({.at = now + settings_.latency / 2,
            .kind = Event::Kind::arrive,
            .process = number,
            .units = process.waiting,
            .hot = process.waiting_hot});
      process.waiting = 0;
      process.free_at = now + kSendSeconds;
      ++process.in_flight;
    }
  }

  void arrive(Event event) {
    const bool at_random = settings_.table.refused_at_random > 0 && chance() < settings_.table.refused_at_random;
    const double asked = at_random ? std::floor(event.units / 2) : event.units;
    event.answer = table_.ask(asked, std::min(event.hot, asked), event.at);
    Second& second = result_.seconds[static_cast<std::size_t>(event.at)];
    second.sent[event.process] += event.units;
    second.accepted[event.process] += event.answer.accepted;
    second.accepted_hot += event.answer.accepted_hot;
    event.at += settings_.latency / 2;
    event.kind = Event::Kind::answer;
    push(event);
  }

  void answered(const Event& event) {
    Process& process = *processes_[event.process];
    --process.in_flight;
    double refused = event.units - event.answer.accepted;
    if (settings_.hot_share > 0 && (refused > 0 || process.hot.any())) refused = judged(process, event);
    process.model.settle(event.units, event.answer.accepted, refused, steady(event.at));
    send(event.process, event.at);
  }

  double judged(Process& process, const Event& event) {
    outcomes_.clear();
    const double hot_refused = event.hot - event.answer.accepted_hot;
    for (double i = 0; i < event.hot; ++i) outcomes_.push_back({kHotPartition, 1, i < hot_refused});
    const double others = event.units - event.hot;
    const double others_accepted = event.answer.accepted - event.answer.accepted_hot;
    for (double i = 0; i < others; ++i) outcomes_.push_back({2 + ++items_, 1, i >= others_accepted});
    const double of_table = process.hot.settled(outcomes_, false, steady(event.at));
    if (process.hot.is_hot(kHotPartition)) process.parked += hot_refused;
    return of_table;
  }

  void foreground(double now) {
    Second& second = result_.seconds[static_cast<std::size_t>(now)];
    second.foreground_sent += 1;
    second.foreground_refused += 1 - table_.ask(1, 0, now).accepted;
    push({.at = now + std::exponential_distribution<>(settings_.foreground)(random_), .kind = Event::Kind::foreground});
  }

  RunSettings settings_;
  TableModel table_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::priority_queue<Event> events_;
  std::uint64_t events_made_ = 0, items_ = 0;
  std::vector<PartitionOutcome> outcomes_;  // scratch
  RunResult result_;
};

template <typename Member>
double sum(const std::vector<Second>& seconds, double from, double to, Member member) {
  double total = 0;
  for (auto i = static_cast<std::size_t>(from); i < std::min<std::size_t>(seconds.size(), static_cast<std::size_t>(to));
       ++i) {
    total += member(seconds[i]);
  }
  return total;
}

double all(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

}  // namespace

double RunResult::used(double from, double to) const {
  return sum(seconds, from, to, [](const Second& second) { return all(second.accepted); }) /
         sum(seconds, from, to, [](const Second& second) { return second.capacity; });
}

double RunResult::refused(double from, double to) const {
  const double sent = sum(seconds, from, to, [](const Second& second) { return all(second.sent); });
  const double accepted = sum(seconds, from, to, [](const Second& second) { return all(second.accepted); });
  return sent > 0 ? (sent - accepted) / sent : 0;
}

double RunResult::refused_of_foreground(double from, double to) const {
  const double sent = sum(seconds, from, to, [](const Second& second) { return second.foreground_sent; });
  return sent > 0 ? sum(seconds, from, to, [](const Second& second) { return second.foreground_refused; }) / sent : 0;
}

double RunResult::accepted_hot(double from, double to) const {
  return sum(seconds, from, to, [](const Second& second) { return second.accepted_hot; });
}

double RunResult::drained() const {
  const auto found = std::find_if(seconds.begin(), seconds.end(),
                                  [](const Second& second) { return all(second.accepted) < all(second.sent); });
  return static_cast<double>(found - seconds.begin());
}

double RunResult::fairness(double from, double to) const {
  const std::size_t processes = seconds.empty() ? 0 : seconds.front().accepted.size();
  double total = 0;
  double squares = 0;
  for (std::size_t i = 0; i < processes; ++i) {
    const double mine = sum(seconds, from, to, [i](const Second& second) { return second.accepted[i]; });
    total += mine;
    squares += mine * mine;
  }
  return squares > 0 ? total * total / (static_cast<double>(processes) * squares) : 1;
}

RunResult run(const RunSettings& settings) {
  return Run(settings)();
}

}  // namespace bulk::sim
