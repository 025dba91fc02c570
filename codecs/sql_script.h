// A script of SQL as pg_dump writes it, cut into statements: at semicolons that stand outside of strings, quoted names,
// dollar quotes, comments, brackets and the bodies of SQL-standard functions (BEGIN ATOMIC ... END). So that statements
// can be run on several connections and some be left out. Pure.
#pragma once

#include <string_view>
#include <vector>

namespace bulk {

enum class StatementKind {
  setting,    // SET ..., SELECT pg_catalog.set_config(...): for every connection that runs a part of the script
  parallel,   // CREATE [UNIQUE] INDEX, ALTER TABLE ... ADD CONSTRAINT ... PRIMARY KEY, UNIQUE or EXCLUDE: neighbours of
              // this kind do not depend on each other
  ownership,  // ALTER ... OWNER TO, GRANT, REVOKE, ALTER DEFAULT PRIVILEGES, SET SESSION AUTHORIZATION
  comment,    // COMMENT ON, SECURITY LABEL: may be run after everything else
  other,      // in its place
};

struct Statement {
  std::string_view text;  // into the script: without white space and comments before it, with its semicolon
  StatementKind kind = StatementKind::other;
};

// Lines that are psql's own commands (\restrict, \unrestrict, \connect) are no statements and are left out.
// Throws Error(corrupt) "SQL script: ... (line 7)" when something is not ended, and for any other command of psql.
std::vector<Statement> split_sql(std::string_view script);

}  // namespace bulk
