// A sink that has many attempts under way, as the one of DynamoDB has.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "backends/backend.h"

namespace bulk::test {

// Ends attempts some time after they began, in an order of its own. `answer` is called when one ends, from one thread
// at a time.
class ManySink : public Sink {
 public:
  SinkLimits limit{25, 1u << 20, false, 2, 64};
  std::function<WriteResult(std::span<const RecordRef>)> answer = [](std::span<const RecordRef>) {
    return WriteResult{};
  };
  std::function<void(std::span<const RecordRef>)> began = [](std::span<const RecordRef>) {};
  double units_per_record = 0;
  std::size_t most_under_way = 0;  // of all sessions

  SinkLimits limits() const override { return limit; }
  double estimate_units(const Record&) const override { return units_per_record; }
  std::unique_ptr<SinkSession> open() override { return std::make_unique<Session>(*this); }
  void finish() override {}

 private:
  class Session : public SinkSession {
   public:
    explicit Session(ManySink& sink) : sink_(sink) {}

    void begin(std::uint32_t ticket, std::span<const RecordRef> records) override {
      const std::lock_guard lock(sink_.mutex_);
      sink_.began(records);
      under_way_.push_back({ticket, {records.begin(), records.end()}});
      sink_.most_under_way = std::max(sink_.most_under_way, ++sink_.under_way_);
    }
    void collect(SteadyTime until, std::vector<Ended>& ended) override {
      const auto now = std::chrono::steady_clock::now();
      std::unique_lock wait(wake_mutex_);
      wake_.wait_until(wait, under_way_.empty() ? until : std::min<SteadyTime>(until, now + kLatency),
                       [this] { return woken_; });
      woken_ = false;
      wait.unlock();
      const std::lock_guard lock(sink_.mutex_);
      std::shuffle(under_way_.begin(), under_way_.end(), random_);
      for (std::size_t left = under_way_.size() / 2; under_way_.size() > left;) {
        ended.push_back({under_way_.back().ticket, sink_.answer(under_way_.back().records)});
        under_way_.pop_back();
        --sink_.under_way_;
      }
    }
    void wake() noexcept override {
      {
        const std::lock_guard lock(wake_mutex_);
        woken_ = true;
      }
      wake_.notify_one();
    }

   private:
    static constexpr std::chrono::microseconds kLatency{300};
    struct UnderWay {
      std::uint32_t ticket;
      std::vector<RecordRef> records;
    };
    ManySink& sink_;
    std::vector<UnderWay> under_way_;
    std::mt19937 random_{1};
    std::mutex wake_mutex_;
    std::condition_variable wake_;
    bool woken_ = false;
  };
  std::mutex mutex_;
  std::size_t under_way_ = 0;
};

}  // namespace bulk::test
