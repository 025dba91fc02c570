// What is switched on when a table has been loaded and verified. The service takes one change at a time and refuses the
// next one while the last is under way: such refusals are waited out, each change is seen through before the next one,
// and one that an earlier attempt (its reply lost) or an earlier run has made counts as made. The calling thread waits.
#pragma once

#include <string>
#include <vector>

#include "backends/dynamodb/client.h"
#include "backends/dynamodb/table_schema.h"

namespace bulk {

// Time to live, tags, stream, point-in-time recovery, then deletion protection. Returns one phrase for each that is not
// on now: "FAILED: SETTING: REASON", or "SETTING: not known to this endpoint". Throws only the job's cause.
std::vector<std::string> apply_late_settings(DynamoDbClient& client, const std::string& arn, const LateSettings& late);

}  // namespace bulk
