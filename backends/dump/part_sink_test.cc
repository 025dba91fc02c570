// Going on with a part that an earlier run has left unfinished.
#include <gtest/gtest.h>

#include "backends/dump/part_progress.h"
#include "tests/support/dump_files.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::error_line;

constexpr const char* kNext = "; start afresh, without --resume";
constexpr std::size_t kPerBatch = 10;

class PartSinkTest : public ::testing::Test {
 protected:
  std::unique_ptr<Sink> sink(const std::vector<std::string>& checkpoints = {}) {
    WriteOptions options = test::part_options();
    options.consistent_source = true;
    options.checkpoints = checkpoints;
    return DumpStore(path_, stop_).sink(options);
  }
  // The batches [begin, end) of kPerBatch records, in three segments.
  void write(Sink& sink, std::size_t begin, std::size_t end) {
    const auto session = sink.open();
    for (std::size_t number = begin; number < end; ++number) {
      Batch batch;
      batch.segment = static_cast<std::uint32_t>(number % 3);
      for (std::size_t i = 0; i < kPerBatch; ++i) test::append_line(batch, test::record_line(number * kPerBatch + i));
      std::vector<RecordRef> records;
      for (std::uint32_t i = 0; i < batch.records.size(); ++i) records.push_back({&batch, i});
      sink.encode(batch);
      session->write(records);
    }
  }
  // Leaves a partial file of five frames, of which the first three are recorded in two entries.
  std::vector<std::string> leave_half() {
    const auto first = sink();
    write(*first, 0, 2);
    std::vector<std::string> entries = {first->checkpoint()};
    write(*first, 2, 3);
    entries.push_back(first->checkpoint());
    write(*first, 3, 5);
    return entries;
  }
  std::string refusal(const std::vector<std::string>& entries) {
    return error_line([&] { sink(entries); }, ErrorKind::corrupt);
  }

  test::TempDir folder_;
  std::string path_ = folder_.file("t.jsonl.zst");
  std::string partial_ = path_ + ".partial";
  Stop stop_;
};

TEST_F(PartSinkTest, TellsWhatWasAddedSinceTheLastCheckpoint) {
  const auto first = sink();
  const std::string header = first->checkpoint();
  const std::uint64_t header_bytes = first->stored_bytes();
  EXPECT_EQ(header, R"({"bytes":)" + std::to_string(header_bytes) + R"(,"header":)" + std::to_string(header_bytes) +
                        R"(,"frames":[]})");
  EXPECT_EQ(first->checkpoint(), "");
  write(*first, 0, 2);
  const PartProgress two = decode_progress(first->checkpoint());
  EXPECT_EQ(two.header_bytes, 0u);
  EXPECT_EQ(two.frames.size(), 2u);
  EXPECT_EQ(two.frames[1].segment, 1u);
  EXPECT_EQ(two.frames[1].records, kPerBatch);
  EXPECT_EQ(two.bytes, first->stored_bytes());
  EXPECT_EQ(first->checkpoint(), "");
  write(*first, 2, 3);
  const PartProgress third = decode_progress(first->checkpoint());
  EXPECT_EQ(third.frames.size(), 1u);
  EXPECT_EQ(third.bytes, std::filesystem::file_size(partial_));
}

TEST_F(PartSinkTest, MakesTheSameFramesWithoutComparingThem) {
  const std::string comparing = [&] {
    const auto first = sink();
    write(*first, 0, 2);
    EXPECT_TRUE(first->compares_content());
    return first->checkpoint();
  }();
  WriteOptions options = test::part_options();
  options.verify = false;
  const auto second = DumpStore(folder_.file("u.jsonl.zst"), stop_).sink(options);
  write(*second, 0, 2);
  EXPECT_FALSE(second->compares_content());
  EXPECT_EQ(second->checkpoint(), comparing);
}

