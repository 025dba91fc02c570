#include "src/backfill/job_program.h"

#include "src/filter_helper.h"

namespace bulk {

FilterCommand job_program(const BackfillJob& job, const std::vector<std::string>& keys) {
  if (!job.module.empty()) return module_command(job.module, job.directory, ModuleMode::transform, keys);
  FilterCommand command;
  command.arguments = job.filter;
  command.directory = job.directory;
  command.name = "filter";
  for (const std::string& argument : job.filter) command.name += " " + argument;
  return command;
}

}  // namespace bulk
