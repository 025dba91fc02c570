// The control plane of one table: waiting for it to become what was asked for, and reading the settings that
// DescribeTable leaves to calls of their own. Whatever an endpoint does not know is no error here: compatible servers
// know few of these calls. Functions over a client; the calling thread waits.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "backends/dynamodb/client.h"
#include "backends/dynamodb/table_schema.h"

namespace bulk {

// DescribeTable's reply; nothing when there is no such table.
std::optional<rapidjson::Document> describe_table(DynamoDbClient& client);

// For CreateTable, UpdateTable and DeleteTable: LimitExceededException may mean that 500 tables are changing, or that
// the account may have no more; waiting helps against the first alone, so half a minute of it is enough.
RetryPolicy control_policy(const DynamoDbClient& client);

// Up to ten minutes; Error(remote) with the state it is in after that.
void wait_until_active(DynamoDbClient& client);
void wait_until_gone(DynamoDbClient& client);
// Active and `shown` in DescribeTable's reply; false when it has been active for `patience` and is not.
bool wait_until_shown(DynamoDbClient& client, const std::function<bool(const rapidjson::Document&)>& shown,
                      std::chrono::milliseconds patience);

// The attribute in DescribeTimeToLive's reply; empty when it is off.
std::string read_time_to_live(const rapidjson::Document& reply);

// Time to live, tags, point-in-time recovery; and by name what is set and no dump holds, or could not be looked at.
SideSettings read_side_settings(DynamoDbClient& client, const std::string& arn);

}  // namespace bulk