TEST_F(PartSinkTest, GoesOnBehindTheLastCheckpoint) {
  const std::vector<std::string> entries = leave_half();
  const std::uint64_t kept = decode_progress(entries.back()).bytes;
  EXPECT_GT(std::filesystem::file_size(partial_), kept);
  {
    const auto second = sink(entries);
    EXPECT_EQ(std::filesystem::file_size(partial_), kept);
    EXPECT_EQ(second->stored_bytes(), kept);
    EXPECT_EQ(second->checkpoint(), "");
    write(*second, 3, 7);
    second->finish();
    EXPECT_EQ(second->stored_bytes(), std::filesystem::file_size(path_));
  }
  EXPECT_FALSE(std::filesystem::exists(partial_));
  DumpStore dump(path_, stop_);
  EXPECT_EQ(test::read_lines(dump), test::record_lines(7 * kPerBatch));

  // But for the point in time it is the dump that one run would have made.
  const DumpFooter footer = dump.part()->footer();
  EXPECT_FALSE(footer.consistent);
  std::filesystem::rename(path_, folder_.file("resumed.jsonl.zst"));
  const auto whole = sink();
  write(*whole, 0, 7);
  whole->finish();
  DumpStore other(path_, stop_);
  const DumpFooter& expected = other.part()->footer();
  EXPECT_TRUE(expected.consistent);
  EXPECT_EQ(footer.records, expected.records);
  EXPECT_EQ(footer.raw_bytes, expected.raw_bytes);
  EXPECT_EQ(footer.digest, expected.digest);
  EXPECT_EQ(footer.frame_hashes, expected.frame_hashes);
  ASSERT_EQ(footer.segments.size(), 3u);
  for (const auto& [index, totals] : expected.segments) {
    EXPECT_EQ(footer.segments.at(index).records, totals.records);
    EXPECT_EQ(footer.segments.at(index).digest, totals.digest);
  }
  // Header and frames are the same byte for byte; the frames end where the footer begins.
  std::uint64_t frames_end = 0;
  for (const PartFrame& frame : other.part()->frames()) frames_end = frame.offset + frame.stored_bytes;
  EXPECT_EQ(test::read_file(folder_.file("resumed.jsonl.zst")).substr(0, frames_end),
            test::read_file(path_).substr(0, frames_end));
}

TEST_F(PartSinkTest, GoesOnAgainAndAgain) {
  std::vector<std::string> entries;
  for (std::size_t number = 0; number < 6; ++number) {
    const auto next = sink(entries);
    write(*next, number, number + 1);
    entries.push_back(next->checkpoint());
    EXPECT_NE(entries.back(), "");
    write(*next, 90 + number, 92 + number);  // in doubt, and cut off by the next run
  }
  const auto last = sink(entries);
  last->finish();
  DumpStore dump(path_, stop_);
  EXPECT_EQ(test::read_lines(dump), test::record_lines(6 * kPerBatch));
}

TEST_F(PartSinkTest, GoesOnWithTheHeaderAlone) {
  const std::string entry = sink()->checkpoint();
  ASSERT_TRUE(std::filesystem::exists(partial_));
  const auto second = sink({entry});
  write(*second, 0, 2);
  EXPECT_EQ(decode_progress(second->checkpoint()).header_bytes, 0u);
  second->finish();
  DumpStore dump(path_, stop_);
  EXPECT_EQ(test::read_lines(dump), test::record_lines(2 * kPerBatch));
  EXPECT_EQ(dump.header()->started, "2025-01-25T12:00:00Z");
}

