// A backfill's job file (docs/backfill.md, "A job file"): read, checked as far as it can be without a table, and its
// checksum. Values after reading; no threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/expression.h"

namespace bulk {

struct JobStep {
  enum class Kind { rename, copy, set, remove };
  Kind kind;
  std::string name;   // what is renamed, copied, set or removed
  std::string to;     // rename, copy
  std::string value;  // set: DynamoDB JSON; of rows PostgreSQL's text
};

struct BackfillJob {
  std::string path;       // of the file, for error texts
  std::string directory;  // its folder: where programs run, what `module` is relative to
  std::string name, description, table;
  std::string text;      // the file's
  std::string checksum;  // SHA-256 in hex: of the file, and of the module or those of the program's arguments that are
                         // files in its folder
  std::string when;      // empty: all records
  // Exactly one of these four is not empty.
  std::string update;
  std::vector<JobStep> steps;
  std::vector<std::string> filter;
  std::string module;  // absolute path
  std::string marker;
  // Of a program: what its result hangs on; nothing: on every attribute.
  std::optional<std::vector<std::string>> depends;
  Placeholders placeholders;

  bool is_program() const { return !filter.empty() || !module.empty(); }
};

// whole: of a table of items. rows: of a table of rows, with SQL instead of DynamoDB's expressions. name_alone: only
// name and table are looked at, and nothing else of the file or beside it needs to be right.
enum class JobUse { whole, rows, name_alone };

// Throws Error(usage) "PATH, line N: ...", Error(not_found) when there is no such file.
BackfillJob read_job(const std::string& path, JobUse use = JobUse::whole);
// The same from text; for read_job and tests. The checksum is that of the text alone.
BackfillJob parse_job(std::string_view text, const std::string& path, const std::string& directory,
                      JobUse use = JobUse::whole);

// A commented job file to begin with. Error(usage) when `name` cannot be a job's.
std::string new_job_text(const std::string& name);

}  // namespace bulk
