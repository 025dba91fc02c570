// Steps on the way: where their workers run, how they end, and what becomes of a run whose step fails. What the stage
// makes of records without a step is shown in pipeline_test.cc.
#include "src/transform.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <set>

#include "io/error.h"
#include "tests/support/scripted.h"

namespace bulk {
namespace {

using namespace std::chrono_literals;
using test::item_line;
using test::PipelineRun;
using test::ScriptedSink;
using test::ScriptedSource;

class ScriptedStep : public RecordStep {
 public:
  bool own_threads = false;
  std::function<void(Batch&, Tally&)> on_batch = [](Batch&, Tally&) {};
  std::function<void()> on_finish = [] {};
  std::function<void()> on_worker = [] {};
  std::mutex mutex;  // guards the next two
  std::multiset<std::thread::id> workers;
  int finished = 0;

  bool waits() const override { return own_threads; }
  std::unique_ptr<RecordWorker> worker() override {
    on_worker();
    const std::lock_guard lock(mutex);
    workers.insert(std::this_thread::get_id());
    return std::make_unique<Worker>(*this);
  }

 private:
  class Worker : public RecordWorker {
   public:
    explicit Worker(ScriptedStep& step) : step_(step) {}
    void apply(Batch& batch, Tally& tally, Rejects&) override {
      EXPECT_EQ(thread_, std::this_thread::get_id()) << "a worker belongs to one thread";
      step_.on_batch(batch, tally);
    }
    void finish() override {
      step_.on_finish();
      const std::lock_guard lock(step_.mutex);
      ++step_.finished;
    }