TEST_F(PartSinkTest, LeavesNothingWithoutACheckpoint) {
  write(*sink(), 0, 3);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(PartSinkTest, AFooterThatWasNotPublishedIsNoProgress) {
  std::string entry;
  {
    const auto first = sink();
    write(*first, 0, 2);
    test::write_file(path_, "in the way");
    EXPECT_EQ(error_line([&] { first->finish(); }, ErrorKind::refused),
              "'" + path_ + "' appeared while it was being written; name another file");
    entry = first->checkpoint();
    EXPECT_LT(decode_progress(entry).bytes, first->stored_bytes());
  }
  std::filesystem::remove(path_);
  const auto second = sink({entry});
  write(*second, 2, 3);
  second->finish();
  DumpStore dump(path_, stop_);
  EXPECT_EQ(test::read_lines(dump), test::record_lines(3 * kPerBatch));
}

// A disk that is full in the middle of a frame.
class TornOutput : public Output {
 public:
  TornOutput(std::unique_ptr<Output> file, int whole_writes) : file_(std::move(file)), whole_writes_(whole_writes) {}
  void write(std::string_view bytes) override {
    if (whole_writes_-- > 0) return file_->write(bytes);
    file_->write(bytes.substr(0, bytes.size() / 2));
    throw Error(ErrorKind::failed, "full");
  }
  bool keep() override { return file_->keep(); }
  void publish() override { file_->publish(); }
  std::uint64_t written() const override { return file_->written(); }

 private:
  std::unique_ptr<Output> file_;
  int whole_writes_;
};

TEST_F(PartSinkTest, AWriteThatFailedHalfWayIsNoProgress) {
  std::string entry;
  {
    auto output = std::make_unique<TornOutput>(make_file_output(path_), 3);
    const auto first = make_part_sink(std::move(output), test::part_options());
    EXPECT_EQ(error_line([&] { write(*first, 0, 5); }, ErrorKind::failed), "full");
    entry = first->checkpoint();
  }
  EXPECT_EQ(decode_progress(entry).frames.size(), 2u);
  EXPECT_LT(decode_progress(entry).bytes, std::filesystem::file_size(partial_));
  const auto second = sink({entry});
  write(*second, 2, 5);
  second->finish();
  DumpStore dump(path_, stop_);
  EXPECT_EQ(test::read_lines(dump), test::record_lines(5 * kPerBatch));
}

TEST_F(PartSinkTest, DamageToWhatStaysIsAnError) {
  const std::vector<std::string> entries = leave_half();
  const PartProgress kept = join_progress(entries);
  const std::uint64_t third = kept.bytes - kept.frames[2].entry.stored_bytes;
  std::string bytes = test::read_file(partial_);
  bytes[third + 1] = static_cast<char>(bytes[third + 1] ^ 1);
  test::write_file(partial_, bytes);
  EXPECT_EQ(refusal(entries), partial_ + ": frame 3 of 3 at byte " + std::to_string(third) +
                                  ": its SHA-256 is not the journal's" + kNext);
  // It is there for whoever wants to save something from it, and what does not reach it can be gone on with.
  EXPECT_EQ(std::filesystem::file_size(partial_), kept.bytes);
  EXPECT_NE(sink({entries[0]}), nullptr);
}

TEST_F(PartSinkTest, NothingIsCutBeforeTheEntriesAddUp) {
  std::vector<std::string> entries = leave_half();
  const auto before = std::filesystem::file_size(partial_);
  std::string lie = entries[1];
  const PartProgress last = decode_progress(lie);
  lie.replace(9, std::to_string(last.bytes).size(), "1");
  EXPECT_EQ(refusal({entries[0], lie}), "progress of the dump: entry 2: its frames end at byte " +
                                            std::to_string(last.bytes) + ", not at 1" + kNext);
  EXPECT_EQ(refusal({entries[1]}), std::string("progress of the dump: entry 1: member 'header' is missing") + kNext);
  EXPECT_EQ(std::filesystem::file_size(partial_), before);
}

TEST_F(PartSinkTest, APartialFileThatIsShorterOrGoneIsAnError) {
  const std::vector<std::string> entries = leave_half();
  const std::uint64_t kept = decode_progress(entries.back()).bytes;
  std::filesystem::resize_file(partial_, kept - 1);
  EXPECT_EQ(refusal(entries), "'" + partial_ + "' has " + std::to_string(kept - 1) + " bytes where " +
                                  std::to_string(kept) + " were durable" + kNext);
  std::filesystem::remove(partial_);
  EXPECT_EQ(refusal(entries), "'" + partial_ + "' is gone" + kNext);
  EXPECT_FALSE(std::filesystem::exists(partial_));
}

TEST_F(PartSinkTest, VerifyingCanBeStopped) {
  const std::vector<std::string> entries = leave_half();
  stop_.fail(std::make_exception_ptr(Error::interrupted(2)));
  EXPECT_EQ(error_line([&] { sink(entries); }, ErrorKind::interrupted), "interrupted");
  EXPECT_TRUE(std::filesystem::exists(partial_));
}

TEST_F(PartSinkTest, OnlyAPartInAFileCanBeGoneOnWith) {
  const std::vector<std::string> entries = leave_half();
  WriteOptions options = test::part_options();
  for (const std::string& path : {folder_.file("t.jsonl"), folder_.file("t.jsonl.gz"), std::string("-")}) {
    DumpStore store(path, stop_);
    options.checkpoints = entries;
    const std::string name = path == "-" ? "standard output" : path;
    EXPECT_EQ(error_line([&] { store.sink(options); }, ErrorKind::usage), name + " cannot be gone on with" + kNext);
  }
  options.checkpoints.clear();
  for (const char* name : {"t.jsonl", "t.jsonl.gz"}) {
    const auto lines = DumpStore(folder_.file(name), stop_).sink(options);
    write(*lines, 0, 1);
    EXPECT_EQ(lines->checkpoint(), "");
  }
  File file = File::create_new(folder_.file("stream"));
  const auto stream = make_part_sink(make_descriptor_output(file.fd(), "a stream", stop_), options);
  write(*stream, 0, 1);
  EXPECT_EQ(stream->checkpoint(), "");
}

}  // namespace
}  // namespace bulk
