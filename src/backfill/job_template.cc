// The job file that `bulk backfill create` writes.
#include <fmt/format.h>

#include "io/error.h"
#include "src/backfill/job.h"
#include "src/backfill/job_name.h"

namespace bulk {

std::string new_job_text(const std::string& name) {
  if (!is_job_name(name)) {
    throw Error(ErrorKind::usage, "\"" + name + "\" cannot be the name of a job", kJobNameRule);
  }
  return fmt::format(R"toml(# A backfill: a change to every record of a table.
#
#   bulk backfill run {0}.toml --stage dev --dry-run      what would change; writes nothing
#   bulk backfill run {0}.toml --stage dev                changes it, as fast as the table allows
#   bulk backfill verify {0}.toml --stage dev             proves that nothing is left to do
#   bulk backfill rollback {0}.toml --stage dev           takes it back

name = "{0}"
description = ""

# A table of the stage ("main": STAGE-main-table), or an endpoint such as "dynamodb://my-table". In a PostgreSQL database
# `when` is what stands behind WHERE, `update` what stands behind SET, and there is neither marker nor [names].
table = "main"

# Which records: a DynamoDB condition. It should no longer hold once the record has been changed.
when = "attribute_exists(address) AND attribute_not_exists(#l)"

# What happens to them: exactly one of update, steps, filter and module.
update = "SET #l = address REMOVE address"

# steps = [
#   {{ rename = ["address", "location"] }},
#   {{ copy = ["name", "title"] }},
#   {{ set = ["version", {{ N = "2" }}] }},
#   {{ remove = "legacy" }},
# ]

# Any program that reads records as JSON lines and writes them as JSON lines, one for one:
# filter = ["jq", "-c", ".Item.location = .Item.address | del(.Item.address)"]

# A module of JavaScript, which exports transform(item) and perhaps shouldMigrate(item); plain values in and out.
# module = "{0}.mjs"

# An attribute that this job sets to its name in every record that it changes: for changes that would apply again to
# their own result.
# marker = "migrated_by"

# What #names and :values in `when` and `update` stand for.
[names]
"#l" = "location"

# [values]
# ":two" = {{ N = "2" }}
)toml",
                     name);
}

}  // namespace bulk
