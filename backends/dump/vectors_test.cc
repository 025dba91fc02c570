// Every zstd seekable vector through the dump reader: none carries our header, so each is a foreign file; what is
// broken or no record ends in a clear error, never in a crash or in silence.
#include <gtest/gtest.h>

#include "backends/dump/store.h"
#include "io/error.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

TEST(DumpVectors, SeekableFilesOfOthersEndInAClearErrorOrAreEmpty) {
  BULK_REQUIRE_SHARED("vectors/zstd_seekable");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_file("vectors/zstd_seekable"))) {
    if (entry.path().extension() != ".zst") continue;
    ++files;
    Stop stop;
    DumpStore dump(entry.path().string(), stop);
    std::string outcome;
    std::uint64_t records = 0;
    try {
      const std::unique_ptr<Source> source = dump.source({});
      EXPECT_FALSE(source->distinct_keys()) << entry.path();
      for (const Segment& segment : source->plan()) {
        const std::unique_ptr<Reader> reader = source->open(segment, Cursor{});
        for (Batch batch; reader->read(batch); batch.reset()) records += batch.records.size();
      }
    } catch (const Error& error) {
      outcome = error.line();
    }
    EXPECT_EQ(records, 0u) << entry.path() << ": the vectors hold no records";
    if (entry.path().filename() == "ref_empty.zst") {
      EXPECT_EQ(outcome, "");
    } else {
      EXPECT_TRUE(outcome.starts_with(entry.path().string())) << entry.path() << ": " << outcome;
    }
  }
  EXPECT_GT(files, 10);
}

}  // namespace
}  // namespace bulk
