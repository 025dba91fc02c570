// Changes items in place by UpdateItem, one change (codecs/change.h) a request (update_request.h): it sets and removes
// the touched attributes and nothing else, on condition that the item is there and that these, and the attributes that
// the change was computed from, still have the values that were read. Retrying is the write stage's business.
//
// A condition that fails is a conflict with the item as it is now: as the reply has it (ALL_OLD), else, of servers that
// do not know this or of an item that is not there, as a consistent GetItem of the same attempt finds it. An update
// whose reply was lost is found by the next attempt as a conflict with an item that has the change. So is one that
// libcurl sent again because a kept connection broke: WriteResult::resent says so.
//
// A condition that fails of an item that is as it was read shows a server that does not compare as the service does:
// dynalite finds no list or map equal to another. Where the item was read by itself it may have been changed back
// meanwhile, so the update is sent once more; then the change is `invalid`, not tried for ever.
//
// Sessions are independent; a session belongs to one thread and has many requests under way (write_session.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backends/backend.h"
#include "backends/dynamodb/client.h"
#include "codecs/key_schema.h"

namespace bulk {

class DynamoDbUpdateSink : public Sink {
 public:
  DynamoDbUpdateSink(std::shared_ptr<DynamoDbClient> client, KeySchema key, const WriteOptions& options)
      : client_(std::move(client)), key_(std::move(key)), jobs_(options.jobs) {}

  SinkLimits limits() const override;
  double estimate_units(const Record& record) const override;
  std::unique_ptr<SinkSession> open() override;
  void finish() override {}  // acknowledged is durable

 private:
  std::shared_ptr<DynamoDbClient> client_;
  KeySchema key_;
  unsigned jobs_;
};

// Finds the member "Item" of a reply: the item with that key as it is now. Replies are hostile input; exposed for
// tests.
struct FoundItem {
  std::string problem;     // of a reply that cannot be true; empty: none
  std::string item;        // JSON; empty: the reply has none
  std::string doubt;       // where it has none: why it cannot be GetItem's of a key that is not there; empty: it can
  std::size_t bytes = 0;   // as the service counts them
  double read_units = -1;  // negative: not reported
};
FoundItem find_item(std::string_view reply, const KeySchema& key, std::string_view key_json);

}  // namespace bulk
