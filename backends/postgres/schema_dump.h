// pg_dump, run beside us for the SQL that makes a database's tables: found, started without a shell, its password in
// the environment and never among its arguments, its output bounded, ended with us.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "backends/postgres/connection.h"
#include "io/aws_config.h"

namespace bulk {

struct PgDumpProgram {
  std::string path;
  int major = 0;
};

// All that are installed: PATH, /usr/lib/postgresql/*/bin.
std::vector<PgDumpProgram> find_pg_dump(const Environment& environment);
// The oldest that is not older than the server. Error(usage) "the server is PostgreSQL 17 and the newest pg_dump here
// is 15" with the package to install.
PgDumpProgram choose_pg_dump(const std::vector<PgDumpProgram>& programs, int server_version);

struct PgSchemaSql {
  std::string pre_data, post_data;
};
// `tables` empty: the whole database (without the schema bulk_load). Within the exported snapshot.
PgSchemaSql dump_schema(const PgDumpProgram& program, const PgUrl& url, const std::string& snapshot,
                        const std::vector<PgName>& tables, const Stop& stop);

}  // namespace bulk
