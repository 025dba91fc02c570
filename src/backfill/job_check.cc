#include "src/backfill/job_check.h"

#include <fmt/format.h>

#include <set>

#include "codecs/sql_fragment.h"
#include "io/error.h"

namespace bulk {
namespace {

[[noreturn]] void fail(const BackfillJob& job, const std::string& what, const std::string& next) {
  throw Error(ErrorKind::usage, fmt::format("{}: {}", job.path, what), next);
}

}  // namespace

void check_job_sql(const BackfillJob& job) {
  const auto for_items = [&](bool given, const char* member, const char* next) {
    if (given) fail(job, fmt::format("{} is for tables of items, and this one holds rows", member), next);
  };
  for_items(!job.placeholders.names.empty(), "[names]", "write columns in double quotes where they need it");
  for_items(!job.placeholders.values.empty(), "[values]", "write values into the SQL");
  for_items(!job.marker.empty(), "marker",
            "use a column: update = \"..., migrated_by = 'this job'\", and a `when` on it");
  for_items(job.depends.has_value(), "depends", "leave it out: rows are locked while they are changed");
  try {
    if (!job.when.empty()) check_sql_condition(job.when);
  } catch (const Error& error) {
    throw error.in(job.path + ": when");
  }
  try {
    if (!job.update.empty()) parse_set_list(job.update);
  } catch (const Error& error) {
    throw error.in(job.path + ": update");
  }
}

void check_job_expressions(const BackfillJob& job) {
  std::set<std::string> used;
  try {
    if (!job.when.empty()) used.merge(std::set(Condition::parse(job.when, job.placeholders).placeholders()));
  } catch (const Error& error) {
    throw error.in(job.path + ": when");
  }
  try {
    if (!job.update.empty()) used.merge(std::set(Update::parse(job.update, job.placeholders).placeholders()));
  } catch (const Error& error) {
    throw error.in(job.path + ": update");
  }
  const auto unused = [&](const std::map<std::string, std::string>& defined) {
    for (const auto& [name, value] : defined) {
      if (!used.contains(name)) fail(job, name + " is defined and not used", "remove it, or correct the expression");
    }
  };
  unused(job.placeholders.names);
  unused(job.placeholders.values);
}

}  // namespace bulk
