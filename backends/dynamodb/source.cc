#include "backends/dynamodb/source.h"

#include <algorithm>
#include <cmath>

#include "backends/dynamodb/control.h"
#include "backends/dynamodb/table_schema.h"
#include "codecs/scan_page.h"

namespace bulk {
namespace {

constexpr unsigned kMostSegments = 1'000'000;  // the service's limit

class ScanReader : public Reader {
 public:
  ScanReader(std::shared_ptr<DynamoDbClient> client, const ReadOptions& options, const Segment& segment,
             const Cursor& from)
      : client_(std::move(client)), options_(options), segment_(segment), ended_(from == kEndCursor) {
    if (!ended_ && !from.empty() && !from.starts_with('{')) {
      throw Error(ErrorKind::failed, where() + ": the cursor to go on from is not one of a table scan",
                  "start afresh, without --resume");
    }
    if (!ended_) start_key_ = from;
  }

  bool read(Batch& batch) override {
    // A page is taken only if one like the last still fits, so that batches keep to their size.
    while (!ended_ && (batch.bytes.empty() || batch.bytes.size() + last_page_bytes_ <= options_.batch_bytes)) {
      next_page(batch);
    }
    batch.after = ended_ ? Cursor(kEndCursor) : start_key_;
    return !batch.records.empty();
  }

 private:
  std::string where() const {
    return "table '" + client_->table().name + "', segment " + std::to_string(segment_.index) + " of " +
           std::to_string(segment_.count);
  }

  std::string request_body() const {
    std::string body = "{\"TableName\":" + json_quoted(client_->table_text()) +
                       ",\"TotalSegments\":" + std::to_string(segment_.count) +
                       ",\"Segment\":" + std::to_string(segment_.index) + ",\"ReturnConsumedCapacity\":\"TOTAL\"";
    if (options_.consistent) body += ",\"ConsistentRead\":true";
    if (!start_key_.empty()) body += ",\"ExclusiveStartKey\":" + start_key_;
    return body + "}";
  }

  void next_page(Batch& batch) {
    const double reserved = last_page_units_;
    pace(reserved);
    const std::size_t before = batch.bytes.size();
    DynamoDbClient::Hooks hooks;
    hooks.accept = [&](const Buffer& reply) {
      page_ = ScanPage();
      batch.bytes.resize(before);
      try {
        parser_.parse(reply, batch.bytes, page_);
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    hooks.throttled = [&] {
      if (options_.rate == nullptr) return;
      options_.rate->settle(reserved, 0, reserved);
      pace(reserved);
    };
    hooks.recycled = std::move(reply_buffer_);
    DynamoDbReply reply;
    try {
      reply = client_->try_call("Scan", request_body(), std::move(hooks));
    } catch (const Error& error) {
      if (client_->stop().stopped()) throw;
      throw error.in(where());
    }
    if (reply.kind == DynamoDbReply::Kind::refused) throw client_->refusal("Scan", reply).in(where());
    reply_buffer_ = std::move(reply.body);
    take_page(batch);
    settle(reserved);
  }

  void take_page(Batch& batch) {
    for (const LineSpan& line : page_.lines) {
      Record record;
      record.offset = static_cast<std::uint32_t>(line.offset);
      record.length = static_cast<std::uint32_t>(line.length);
      batch.records.push_back(record);
    }
    if (!page_.lines.empty()) {
      last_page_bytes_ = page_.lines.back().offset + page_.lines.back().length + 1 - page_.lines.front().offset;
    }
    if (page_.last_evaluated_key.empty()) {
      ended_ = true;
      start_key_.clear();
      return;
    }
    if (page_.last_evaluated_key == start_key_) {
      throw Error(ErrorKind::failed, where() + ": the scan does not advance: a page ends at the key it began behind");
    }
    start_key_ = page_.last_evaluated_key;
  }

  void pace(double units) {
    if (options_.rate != nullptr && !options_.rate->acquire(units, client_->stop())) client_->stop().check();
  }

  void settle(double reserved) {
    // A page that touches nothing still costs something; so much for the next estimate.
    const double used = std::isfinite(page_.consumed_units) ? std::max(page_.consumed_units, 0.0) : 0.0;
    if (options_.rate != nullptr) options_.rate->settle(reserved, used, 0);
    last_page_units_ = std::max(used, 0.5);
    client_->stats().read_centiunits.fetch_add(static_cast<std::uint64_t>(std::llround(std::min(used, 1e9) * 100)),
                                               std::memory_order_relaxed);
  }

  std::shared_ptr<DynamoDbClient> client_;
  ReadOptions options_;
  Segment segment_;
  bool ended_;
  std::string start_key_;
  std::size_t last_page_bytes_ = 0;
  double last_page_units_ = 1;
  ScanPageParser parser_;
  ScanPage page_;
  Buffer reply_buffer_;  // lent to each exchange
};

}  // namespace

unsigned automatic_segments(std::uint64_t table_bytes, std::uint64_t table_records, unsigned jobs) {
  constexpr std::uint64_t kSegmentBytes = 64u << 20;
  constexpr std::uint64_t kSmallBytes = 1u << 20;  // one page
  constexpr std::uint64_t kMost = 64;
  const bool small = table_records > 0 && table_bytes > 0 && table_bytes <= kSmallBytes;
  const unsigned least = std::max(1u, small ? jobs : 4 * jobs);
  return std::max(least, static_cast<unsigned>(std::min(kMost, table_bytes / kSegmentBytes)));
}

std::vector<Segment> DynamoDbSource::plan() {
  const auto reply = describe_table(*client_);
  if (!reply) {
    DynamoDbReply missing;
    missing.code = "ResourceNotFoundException";
    throw client_->refusal("Scan", missing);
  }
  const TableDescription table = read_description(*reply);
  const unsigned count = options_.segments.value_or(automatic_segments(table.bytes, table.records, options_.jobs));
  if (count < 1 || count > kMostSegments) {
    throw Error(ErrorKind::usage, "a table is read in 1 to 1000000 segments, not in " + std::to_string(count));
  }
  std::vector<Segment> segments(count);
  for (unsigned i = 0; i < count; ++i) {
    segments[i].index = i;
    segments[i].count = count;
  }
  return segments;
}

std::unique_ptr<Reader> DynamoDbSource::open(const Segment& segment, const Cursor& from) {
  return std::make_unique<ScanReader>(client_, options_, segment, from);
}

}  // namespace bulk
