// A DynamoDB for tests that can be made to fail: in this process, on 127.0.0.1, holding the truth (every item as text
// by its key, and how often it was put and updated) so that a test can compare what the program claims with what has
// really been written.
//
// It knows CreateTable, DescribeTable, DeleteTable, UpdateTable (stream, deletion protection; one change at a time),
// Scan (segments, ExclusiveStartKey), BatchWriteItem, PutItem (with or without attribute_not_exists), GetItem (whole
// items), UpdateItem (any expression, ReturnValuesOnConditionCheckFailure), DescribeTimeToLive and UpdateTimeToLive;
// everything else is an UnknownOperationException. What the service refuses of a write it refuses too: more than 25
// puts or none, a key twice, an item over 409,600 bytes or with values that are none, a request over 16 MiB.
//
// The faults it may inject, and why the program survives each, are listed in fault_server_faults.h. Each is decided by
// a seed and the request's number alone, so a run with one client thread repeats exactly.
//
// Its parts: faults and dice (fault_server_faults.h), items (fault_server_items.h), tables and operations
// (fault_server_tables.h), replies (fault_server_replies.h), and this one, which brings them together. Thread-safe;
// faults may be changed while requests come.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/fault_server_faults.h"
#include "tests/fault_server_tables.h"
#include "tests/support/tiny_http_server.h"

namespace bulk::test {

class FaultServer {
 public:
  explicit FaultServer(Faults faults = {});

  std::string endpoint() const { return http_.url(); }
  std::string url(const std::string& table) const {
    return "dynamodb://" + table + "?region=us-east-1&endpoint=" + endpoint();
  }
  // From the next request on; access keys that have expired stay so.
  void set(Faults faults);

  // Behind the program's back.
  void create_table(const std::string& create_table_body);
  void put(const std::string& table, const std::string& item);

  // The truth: the items as JSON texts, in the order of their keys; empty when there is no such table.
  std::vector<std::string> items(const std::string& table) const;
  bool has_table(const std::string& table) const;
  // Empty when the table holds exactly these items ({"Item":{...}} lines or items alone), each once and as it should
  // be; else what differs, the first few by their keys. An unfinished load may lack some.
  enum class Held { all, some };
  std::string differences(const std::string& table, const std::vector<std::string>& expected,
                          Held held = Held::all) const;
  // Keys of items that were put again after a reply without a fault had said that they are written.
  std::vector<std::string> put_again(const std::string& table) const;

  std::uint64_t requests(const std::string& operation) const;  // received, failed ones too
  std::uint64_t puts() const;                                  // applied, repeated ones too
  std::uint64_t updates() const;                               // carried out
  // Of items that were updated, how often, by their keys as JSON.
  std::map<std::string, std::uint64_t> updates(const std::string& table) const;

  struct Injected {
    std::uint64_t request;
    std::string operation;
    FaultKind kind;
    bool operator==(const Injected&) const = default;
  };
  std::vector<Injected> injected() const;  // in the order of requests

 private:
  using Reply = TinyHttpServer::Reply;
  using Request = TinyHttpServer::Request;

  Reply handle(const Request& request);
  Reply answer(const std::string& operation, const Request& request, Dice& dice);
  FaultTables::Outcome perform(const std::string& operation, const Request& request, Dice& dice, bool partial);
  std::int64_t now_s() const;

  mutable std::mutex mutex_;
  Faults faults_;
  FaultTables tables_{faults_};
  std::map<std::string, std::uint64_t> signed_by_;  // requests by access key
  std::set<std::string> expired_;                   // access keys
  std::map<std::string, std::uint64_t> received_;
  std::vector<Injected> injected_;
  std::uint64_t number_ = 0;
  TinyHttpServer http_;  // last: its threads use all of the above
};

}  // namespace bulk::test
