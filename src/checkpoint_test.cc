// What the journal says after batches were settled in this or that order, and that a run which goes on from it adds up
// to the whole.
#include "src/checkpoint.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/scripted.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  void settle(Checkpoint& checkpoint, std::uint32_t segment, std::uint64_t sequence, std::uint64_t records = 10) {
    Work work;
    work.batch.segment = segment;
    work.batch.sequence = sequence;
    work.batch.after = "after " + std::to_string(sequence);
    work.tally.read.records = records;
    work.tally.rejected.records = 1;
    checkpoint.settled(work);
  }
  JournalContent written() {
    bool busy = false;
    return look_at_journal(path_, busy).value();
  }
  test::TempDir folder_;
  std::string path_ = folder_.file("x.journal");
  Journal journal_{path_, ""};
  test::ScriptedSource source_;
  test::ScriptedSink sink_;

  void SetUp() override {
    source_.segments.resize(2);
    journal_.begin({});
  }
};

TEST_F(CheckpointTest, ASegmentAdvancesByItsContiguousPrefixAlone) {
  Checkpoint checkpoint(journal_, nullptr);
  EXPECT_EQ(checkpoint.plan(source_).size(), 2u);
  checkpoint.attach(sink_, nullptr);
  settle(checkpoint, 0, 2);
  settle(checkpoint, 0, 1);
  settle(checkpoint, 1, 0);
  checkpoint.flush();
  EXPECT_FALSE(written().progress.contains(0));
  EXPECT_EQ(written().progress.at(1).after, "after 0");
  settle(checkpoint, 0, 0);
  checkpoint.flush();
  const SegmentProgress progress = written().progress.at(0);
  EXPECT_EQ(progress.after, "after 2");
  EXPECT_EQ(progress.batches, 3u);
  EXPECT_EQ(progress.tally.read.records, 30u);
  EXPECT_EQ(progress.tally.written.records, 27u);
}

TEST_F(CheckpointTest, TheFirstBatchIsDurableAtOnce) {
  Checkpoint checkpoint(journal_, nullptr);
  checkpoint.plan(source_);
  checkpoint.attach(sink_, nullptr);
  EXPECT_FALSE(journal_.kept());
  settle(checkpoint, 0, 0);
  EXPECT_TRUE(journal_.kept());
  EXPECT_EQ(written().progress.at(0).batches, 1u);
}

TEST_F(CheckpointTest, GoesOnWithTheSegmentsAndCountsOfThePast) {
  JournalContent past;
  past.segments = {{0, 3, 1, 2}, {1, 3, 2, 3}, {2, 3, 3, 4}};
  past.progress[1].after = "there";
  past.progress[1].batches = 7;
  past.progress[1].tally.read.records = 100;
  past.progress[1].tally.written.records = 100;
  Checkpoint checkpoint(journal_, &past);
  EXPECT_EQ(checkpoint.plan(source_).size(), 3u);
  EXPECT_EQ(checkpoint.cursor(0), "");
  EXPECT_EQ(checkpoint.cursor(1), "there");
  journal_.append(segments_entry(past.segments));
  checkpoint.attach(sink_, nullptr);
  settle(checkpoint, 1, 0);
  checkpoint.flush();
  EXPECT_EQ(written().progress.at(1).batches, 8u);
  EXPECT_EQ(written().progress.at(1).tally.read.records, 110u);
}

class BrokenSink : public test::ScriptedSink {
 public:
  std::string checkpoint() override {
    ++calls;
    throw Error(ErrorKind::failed, "cannot make it durable");
  }
  int calls = 0;
};

TEST_F(CheckpointTest, AfterOneThatFailedThereIsNoOther) {
  BrokenSink sink;
  Checkpoint checkpoint(journal_, nullptr);
  checkpoint.plan(source_);
  checkpoint.attach(sink, nullptr);
  EXPECT_THROW(settle(checkpoint, 0, 0), Error);
  settle(checkpoint, 0, 1);
  checkpoint.flush();
  EXPECT_EQ(sink.calls, 1);
  EXPECT_TRUE(written().progress.empty());
}

// A source that can be read from a cursor: the number of the line.
class Lines : public Source {
 public:
  explicit Lines(std::size_t count) : count_(count) {}
  std::vector<Segment> plan() override { return {{0, 2, 0, count_ / 2}, {1, 2, count_ / 2, count_}}; }
  std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) override {
    return std::make_unique<LineReader>(from.empty() ? segment.begin : std::stoull(from), segment.end);
  }

 private:
  class LineReader : public Reader {
   public:
    LineReader(std::uint64_t next, std::uint64_t end) : next_(next), end_(end) {}
    bool read(Batch& batch) override {
      for (int i = 0; i < 7 && next_ < end_; ++i, ++next_) {
        const std::string line = test::item_line("k" + std::to_string(next_), "v");
        Record record;
        record.offset = static_cast<std::uint32_t>(batch.bytes.size());
        record.length = static_cast<std::uint32_t>(line.size());
        batch.bytes.append(line);
        batch.bytes.push_back('\n');
        batch.records.push_back(record);
      }
      batch.after = std::to_string(next_);
      return !batch.records.empty();
    }

   private:
    std::uint64_t next_, end_;
  };
  std::size_t count_;
};

TEST_F(CheckpointTest, RunsThatDieAndGoOnAddUpToTheWhole) {
  constexpr std::size_t kLines = 2'000;
  Totals whole;
  {
    Lines source(kLines);
    test::ScriptedSink sink;
    whole = test::PipelineRun()(source, sink);
  }
  std::set<std::string> held;  // what the target holds: puts repeat
  std::optional<JournalContent> past;
  int runs = 0;
  for (bool done = false; !done; ++runs) {
    ASSERT_LT(runs, 100);
    Lines source(kLines);
    test::ScriptedSink sink;
    int left = 15;
    sink.on_write = [&](std::span<const RecordRef> records) {
      if (left-- == 0) throw Error(ErrorKind::failed, "the end of this run");
      for (const RecordRef& record : records) held.insert(std::string(record.line()));
      return WriteResult{};
    };
    Checkpoint checkpoint(journal_, past ? &*past : nullptr);
    test::PipelineRun run;
    run.options.memory_bytes = 1u << 20;
    try {
      const Totals totals = run_pipeline(source, sink, &test::pk_schema(), run.options, run.rate, run.stats,
                                         run.progress, run.stop, &checkpoint);
      EXPECT_EQ(totals.all().written, whole.all().written);
      EXPECT_EQ(totals.all().raw_bytes, whole.all().raw_bytes);
      EXPECT_EQ(run.progress.records_written.load(), kLines);
      done = true;
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "the end of this run");
    }
    past = written();
  }
  EXPECT_GT(runs, 3);
  EXPECT_EQ(held.size(), kLines);
}

}  // namespace
}  // namespace bulk
