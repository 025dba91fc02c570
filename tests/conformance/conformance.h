// The tests that every backend passes, whatever it stores into: written once, run for each backend that is listed with
// INSTANTIATE_TEST_SUITE_P(NAME, Conformance, ...). They drive Store, Source and Sink directly, as the pipeline does,
// one thread at a time.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/registry.h"

namespace bulk::test {

// One place of a backend's where a table (or dump) can be made, read and removed.
class Place {
 public:
  virtual ~Place() = default;
  // Opened anew with each call; before anything was written there is nothing behind it.
  virtual std::unique_ptr<Store> store() = 0;
};

struct Backend {
  std::string name;
  bool table = true;      // false: a dump, written once; it has no keys of its own to replace or refuse
  bool validates = true;  // false: a stand-in for a service, which takes items and numbers' spellings as they come
  // A place of the test's own. An empty pointer skips the test: the backend is not available here.
  std::function<std::unique_ptr<Place>()> make;
  bool compares_documents = true;  // false: no list or map equals another one in a condition
  bool holds_nul = true;           // false: text holds any character but U+0000
};

inline void PrintTo(const Backend& backend, std::ostream* out) {
  *out << backend.name;
}

struct Content {
  std::map<std::string, std::string> items;  // canonical key text -> canonical item
  std::uint64_t records = 0;
  Digest digest;
  friend bool operator==(const Content&, const Content&) = default;
};
inline void PrintTo(const Content& content, std::ostream* out) {
  *out << content.records << " records, " << content.items.size() << " keys, digest " << content.digest.hex();
}

class Conformance : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override;

  std::unique_ptr<Store> store() { return place_->store(); }
  bool is_table() const { return GetParam().table; }

  // A table with the key pk:S, sk:N.
  void create();
  // Small, so that a dump has several frames and every sink several writes.
  static constexpr std::size_t kRecordsPerBatch = 150;

  // Through a sink, cut to its limits; refused slices are tried again. Returns how many records were skipped.
  std::size_t write(const std::vector<std::string>& lines, bool only_missing = false,
                    std::size_t per_batch = kRecordsPerBatch);
  // The same for a part of the lines, through a sink that is not finished.
  std::size_t write_to(Sink& sink, std::span<const std::string> lines, std::size_t per_batch);
  // For the table's key.
  static WriteOptions write_options();
  // One attempt at one record, or at one change (codecs/change.h).
  WriteResult write_one(const std::string& line);
  WriteResult change_one(const std::string& line);
  Content read(const ReadOptions& options = {});
  // From `cursor` to the end of the segment.
  Content read_segment(Source& source, const Segment& segment, const Cursor& cursor);
  // Of a segment from its beginning: as many batches, and the cursor behind them.
  Content read_batches(Source& source, const Segment& segment, std::size_t batches, Cursor& after);
  // Adds to `all` what must not be in it yet.
  static void add(Content& all, const Content& part);

  static const KeySchema& key();
  static Content content_of(const std::vector<std::string>& lines);
  static std::vector<std::string> lines(std::size_t count);

  std::unique_ptr<Place> place_;

 private:
  static WriteResult one_attempt(Sink& sink, const std::string& line);
};

std::string backend_name(const ::testing::TestParamInfo<Backend>& info);

}  // namespace bulk::test
