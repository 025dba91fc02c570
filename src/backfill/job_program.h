// The program of a job, as it is to be started (src/filter_program.h). Pure.
#pragma once

#include <string>
#include <vector>

#include "src/backfill/job.h"
#include "src/filter_program.h"

namespace bulk {

// `keys`: names of the table's key attributes, for a module's error texts.
FilterCommand job_program(const BackfillJob& job, const std::vector<std::string>& keys);

}  // namespace bulk
