// The control plane of one table: waiting for it to become what was asked for, and the settings that DescribeTable and
// CreateTable leave to calls of their own. Whatever an endpoint does not know is no error here: compatible servers know
// few of these calls. Functions over a client; the calling thread waits.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backends/dynamodb/client.h"
#include "backends/dynamodb/table_schema.h"

namespace bulk {

// DescribeTable's reply; nothing when there is no such table.
std::optional<rapidjson::Document> describe_table(DynamoDbClient& client);

// Up to ten minutes; Error(remote) with the state it is in after that.
void wait_until_active(DynamoDbClient& client);
void wait_until_gone(DynamoDbClient& client);

// Time to live, tags, point-in-time recovery; and by name what is set and no dump holds, or may not be looked at.
SideSettings read_side_settings(DynamoDbClient& client, const std::string& arn);

// Time to live, tags, stream, point-in-time recovery, then deletion protection. Returns one phrase for each that
// failed.
std::vector<std::string> apply_late_settings(DynamoDbClient& client, const std::string& arn, const LateSettings& late);

}  // namespace bulk
