// Between what DescribeTable says, the schema that a dump keeps (docs/format.md, "schema") and the CreateTable request
// that makes the table again. Pure functions over JSON.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/dynamodb/json.h"

namespace bulk {

// The part of DescribeTable's reply that is not schema.
struct TableDescription {
  TableIdentity identity;
  std::string status;
  bool active = false;                               // the table and all its indexes
  std::uint64_t records = 0, bytes = 0;              // refreshed by the service about every six hours
  double read_units = 0, write_units = 0;            // provisioned; 0 on demand
  double most_read_units = 0, most_write_units = 0;  // on demand: the owner's limit; 0: none
  double warm_read_units = 0, warm_write_units = 0;  // on demand; 0: not said
  bool deletion_protected = false;
};

// What DescribeTable does not say and other calls do.
struct SideSettings {
  std::string ttl_attribute;  // empty: no time to live
  std::vector<std::pair<std::string, std::string>> tags;
  bool point_in_time_recovery = false;
  int recovery_period_days = 0;  // 0: not said
  std::vector<std::string> not_copied;
};

// `reply` is DescribeTable's. Throw Error(failed) "malformed DescribeTable reply: ...".
TableDescription read_description(const rapidjson::Document& reply);
TableSchema read_schema(const rapidjson::Document& reply, const SideSettings& side);

struct CreateTarget {
  std::string table, region, account;  // account may be empty: unknown
};
struct CreateRequest {
  std::string body;
  std::vector<std::string> not_copied;  // one phrase each
};

// CreateTable without what must not be on during a load (time to live, stream, deletion protection).
// Throws Error(corrupt) when the schema is none.
CreateRequest make_create_request(const TableSchema& schema, const CreateTarget& target);

// The members of a CreateTable request that the endpoint has silently not kept: some compatible servers ignore what
// they do not know. One phrase each.
std::vector<std::string> ignored_members(const TableSchema& wanted, const TableSchema& made);

// What is switched on after the load, read back from a schema.
struct LateSettings {
  SideSettings side;
  std::string stream_view;  // empty: no stream
  bool deletion_protected = false;
};
LateSettings read_late_settings(const TableSchema& schema);

}  // namespace bulk
