// A DynamoDB for tests that can be made to fail: in this process, on 127.0.0.1, holding the truth (every item as text,
// by its key) so that a test can compare what the program claims with what has really been written.
//
// It knows CreateTable, DescribeTable, DeleteTable, UpdateTable (stream, deletion protection; one change at a time),
// Scan (segments, ExclusiveStartKey), BatchWriteItem, PutItem (with or without attribute_not_exists),
// DescribeTimeToLive and UpdateTimeToLive; everything else is an UnknownOperationException.
//
// The faults it may inject, and nothing else: see Faults. Each is decided by the request's number and a seed alone, so
// a run with one client thread repeats exactly; only the capacity budget goes by the clock. The program must survive
// every one of them without losing a record, writing one twice, or claiming what is not so.
//
// Thread-safe; faults may be changed while requests come.
#pragma once

#include <rapidjson/document.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/tiny_http_server.h"

namespace bulk::test {

struct Faults {
  std::uint64_t seed = 1;
  std::set<std::string> operations;  // the ones that fail; empty: all

  // Probabilities, per request unless said otherwise.
  double throttle = 0;        // an error of `throttle_codes`, one after the other; nothing is done
  double internal_error = 0;  // HTTP 500; nothing is done
  double drop_before = 0;     // the connection is closed; nothing is done
  double drop_after = 0;      // what was asked for is done, then the connection is closed without a reply
  double wrong_crc = 0;       // done, but x-amz-crc32 does not fit
  double cut_json = 0;        // done, but the reply's text ends in its middle (with a good checksum)
  double unprocessed = 0;     // per put of a BatchWriteItem: it comes back in UnprocessedItems
  double empty_page = 0;      // per Scan: no items, and a LastEvaluatedKey to go on from
  std::vector<std::string> throttle_codes = {"ProvisionedThroughputExceededException", "ThrottlingException",
                                             "RequestLimitExceeded"};
  std::string poison_attribute;    // an item that has it is a ValidationException for the whole request
  double wcu_per_second = 0;       // above it puts come back unprocessed, or the request is throttled; 0: no limit
  std::size_t page_items = 1'000;  // most items on a page of a Scan
  std::size_t page_bytes = 1u << 20;
  std::chrono::milliseconds latency{0};
  int lost_replies = 0;    // so many requests, the first ones, are carried out and answered with HTTP 500
  int creating_polls = 0;  // a new table is CREATING for so many DescribeTable calls
  int updating_polls = 0;  // a changed one is as it was for one of them, and then UPDATING for the rest of so many
  // A reply of the test's own instead of the server's, for hostile ones; nothing is done then.
  std::function<std::optional<TinyHttpServer::Reply>(const std::string& operation, const std::string& body)> reply;
};

class FaultServer {
 public:
  explicit FaultServer(Faults faults = {});

  std::string endpoint() const { return http_.url(); }
  std::string url(const std::string& table) const {
    return "dynamodb://" + table + "?region=us-east-1&endpoint=" + endpoint();
  }
  void set(Faults faults);

  // Behind the program's back.
  void create_table(const std::string& create_table_body);
  void put(const std::string& table, const std::string& item);
  // The truth: the items as JSON texts, in the order of their keys; empty when there is no such table.
  std::vector<std::string> items(const std::string& table) const;
  bool has_table(const std::string& table) const;

  std::uint64_t requests(const std::string& operation) const;  // received, failed ones too
  std::uint64_t puts() const;                                  // applied, repeated ones too

 private:
  using Reply = TinyHttpServer::Reply;
  struct Table {
    std::string description;                               // JSON members of the table's description
    std::vector<std::pair<std::string, std::string>> key;  // name and type
    std::map<std::string, std::string> items;              // key text -> item text
    std::map<std::string, std::string> detours;            // key text of an empty page's end -> where to go on
    std::string ttl_attribute;
    int creating_polls = 0;
    std::map<std::string, std::string> settings, pending;  // UpdateTable's members as JSON; the latter not yet in force
    int updating_polls = 0;
  };
  struct Decision;  // the dice of one request

  Reply handle(const TinyHttpServer::Request& request);
  Reply dispatch(const std::string& operation, const rapidjson::Document& body, Decision& dice);
  Reply create(const rapidjson::Value& body);
  Reply describe(const std::string& name, Table& table);
  Reply update(const std::string& name, Table& table, const rapidjson::Value& body);
  Reply scan(Table& table, const rapidjson::Value& body, Decision& dice);
  Reply batch_write(const rapidjson::Value& body, Decision& dice);
  Reply put_item(Table& table, const rapidjson::Value& body);
  // Empty: the item is sound and `key` is its key's text; else what is wrong.
  std::string check_item(const Table& table, const rapidjson::Value& item, std::string& key) const;
  bool take_capacity(double units);

  mutable std::mutex mutex_;
  Faults faults_;
  std::map<std::string, Table> tables_;
  std::map<std::string, std::uint64_t> received_;
  std::uint64_t number_ = 0;
  std::uint64_t throttled_ = 0;
  std::uint64_t detours_ = 0;
  std::uint64_t puts_ = 0;
  double capacity_ = 0;
  std::chrono::steady_clock::time_point capacity_at_{};
  TinyHttpServer http_;  // last: its threads use all of the above
};

}  // namespace bulk::test
