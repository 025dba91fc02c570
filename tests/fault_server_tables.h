// The tables of the fault-injecting server: the truth. What every operation does to them, and which of its puts the
// dice hold back. Knows nothing of HTTP beyond the reply that an operation makes. Not thread-safe: the server locks.
#pragma once

#include <rapidjson/document.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fault_server_faults.h"
#include "tests/fault_server_items.h"
#include "tests/support/tiny_http_server.h"

namespace bulk::test {

struct StoredItem {
  std::string text;
  std::uint64_t puts = 0;          // by requests, repeated ones too; 0 where the test put it
  std::uint64_t updates = 0;       // carried out
  std::uint64_t acknowledged = 0;  // of the puts, so many were reported written by a reply without a fault
};

TinyHttpServer::Reply ok_reply(std::string body);
TinyHttpServer::Reply error_reply(int status, const std::string& code, const std::string& message);

class FaultTables {
 public:
  // `faults` belongs to the server, which may change it between operations.
  explicit FaultTables(const Faults& faults) : faults_(faults) {}

  struct Outcome {
    TinyHttpServer::Reply reply;
    std::vector<StoredItem*> written;  // by this request, as its reply says; good until the next operation
  };
  // Carries out one operation. With `partial` a BatchWriteItem ends after some of its puts, without a reply.
  Outcome run(const std::string& operation, const rapidjson::Document& body, Dice& dice, bool partial);

  // Behind the program's back; throw std::runtime_error for what the service would refuse.
  void create_table(const std::string& create_table_body);
  void put(const std::string& table, const std::string& item);

  bool has(const std::string& table) const { return tables_.contains(table); }
  // By the text of their keys; empty when there is no such table.
  const std::map<std::string, StoredItem>& items(const std::string& table) const;
  const TableKey& key(const std::string& table) const { return tables_.at(table).key; }
  std::uint64_t puts() const noexcept { return puts_; }
  std::uint64_t updates() const noexcept { return updates_; }

 private:
  using Reply = TinyHttpServer::Reply;
  struct Table {
    std::string identity;     // JSON members: TableId, CreationDateTime
    std::string description;  // JSON members of the table's description
    TableKey key;
    std::map<std::string, StoredItem> items;
    std::map<std::string, std::string> detours;  // key text of an empty page's end -> where to go on
    std::string ttl_attribute;
    int creating_polls = 0;
    std::map<std::string, std::string> settings, pending;  // UpdateTable's members as JSON; the latter not yet in force
    int updating_polls = 0;
  };

  Reply create(const rapidjson::Value& body);
  Reply describe(const std::string& name, Table& table);
  Reply update(const std::string& name, Table& table, const rapidjson::Value& body);
  Reply time_to_live(const std::string& operation, Table& table, const rapidjson::Value& body);
  Reply scan(Table& table, const rapidjson::Value& body, Dice& dice);
  Outcome batch_write(const rapidjson::Value& body, Dice& dice, bool partial);
  Outcome put_item(Table& table, const rapidjson::Value& body);
  Outcome update_item(Table& table, const rapidjson::Value& body);
  static Reply get_item(const Table& table, const rapidjson::Value& body);
  // As item_problem(), and the poison of the test's own.
  std::string check_item(const Table& table, const rapidjson::Value& item, std::string& key) const;
  bool take_capacity(double units);
  StoredItem& store(Table& table, const std::string& key, std::string text);

  const Faults& faults_;
  std::map<std::string, Table> tables_;
  std::map<std::string, int> created_;  // how often a table of this name was made
  std::uint64_t puts_ = 0;
  std::uint64_t updates_ = 0;
  std::uint64_t detours_ = 0;
  double capacity_ = 0;
  std::chrono::steady_clock::time_point capacity_at_{};
};

}  // namespace bulk::test
