// Writes a table by BatchWriteItem: 25 records a request, spliced from their lines without looking inside. With
// only_missing by conditional PutItem, one record a request. Retrying is the write stage's business.
//
// A reply counts as written only what it leaves no doubt about. Each unprocessed put must be exactly one record of the
// request, by key; a reply that says anything else is an attempt of unknown outcome, and putting the same records again
// is harmless. With only_missing a put whose reply was lost is found existing by the next attempt and counts as
// skipped.
//
// Sessions are independent; a session belongs to one thread and has many requests under way (write_session.h).
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "backends/dynamodb/client.h"

namespace bulk {

class DynamoDbSink : public Sink {
 public:
  DynamoDbSink(std::shared_ptr<DynamoDbClient> client, KeySchema key, const WriteOptions& options)
      : client_(std::move(client)), key_(std::move(key)), only_missing_(options.only_missing), jobs_(options.jobs) {}

  SinkLimits limits() const override;
  // One unit per KiB begun, for the table itself. What its indexes cost on top is learnt from the units that replies
  // report.
  double estimate_units(const Record& record) const override;
  std::unique_ptr<SinkSession> open() override;
  void finish() override {}  // acknowledged is durable

 private:
  std::shared_ptr<DynamoDbClient> client_;
  KeySchema key_;
  bool only_missing_;
  unsigned jobs_;
};

// What a reply to BatchWriteItem says about the request's records (`lines`). `table` is the name as the request had it.
// Exposed for tests: replies are hostile input.
WriteResult read_batch_write_reply(std::string_view reply, std::string_view table, const KeySchema& key,
                                   std::span<const RecordRef> records);

}  // namespace bulk
