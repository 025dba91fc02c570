// What resuming asks of a backend (docs/journal.md): cursors and segments that hold in a later run, sinks that are gone
// on with, and names for one table or dump among all that have had its name.
#include "io/error.h"
#include "tests/conformance/conformance.h"

namespace bulk::test {
namespace {

TEST_P(Conformance, ReadsOnFromEveryCursor) {
  create();
  write(lines(200), false, 20);
  for (const unsigned segments : {1u, 3u, 16u}) {
    ReadOptions options;
    options.segments = segments;
    options.batch_bytes = 1'000;
    const auto from = store();
    const auto source = from->source(options);
    Content all;
    for (const Segment& segment : source->plan()) {
      const Content whole = read_segment(*source, segment, {});
      Cursor cursor;
      Content before;
      for (std::size_t batches = 1; before.records < whole.records && batches <= 200; ++batches) {
        before = read_batches(*source, segment, batches, cursor);
        Content both = before;
        add(both, read_segment(*source, segment, cursor));
        EXPECT_EQ(both, whole) << segments << " segments, from " << cursor;
      }
      add(all, whole);
    }
    EXPECT_EQ(all, content_of(lines(200))) << segments << " segments";
  }
}

TEST_P(Conformance, EmptySegmentsAreReadAndGoneOnWith) {
  create();
  write(lines(3), false, 1);
  ReadOptions options;
  options.segments = 16;
  const auto from = store();
  const auto source = from->source(options);
  Content all;
  for (const Segment& segment : source->plan()) {
    Cursor cursor;
    add(all, read_batches(*source, segment, 100, cursor));
    // The cursor at the very end.
    if (cursor.empty()) continue;
    EXPECT_EQ(read_segment(*source, segment, cursor), Content{});
  }
  EXPECT_EQ(all, content_of(lines(3)));
}

// What a journal keeps of a run is its segments and a cursor for each; the next run may have other options.
TEST_P(Conformance, ASecondRunReadsTheSegmentsOfTheFirst) {
  create();
  write(lines(200), false, 20);
  std::vector<Segment> segments;
  std::vector<Cursor> cursors(3);
  Content all;
  {
    ReadOptions options;
    options.segments = 3;
    options.batch_bytes = 1'000;
    const auto from = store();
    const auto source = from->source(options);
    segments = source->plan();
    ASSERT_EQ(segments.size(), 3u);
    // One not begun, one somewhere in between, one at its end.
    add(all, read_batches(*source, segments[1], 2, cursors[1]));
    add(all, read_batches(*source, segments[2], 1'000, cursors[2]));
  }
  EXPECT_GT(all.records, 0u);
  EXPECT_LT(all.records, 200u);
  ReadOptions options;
  options.jobs = 7;
  const auto from = store();
  const auto source = from->source(options);
  for (std::size_t i = 0; i < segments.size(); ++i) add(all, read_segment(*source, segments[i], cursors[i]));
  EXPECT_EQ(all, content_of(lines(200)));
}

// Five runs, of which four end without a word: each writes again what the one before had not saved.
TEST_P(Conformance, ASinkGoesOnBehindItsLastCheckpoint) {
  constexpr std::size_t kPerBatch = 20;
  const std::vector<std::string> all = lines(10 * kPerBatch);
  create();
  WriteOptions options = write_options();
  std::size_t saved = 0;
  const auto batches = [&](std::size_t count) { return std::span(all).subspan(saved, count * kPerBatch); };
  const auto save = [&](Sink& sink) {
    const std::string entry = sink.checkpoint();
    EXPECT_EQ(entry.empty(), is_table());
    if (!entry.empty()) options.checkpoints.push_back(entry);
    EXPECT_EQ(sink.checkpoint(), "") << "nothing has been added";
  };
  for (const std::size_t to_save : {0u, 1u, 2u, 3u}) {
    const auto target = store();
    const auto sink = target->sink(options);
    if (to_save == 0) save(*sink);
    for (std::size_t i = 0; i < to_save; ++i) {
      EXPECT_EQ(write_to(*sink, batches(1), kPerBatch), 0u);
      save(*sink);
      saved += kPerBatch;
    }
    EXPECT_EQ(write_to(*sink, batches(2), kPerBatch), 0u);  // in doubt
    EXPECT_EQ(store()->exists(), is_table()) << "half a dump under its name";
  }
  const auto target = store();
  const auto sink = target->sink(options);
  write_to(*sink, std::span(all).subspan(saved), kPerBatch);
  sink->finish();
  EXPECT_EQ(read(), content_of(all));
}

TEST_P(Conformance, AnIncarnationIsOneTableOrDump) {
  EXPECT_THROW(store()->incarnation(), Error);
  create();
  write(lines(3));
  const std::string first = store()->incarnation();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(store()->incarnation(), first);
  EXPECT_EQ(read(), content_of(lines(3)));
  EXPECT_EQ(store()->incarnation(), first);
  if (is_table()) {
    write(lines(30));
    EXPECT_EQ(store()->incarnation(), first) << "a table that has changed is still the same table";
    store()->drop();
    EXPECT_THROW(store()->incarnation(), Error);
  } else {
    place_ = GetParam().make();
  }
  create();
  write(lines(2));
  EXPECT_NE(store()->incarnation(), first);
}

}  // namespace
}  // namespace bulk::test
