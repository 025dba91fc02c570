#include "backends/dynamodb/update_sink.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/dynamodb/update_request.h"
#include "backends/dynamodb/write_session.h"
#include "codecs/attribute_value.h"
#include "codecs/item.h"
#include "codecs/item_view.h"

namespace bulk {
namespace {

using Outcome = WriteResult::Outcome;

constexpr double kBytesPerReadUnit = 4096;

bool is_document(std::string_view value) {
  if (value.empty()) return false;
  const AttributeValue::Type type = type_of_text(value);
  return type == AttributeValue::Type::list || type == AttributeValue::Type::map;
}

// Of a condition that failed although it holds.
std::string false_conflict(const Change& change) {
  const auto named = [](const std::string& name) {
    return "the server does not find the list or map '" + presentable(name) +
           "' equal to itself: it cannot be changed safely there";
  };
  for (const ChangedAttribute& one : change.touched) {
    if (is_document(one.before)) return named(one.name);
  }
  for (const GivenAttribute& one : change.given) {
    if (is_document(one.value)) return named(one.name);
  }
  return "the server says that the item has changed, but it is as it was read";
}

class UpdateSession : public WriteSession {
 public:
  UpdateSession(std::shared_ptr<DynamoDbClient> client, KeySchema key)
      : WriteSession(std::move(client)), key_(std::move(key)), partition_name_json_(json_quoted(key_.partition.name)) {}

 protected:
  std::optional<WriteResult> compose(Request& request) override {
    if (request.records.size() != 1) throw Error(ErrorKind::failed, "UpdateItem takes one change at a time");
    if (!reader_.read(request.records[0].line(), change_)) return invalid(reader_.problem());
    request.operation = kUpdate;
    std::string problem = append_update_request(request.body, table_json(), partition_name_json_, change_);
    if (!problem.empty()) return invalid(std::move(problem));
    return std::nullopt;
  }

  std::optional<WriteResult> take(Request& request, const DynamoDbReply& reply) override {
    if (request.operation == kRead) return take_read(request, reply);
    if (reply.kind == DynamoDbReply::Kind::refused && reply.code == "ConditionalCheckFailedException") {
      read_change(request);
      FoundItem found = find_item(reply.body.view(), key_, change_.key);
      if (!found.problem.empty()) {
        return charged(request, failed_conditions(request) + 1,
                       unavailable("malformed UpdateItem reply: " + found.problem));
      }
      if (!found.item.empty()) return conflict(request, std::move(found), true);
      ask_for_item(request);
      return std::nullopt;
    }
    if (reply.kind != DynamoDbReply::Kind::ok) {
      return charged(request, failed_conditions(request), failure(kUpdate, reply));
    }
    rapidjson::Document document;
    std::string problem = write_reply_problem(kUpdate, reply.body.view(), document);
    if (!problem.empty()) return charged(request, failed_conditions(request), unavailable(std::move(problem)));
    WriteResult result;
    result.units = consumed_units(json_member(&document, "ConsumedCapacity"));
    if (result.units < 0) result.units = expected_units(request);
    return charged(request, failed_conditions(request), std::move(result));
  }

 private:
  static constexpr std::string_view kUpdate = "UpdateItem";
  static constexpr std::string_view kRead = "GetItem";

  static WriteResult invalid(std::string reason) {
    WriteResult result;
    result.outcome = Outcome::invalid;
    result.reason = std::move(reason);
    return result;
  }

  // It was read when the attempt began.
  void read_change(const Request& request) {
    if (!reader_.read(request.records[0].line(), change_)) throw Error(ErrorKind::failed, "a change was overwritten");
  }

  void ask_for_item(Request& request) const {
    request.operation = kRead;
    request.is_write = false;
    request.body.clear();
    request.body.append("{\"TableName\":");
    request.body.append(table_json());
    request.body.append(",\"Key\":");
    request.body.append(change_.key);
    request.body.append(",\"ConsistentRead\":true,\"ReturnConsumedCapacity\":\"TOTAL\"}");
  }

