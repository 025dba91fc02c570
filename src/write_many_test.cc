// The write stage with a sink that has many attempts under way, as the one of DynamoDB has.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "src/write_stage.h"
#include "tests/support/scripted.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::item_line;
using test::PipelineRun;
using test::ScriptedSource;
using Outcome = WriteResult::Outcome;

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

ScriptedSource lines(int count) {
  ScriptedSource source;
  source.segments.resize(2);
  for (int i = 0; i < count; ++i) {
    source.segments[static_cast<std::size_t>(i % 2)].push_back(item_line("k" + std::to_string(i), "v"));
  }
  return source;
}

TEST(WriteMany, SettlesEveryRecordOnceWhateverHappensToAttempts) {
  ScriptedSource source = lines(20'000);
  source.segments[0][77] = item_line("k154", "poison");
  std::mt19937 random(3);
  std::map<std::string, int> done;
  ManySink sink;
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    const auto dice = random() % 40;
    if (dice == 0) result.outcome = Outcome::throttled;
    if (dice == 1) result.outcome = Outcome::unavailable;
    if (dice < 2) return result;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (records[i].line().find("poison") == std::string_view::npos) continue;
      result.outcome = Outcome::invalid;
      result.reason = "bad";
      return result;
    }
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (random() % 100 == 0) {
        result.unprocessed.push_back(i);
      } else {
        ++done[std::string(records[i].line())];
      }
    }
    return result;
  };
  const test::TempDir dir;
  PipelineRun run;
  run.options.writers = 2;
  run.options.rejects_file = dir.file("rejects");
  run.options.retry.transient_base = run.options.retry.throttled_base = std::chrono::milliseconds(1);
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().written.records, 19'999u);
  EXPECT_EQ(totals.all().rejected.records, 1u);
  EXPECT_EQ(done.size(), 19'999u);
  for (const auto& [line, times] : done) EXPECT_EQ(times, 1) << line;
  EXPECT_GT(sink.most_under_way, 16u);
  EXPECT_GT(run.stats.retried, 0u);
}

TEST(WriteMany, NeverHasTwoRecordsOfAKeyOfAForeignFileUnderWay) {
  ScriptedSource source;
  source.distinct = false;
  source.segments.resize(1);
  for (int i = 0; i < 20'000; ++i) {
    source.segments[0].push_back(item_line("k" + std::to_string(i % 700), std::to_string(i)));
  }
  std::mt19937 random(5);
  std::set<std::uint64_t> under_way;
  std::map<std::uint64_t, std::string> last;  // line, by key
  ManySink sink;
  sink.began = [&](std::span<const RecordRef> records) {
    for (const RecordRef& record : records) EXPECT_TRUE(under_way.insert(record.record().key_hash.low).second);
  };
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      under_way.erase(records[i].record().key_hash.low);
      if (random() % 50 == 0) {
        result.unprocessed.push_back(i);
      } else {
        last[records[i].record().key_hash.low] = records[i].line();
      }
    }
    return result;
  };
  PipelineRun run;
  run.options.writers = 2;
  run.options.retry.throttled_base = std::chrono::milliseconds(1);
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().written.records, 20'000u);
  EXPECT_EQ(totals.superseded.records, 19'300u);
  ASSERT_EQ(last.size(), 700u);
  for (const auto& [key, line] : last) {
    const std::size_t value = line.rfind(R"({"S":")") + 6;
    EXPECT_GE(std::stoi(line.substr(value)), 20'000 - 700) << line;
  }
  EXPECT_GT(sink.most_under_way, 2u);
}

TEST(WriteMany, WithoutAnAnswerNoMoreThanTheFirstWindowIsTried) {
  ScriptedSource source = lines(5'000);
  int left = 200;  // attempts before the target comes back
  std::set<std::uint64_t> tried;
  ManySink sink;
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    if (left == 0) return result;
    --left;
    tried.insert(records.front().record().key_hash.low);
    result.outcome = Outcome::unavailable;
    result.reason = "down";
    return result;
  };
  PipelineRun run;
  run.options.writers = 2;
  run.options.retry.transient_base = std::chrono::milliseconds(1);
  run.options.retry.cap = std::chrono::milliseconds(5);
  EXPECT_EQ(run(source, sink).all().written.records, 5'000u);
  EXPECT_LE(tried.size(), 32u) << "16 of each writer";
}

// One partition takes one record for every 1,000 of all others as long as there are others: if its records kept their
// batches in the pool, which has 16, the others would never be done.
TEST(WriteMany, RecordsOfAHotPartitionWaitApartWhileTheRestGoesOn) {
  constexpr std::size_t kHot = 60;
  constexpr std::size_t kOthers = 20'000;
  const KeySchema schema{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};
  ScriptedSource source;
  source.segments.resize(1);
  const auto line = [](const std::string& pk, std::size_t sk) {
    return R"({"Item":{"pk":{"S":")" + pk + R"("},"sk":{"N":")" + std::to_string(sk) + R"("}}})";
  };
  for (std::size_t i = 0; i < kOthers; ++i) {
    source.segments[0].push_back(line("p" + std::to_string(i), 0));
    if (i % (kOthers / kHot) == 0 && i / (kOthers / kHot) < kHot) {
      source.segments[0].push_back(line("hot", i));
    }
  }
  std::size_t others = 0;
  std::size_t hot = 0;
  std::size_t hot_when_others_were_done = 0;
  ManySink sink;
  sink.units_per_record = 1;
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    // The last of the hot ones waits for all others, and is refused then.
    for (const RecordRef& record : records) {
      if (others < kOthers || record.line().find(R"("hot"},"sk":{"N":"19647"})") == std::string_view::npos) continue;
      result.outcome = Outcome::invalid;
      result.reason = "bad";
      return result;
    }
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      const bool is_hot = records[i].line().find("\"hot\"") != std::string_view::npos;
      if (is_hot && others < kOthers && others < 1'000 * (hot + 1)) {
        result.unprocessed.push_back(i);
      } else {
        ++(is_hot ? hot : others);
        result.units += 1;
        if (others == kOthers && hot_when_others_were_done == 0) hot_when_others_were_done = hot;
      }
    }
    return result;
  };
  PipelineRun run;
  run.options.writers = 2;
  run.options.retry.throttled_base = std::chrono::milliseconds(1);
  run.options.retry.cap = std::chrono::milliseconds(50);
  const test::TempDir dir;
  run.options.rejects_file = dir.file("rejects");
  const Totals totals = run(source, sink, &schema);
  EXPECT_EQ(others, kOthers);
  EXPECT_EQ(hot, totals.all().written.records - kOthers);
  EXPECT_EQ(totals.all().written.records + totals.all().rejected.records, source.segments[0].size());
  EXPECT_EQ(totals.all().rejected.records, 1u);
  EXPECT_LE(hot_when_others_were_done, kOthers / 1'000 + 1);
}

}  // namespace
}  // namespace bulk
