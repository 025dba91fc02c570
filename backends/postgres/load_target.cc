#include "backends/postgres/load_target.h"

#include <algorithm>
#include <set>

#include "backends/postgres/constraint_check.h"
#include "backends/postgres/post_load.h"
#include "backends/postgres/target_table.h"
#include "codecs/sql_script.h"
#include "io/error.h"

namespace bulk {
namespace {

const char* kind_in_words(char kind) {
  return kind == 'v' ? "a view" : kind == 'm' ? "a materialized view" : kind == 'f' ? "a foreign table" : "no table";
}

void compare_columns(const TargetTable& here, const RowTable& wanted, std::vector<std::string>& differing) {
  const std::string table = here.name.full() + ": ";
  for (const RowColumn& column : wanted.columns) {
    const TargetColumn* const found = here.column(column.name);
    const std::string name = "column '" + column.name + "' ";
    if (found == nullptr) {
      differing.push_back(table + name + "of the dump is not there");
    } else if (found->generated) {
      differing.push_back(table + name + "is generated here and holds values of its own in the dump");
    } else if (found->type != column.type) {
      differing.push_back(table + name + "is " + found->type + " here and " + column.type + " in the dump");
    }
  }
  for (const TargetColumn& column : here.columns) {
    const bool known = std::any_of(wanted.columns.begin(), wanted.columns.end(),
                                   [&](const RowColumn& other) { return other.name == column.name; });
    if (!known && !column.generated) differing.push_back(table + "column '" + column.name + "' is not in the dump");
  }
}

// Schemas that are there, as the statements that would make them. pg_dump writes CREATE SCHEMA public where it was told
// to dump that schema.
std::set<std::string> schemas_there(PgConnection& connection) {
  const PgResult names =
      connection.run("SELECT pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_namespace", "look at the schemas");
  std::set<std::string> statements;
  for (std::size_t i = 0; i < names.rows(); ++i) {
    statements.insert("CREATE SCHEMA " + std::string(names.text(i, 0)) + ";");
  }
  return statements;
}

// An extension's comment comes with the extension, and may only be set by whoever has installed it; a setting may be of
// a newer server than this one.
const char* passed_over(const Statement& statement) {
  if (statement.kind == StatementKind::setting) return "42704";
  return statement.kind == StatementKind::comment && statement.text.starts_with("COMMENT ON EXTENSION ") ? "42501"
                                                                                                         : nullptr;
}

// Whether that is all there is to it.
bool try_statement(PgConnection& connection, const std::string& text, const char* state) {
  const std::string doing = "run the schema";
  PgResult ignored;
  connection.run("SAVEPOINT bulk", doing);
  const auto failure = connection.try_run(text, ignored);
  connection.run(failure ? "ROLLBACK TO SAVEPOINT bulk; RELEASE SAVEPOINT bulk" : "RELEASE SAVEPOINT bulk", doing);
  return !failure || failure->sqlstate == state;
}

void run_statement(PgConnection& connection, const Statement& statement) {
  const std::string text(statement.text);
  const char* const state = passed_over(statement);
  if (state != nullptr && try_statement(connection, text, state)) return;
  try {
    connection.run(text, "run " + statement_in_brief(text), PgConnection::kUnlimited);
  } catch (const Error& error) {
    if (statement.kind == StatementKind::ownership) {
      throw error.with_next_action("--no-owner leaves owners and privileges out");
    }
    if (error.kind() != ErrorKind::remote) throw;
    throw error.with_next_action("where it is out of shared memory, raise max_locks_per_transaction on the server");
  }
}

std::vector<TargetTable> loaded_tables(PgConnection& connection, const std::vector<PgName>& targets) {
  std::vector<TargetTable> tables;
  for (std::optional<TargetTable>& table : look_at_targets(connection, targets)) {
    if (table && table->takes_rows()) tables.push_back(std::move(*table));
  }
  return tables;
}

void name_triggers(PgConnection& connection, const std::vector<TargetTable>& tables,
                   std::vector<std::string>& phrases) {
  const PgResult fired = connection.run(
      "SELECT DISTINCT tgrelid::regclass::text FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
      " AND tgenabled <> 'R' AND (tgtype & 4) <> 0 AND tgrelid IN (" +
          oid_list(tables) + ") ORDER BY 1",
      "look at the triggers");
  for (std::size_t i = 0; i < fired.rows(); ++i) {
    phrases.push_back("triggers of " + std::string(fired.text(i, 0)) +
                      " fired during the load: the role may not set session_replication_role");
  }
}

// Sequences under their own names; of a table that was loaded under another one its own, when it is clear which.
void set_sequences(PgConnection& connection, const RowSchema& schema, const std::vector<TargetTable>& tables,
                   std::vector<std::string>& phrases) {
  const bool renamed =
      schema.tables.size() == 1 && tables.size() == 1 &&
      (tables[0].name.schema != schema.tables[0].schema || tables[0].name.name != schema.tables[0].name);
  for (const RowSequence& sequence : schema.sequences) {
    const std::string name = PgName{sequence.schema, sequence.name}.full();
    std::string which = "c.relname = " + pg_literal(sequence.name) + " AND n.nspname = " + pg_literal(sequence.schema);
    if (renamed) {
      which =
          "EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass"
          " AND d.objid = c.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0"
          " AND d.deptype IN ('a', 'i') AND d.refobjid = " +
          std::to_string(tables[0].oid) + ")";
    }
    const PgResult found = connection.run(
        "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'S' AND " +
            which,
        "look for sequence " + name);
    if (found.rows() != 1 || (renamed && schema.sequences.size() != 1)) {
      phrases.push_back("sequence " + name + " of the dump is not set: " +
                        (renamed ? "it is not clear which one of " + tables[0].name.full() + " it is"
                                 : "there is none of that name here"));
      continue;
    }
    connection.run("SELECT pg_catalog.setval(" + std::string(found.text(0, 0)) + "::oid::regclass, " +
                       pg_literal(sequence.value) + "::bigint, " + (sequence.called ? "true" : "false") + ")",
                   "set sequence " + name);
  }
}

}  // namespace

std::vector<PgName> target_tables(const RowSchema& schema, const PgUrl& url) {
  std::vector<PgName> targets;
  if (url.table && schema.tables.size() == 1) return {*url.table};
  if (url.table) {
    throw Error(ErrorKind::usage,
                std::to_string(schema.tables.size()) + " tables cannot be loaded into one, " + url.table->full(),
                "name the database without a table, or take one table with --table");
  }
  for (const RowTable& table : schema.tables) targets.push_back({table.schema, table.name});
  return targets;
}

RowStore::Match match_tables(PgConnection& connection, const RowSchema& wanted, const std::vector<PgName>& targets) {
  RowStore::Match match;
  const std::vector<std::optional<TargetTable>> tables = look_at_targets(connection, targets);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (!tables[i]) {
      match.missing.push_back(targets[i].full());
      continue;
    }
    const TargetTable& table = *tables[i];
    if (!table.takes_rows()) {
      match.differing.push_back(table.name.full() + " is " + kind_in_words(table.kind) + " here");
      continue;
    }
    compare_columns(table, wanted.tables.at(i), match.differing);
    if (holds_rows(connection, table)) match.holding_rows.push_back(table.name.full());
  }
  return match;
}

