// What can be said of a job's expressions or SQL without its table. Pure. Both throw Error(usage) that begins with the
// file's path.
#pragma once

#include "src/backfill/job.h"

namespace bulk {

// DynamoDB's condition and update language, for tables of items. Parsed again where they are used: here only to say at
// once what is wrong.
void check_job_expressions(const BackfillJob& job);
// SQL, for tables of rows, as far as it can be judged without the server; and what is for items alone.
void check_job_sql(const BackfillJob& job);

}  // namespace bulk