  std::optional<WriteResult> take_read(Request& request, const DynamoDbReply& reply) {
    if (reply.kind != DynamoDbReply::Kind::ok) {
      if (reply.kind == DynamoDbReply::Kind::refused && reply.code.starts_with("AccessDenied")) {
        throw Error(ErrorKind::usage, client().refusal(kRead, reply).what(),
                    "dynamodb:GetItem is needed to read records that others have changed");
      }
      WriteResult result = failure(kRead, reply);
      // The change itself is sound: whatever is wrong with its key, UpdateItem would have said so.
      if (result.outcome == Outcome::invalid) throw client().refusal(kRead, reply);
      return charged(request, failed_conditions(request), std::move(result));
    }
    read_change(request);
    FoundItem found = find_item(reply.body.view(), key_, change_.key);
    if (found.problem.empty()) found.problem = std::move(found.doubt);
    if (!found.problem.empty()) {
      return charged(request, failed_conditions(request), unavailable("malformed GetItem reply: " + found.problem));
    }
    if (found.read_units < 0)
      found.read_units = std::max(1.0, std::ceil(static_cast<double>(found.bytes) / kBytesPerReadUnit));
    client().stats().read_centiunits.fetch_add(
        static_cast<std::uint64_t>(std::llround(std::min(found.read_units, 1e9) * 100)), std::memory_order_relaxed);
    const bool twice = request.earlier >= 3;
    if (!twice && !found.item.empty() && is_as_read(found.item)) {
      request.operation = kUpdate;
      request.is_write = true;
      request.body.clear();
      append_update_request(request.body, table_json(), partition_name_json_, change_);
      return std::nullopt;
    }
    return conflict(request, std::move(found), twice);
  }

  bool is_as_read(std::string_view item) {
    view_.reset(item);
    return still_as_read(change_, view_);
  }

  // `certain`: the item is the one that the condition was checked against.
  WriteResult conflict(const Request& request, FoundItem found, bool certain) {
    const bool is_false = certain && !found.item.empty() && is_as_read(found.item);
    WriteResult result = is_false ? invalid(false_conflict(change_)) : WriteResult();
    result.units = write_units(found.bytes);
    if (!is_false) result.conflicts.push_back({0, std::move(found.item)});
    return charged(request, request.earlier / 2, std::move(result));
  }

  static double expected_units(const Request& request) { return write_units(request.records[0].record().size_bytes); }

  // In the attempt before this request: updates and reads take turns.
  static unsigned failed_conditions(const Request& request) { return (request.earlier + 1) / 2; }

  // A failed condition is charged and not reported.
  static WriteResult charged(const Request& request, unsigned conditions, WriteResult result) {
    result.units += conditions * expected_units(request);
    return result;
  }

  KeySchema key_;
  std::string partition_name_json_;
  ChangeReader reader_;
  Change change_;  // of the request that is being looked at
  ItemView view_;
};

}  // namespace

FoundItem find_item(std::string_view reply, const KeySchema& key, std::string_view key_json) {
  FoundItem found;
  rapidjson::Document document;
  if (!parse_json_object(reply, document, found.problem)) return found;
  found.read_units = consumed_units(json_member(&document, "ConsumedCapacity"));
  const rapidjson::Value* item = json_member(&document, "Item");
  if (item == nullptr) {
    found.doubt = item_reply_problem(document, {});
    return found;
  }
  std::string text = json_write(*item);
  ItemScanner scanner(&key);
  ItemFacts facts;
  if (!item->IsObject() || !scanner.scan(text, facts)) {
    found.problem = "its Item is none";
    return found;
  }
  const std::string key_text(scanner.key_text());
  if (!scanner.scan(key_json, facts) || scanner.key_text() != key_text) {
    found.problem = "its Item has another key: " + presentable(key_text);
    return found;
  }
  scanner.scan(text, facts);
  found.bytes = facts.size_bytes;
  found.item = std::move(text);
  return found;
}

SinkLimits DynamoDbUpdateSink::limits() const {
  return request_limits(*client_, jobs_, 1);
}

double DynamoDbUpdateSink::estimate_units(const Record& record) const {
  return write_units(record.size_bytes);
}

std::unique_ptr<SinkSession> DynamoDbUpdateSink::open() {
  return std::make_unique<UpdateSession>(client_, key_);
}

}  // namespace bulk
