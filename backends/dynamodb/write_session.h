// What the sessions of the sinks that write to DynamoDB have in common: many requests under way on the thread that owns
// the session (io/http_loop.h), bodies and reply buffers that go round, and what a reply that is no success means. What
// a request says and how its success reads is the sinks' own (sink.h, update_sink.h).
//
// An attempt is one request, or several one after the other under the same ticket. A session belongs to one thread;
// wake() is for all.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "backends/dynamodb/client.h"

namespace bulk {

// Of sinks with this many records per write.
SinkLimits request_limits(const DynamoDbClient& client, unsigned jobs, std::size_t records);

// Capacity units of writing so many bytes: one per KiB begun, at least one.
double write_units(std::size_t bytes);
// The sum of the units in a ConsumedCapacity list (or in the one object that most operations return); negative when
// none are reported.
double consumed_units(const rapidjson::Value* capacity);

// Why an object is no reply to a request about one item that asked for the capacity it takes: its members are others
// than ConsumedCapacity and `more`, or ConsumedCapacity is missing. Empty: it is one. Whatever stands between us and
// the service may answer with an object of its own and HTTP 200.
std::string item_reply_problem(const rapidjson::Value& reply, std::initializer_list<std::string_view> more);
// Of a PutItem or UpdateItem.
std::string write_reply_problem(std::string_view operation, std::string_view reply, rapidjson::Document& document);

// An attempt of unknown outcome.
WriteResult unavailable(std::string reason);

class WriteSession : public SinkSession {
 public:
  explicit WriteSession(std::shared_ptr<DynamoDbClient> client);

  void begin(std::uint32_t ticket, std::span<const RecordRef> records) final;
  void collect(SteadyTime until, std::vector<Ended>& ended) final;
  void wake() noexcept final { loop_->wake(); }

 protected:
  struct Request {
    std::vector<RecordRef> records;
    std::string_view operation;  // lives for ever
    Buffer body;
    unsigned earlier = 0;  // requests of this attempt before this one
    bool is_write = true;  // false: it only reads
    bool resent = false;   // WriteResult::resent
  };

  // Says the operation and fills the body (empty until then) of an attempt's first request. A result: the attempt has
  // ended without one.
  virtual std::optional<WriteResult> compose(Request& request) = 0;
  // What a reply means, of any kind. Nothing: `request` is another one now, which goes out under the same ticket.
  virtual std::optional<WriteResult> take(Request& request, const DynamoDbReply& reply) = 0;

  // An attempt that was not ok, as an outcome; throws what no other request would fare better with.
  WriteResult failure(std::string_view operation, const DynamoDbReply& reply);

  DynamoDbClient& client() { return *client_; }
  const std::string& table_json() const { return table_json_; }  // as TableName has it

 private:
  struct UnderWay : Request {
    std::optional<DynamoDbClient::Attempt> attempt;
  };

  void send(std::uint32_t ticket);
  void charge(const WriteResult& result);

  std::shared_ptr<DynamoDbClient> client_;
  std::vector<std::unique_ptr<UnderWay>> requests_;  // by ticket
  std::unique_ptr<HttpLoop> loop_;                   // sends what requests_ hold: goes before them
  std::string table_json_;
  std::vector<Ended> at_once_;              // ended in begin()
  std::vector<HttpLoop::Ended> exchanges_;  // scratch of collect()
  std::vector<Buffer> bodies_, replies_;    // to be used again
};

}  // namespace bulk