// All of it or nothing, so that a run that was cut short leaves no schema that is half there.
void create_tables(PgConnection& connection, const RowSchema& schema, bool owners) {
  const std::vector<Statement> statements = split_sql(schema.pre_data);
  const std::set<std::string> there = schemas_there(connection);
  connection.run("BEGIN", "run the schema");
  try {
    for (const Statement& statement : statements) {
      if (statement.kind == StatementKind::ownership && !owners) continue;
      if (there.contains(std::string(statement.text))) continue;
      run_statement(connection, statement);
    }
    connection.run("COMMIT", "run the schema", PgConnection::kUnlimited);
  } catch (const Error&) {
    PgResult ignored;
    connection.try_run("ROLLBACK", ignored);
    throw;
  }
}

std::vector<std::string> finish_tables(const PgLoadTarget& target, const RowSchema& schema,
                                       const std::vector<PgName>& targets, bool created, bool owners, unsigned jobs) {
  PgConnection connection(target.url, target.what, target.stop);
  const std::vector<TargetTable> tables = loaded_tables(connection, targets);
  std::vector<std::string> phrases;
  if (!created && can_switch_triggers_off(connection, target.what)) {
    check_constraints(connection, target.what, tables);
  } else if (!created) {
    name_triggers(connection, tables, phrases);
  }
  set_sequences(connection, schema, tables, phrases);
  if (created) {
    for (std::string& phrase : run_post_data(target, connection, schema.post_data, owners, jobs)) {
      phrases.push_back(std::move(phrase));
    }
    for (const auto& [in_schema, name] : schema.materialized_views) {
      connection.run("REFRESH MATERIALIZED VIEW " + pg_identifier(PgName{in_schema, name}),
                     "refresh materialized view " + PgName{in_schema, name}.full(), PgConnection::kUnlimited);
    }
  }
  std::vector<std::string> statistics;
  for (const TargetTable& table : tables) statistics.push_back("ANALYZE " + pg_identifier(table.name));
  run_at_once(target, connection, statistics, jobs);
  return phrases;
}

}  // namespace bulk
