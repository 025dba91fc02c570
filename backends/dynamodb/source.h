// Reads a table by parallel Scan. A segment ends only where a page has no LastEvaluatedKey: empty pages in between are
// normal. A Scan is no point in time, so consistent() is false whatever the options say.
//
// A cursor is the raw LastEvaluatedKey, or kEndCursor behind the last page; it is good only for the same segment of the
// same number of segments. Reads are paced (ReadOptions::rate) by the units that the segment's previous page has cost.
// Throttled and broken requests are repeated here, and a malformed page counts as a broken one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "backends/dynamodb/client.h"

namespace bulk {

inline constexpr std::string_view kEndCursor = "end";

// How many segments to read a table in when nobody says: 64 MiB each and at most 64 of them, but never fewer than keep
// the machine busy, because the table's size may be six hours old.
unsigned automatic_segments(std::uint64_t table_bytes, std::uint64_t table_records, unsigned jobs);

class DynamoDbSource : public Source {
 public:
  DynamoDbSource(std::shared_ptr<DynamoDbClient> client, const ReadOptions& options)
      : client_(std::move(client)), options_(options) {}

  std::vector<Segment> plan() override;
  std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) override;

 private:
  std::shared_ptr<DynamoDbClient> client_;
  ReadOptions options_;
};

}  // namespace bulk