   private:
    ScriptedStep& step_;
    const std::thread::id thread_ = std::this_thread::get_id();
  };
};

ScriptedSource lines(int count, std::size_t per_batch = 10) {
  ScriptedSource source;
  source.segments.resize(2);
  source.per_batch = per_batch;
  for (int i = 0; i < count; ++i) {
    source.segments[static_cast<std::size_t>(i % 2)].push_back(item_line("k" + std::to_string(i), "v"));
  }
  return source;
}

// Lets nobody on before `parties` are there.
class Meeting {
 public:
  explicit Meeting(int parties) : missing_(parties) {}
  bool arrive() {
    std::unique_lock lock(mutex_);
    if (missing_ > 0 && --missing_ == 0) changed_.notify_all();
    return changed_.wait_for(lock, 60s, [this] { return missing_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int missing_;
};

TEST(TransformStep, ThatWaitsHasThreadsOfItsOwn) {
  constexpr unsigned kJobs = 6;  // more than this machine may have for oneTBB
  Meeting meeting(kJobs);
  ScriptedStep step;
  step.own_threads = true;
  step.on_batch = [&](Batch&, Tally&) {
    EXPECT_TRUE(meeting.arrive()) << "batches are not worked on at the same time";
  };
  ScriptedSource source = lines(2'000);
  ScriptedSink sink;
  PipelineRun run;
  run.options.jobs = kJobs;
  run.options.step = &step;
  EXPECT_EQ(run(source, sink).all().written.records, 2'000u);
  EXPECT_EQ(step.workers.size(), kJobs);
  EXPECT_EQ(std::set<std::thread::id>(step.workers.begin(), step.workers.end()).size(), kJobs);
  EXPECT_EQ(step.finished, static_cast<int>(kJobs));
}

TEST(TransformStep, EndsEachWorkerOnce) {
  for (const bool own_threads : {false, true}) {
    ScriptedStep step;
    step.own_threads = own_threads;
    ScriptedSource source = lines(3'000);
    ScriptedSink sink;
    PipelineRun run;
    run.options.step = &step;
    EXPECT_EQ(run(source, sink).all().written.records, 3'000u);
    EXPECT_GT(step.finished, 0);
    EXPECT_EQ(step.finished, static_cast<int>(step.workers.size()));
  }
}

TEST(TransformStep, EndsTheRunWhenItThrows) {
  for (const bool own_threads : {false, true}) {
    ScriptedStep step;
    step.own_threads = own_threads;
    std::atomic<int> batches{0};
    step.on_batch = [&](Batch&, Tally&) {
      if (++batches == 5) throw Error(ErrorKind::failed, "the program died");
    };
    ScriptedSource source = lines(3'000);
    ScriptedSink sink;
    PipelineRun run;
    run.options.step = &step;
    EXPECT_EQ(run.error(source, sink).line(), "the program died");
    EXPECT_FALSE(sink.finished);
    EXPECT_EQ(step.finished, 0) << "what failed has no good end";
  }
}

TEST(TransformStep, EndsTheRunWhenItCannotBegin) {
  for (const bool own_threads : {false, true}) {
    ScriptedStep step;
    step.own_threads = own_threads;
    step.on_worker = [] { throw Error(ErrorKind::failed, "there is no such program"); };
    ScriptedSource source = lines(100);
    ScriptedSink sink;
    PipelineRun run;
    run.options.step = &step;
    EXPECT_EQ(run.error(source, sink).line(), "there is no such program");
  }
}

TEST(TransformStep, EndsTheRunWhenItDoesNotEndWell) {
  for (const bool own_threads : {false, true}) {
    ScriptedStep step;
    step.own_threads = own_threads;
    step.on_finish = [] { throw Error(ErrorKind::failed, "the program ended with status 1"); };
    ScriptedSource source = lines(100);
    ScriptedSink sink;
    PipelineRun run;
    run.options.step = &step;
    EXPECT_EQ(run.error(source, sink).line(), "the program ended with status 1");
    EXPECT_FALSE(sink.finished);
  }
}

TEST(TransformStep, MayLeaveNothingOfABatch) {
  for (const bool own_threads : {false, true}) {
    ScriptedStep step;
    step.own_threads = own_threads;
    step.on_batch = [](Batch& batch, Tally& tally) {
      if (batch.sequence % 2 == 0) return;
      for (const Record& record : batch.records) tally.filtered.add(record.digest);
      batch.records.clear();
      batch.bytes.clear();
    };
    ScriptedSource source = lines(2'000);
    ScriptedSink sink;
    PipelineRun run;
    run.options.step = &step;
    const Totals totals = run(source, sink);
    EXPECT_EQ(totals.all().read.records, 2'000u);
    EXPECT_EQ(totals.all().written.records, 1'000u);
    EXPECT_EQ(totals.all().filtered.records, 1'000u);
  }
}

TEST(TransformStep, ThatLosesARecordIsFoundOut) {
  ScriptedStep step;
  step.on_batch = [](Batch& batch, Tally&) {
    if (batch.sequence == 3) batch.records.pop_back();
  };
  ScriptedSource source = lines(200);
  ScriptedSink sink;
  PipelineRun run;
  run.options.step = &step;
  const Error error = run.error(source, sink);
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_EQ(error.line(),
            "segment 0: 100 records were read but 99 are accounted for, or not the same ones; do not use the result; "
            "run again");
}

TEST(TransformStep, OfChangesReadsTheirKeys) {
  class Changes : public ScriptedStep {
   public:
    bool reads_changes() const override { return true; }
  };
  Changes step;
  const auto change = [](const std::string& key) {
    return R"({"Key":{"pk":{"S":")" + key + R"("}},"Before":{},"After":{"v":{"S":"x"}}})";
  };
  ScriptedSource source;
  source.segments = {{change("a"), change("b"), R"({"Key":{"id":{"S":"c"}},"Before":{},"After":{"v":{"S":"x"}}})"}};
  std::set<std::string> written;
  ScriptedSink sink;
  sink.on_write = [&](std::span<const RecordRef> records) {
    for (const RecordRef& record : records) {
      ItemScanner scanner(&test::pk_schema());
      ItemFacts facts;
      const std::string line(record.line());
      EXPECT_TRUE(scanner.scan(std::string_view(line).substr(7), facts));
      EXPECT_EQ(record.record().key_hash, facts.key_hash);
      EXPECT_EQ(record.record().partition_hash, facts.partition_hash);
      written.insert(line);
    }
    return WriteResult{};
  };
  PipelineRun run;
  run.options.step = &step;
  EXPECT_EQ(run.error(source, sink).line(),
            "source, segment 0: its key: key attribute 'pk' is missing: " + source.segments[0][2] +
                "; mend it, or set such records aside with --rejects FILE");
  source.segments[0].pop_back();
  PipelineRun good;
  good.options.step = &step;
  EXPECT_EQ(good(source, sink).all().written.records, 2u);
  EXPECT_EQ(written, (std::set<std::string>{change("a"), change("b")}));
}

}  // namespace
}  // namespace bulk
