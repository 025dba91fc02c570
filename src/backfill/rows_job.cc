// From a job file to what it means for a table of rows.
#include <map>

#include "codecs/sql_fragment.h"
#include "io/error.h"
#include "src/backfill/rows.h"

namespace bulk {
namespace {

// Each column's value after the steps so far, in terms of what stood in the row.
class Steps {
 public:
  explicit Steps(const RowTarget& table) : table_(table) {}

  void add(const JobStep& step) {
    switch (step.kind) {
      case JobStep::Kind::set:
        values_[step.name] = "CAST(" + pg_literal(step.value) + " AS " + column(step.name).plain + ")";
        return;
      case JobStep::Kind::remove:
        column(step.name);
        values_[step.name] = "NULL";
        return;
      case JobStep::Kind::copy:
      case JobStep::Kind::rename:
        // A value of the other column's type; one that is too long for it is refused and not cut.
        const std::string moved = "CAST(" + value(step.name) + " AS " + column(step.to).plain + ")";
        values_[step.to] = "COALESCE(" + moved + ", " + value(step.to) + ")";
        if (step.kind == JobStep::Kind::rename) values_[step.name] = "NULL";
    }
  }

  std::vector<SqlAssignment> assignments() const {
    std::vector<SqlAssignment> all;
    for (const auto& [name, value] : values_) all.push_back({SqlAssignment::Form::expression, {name}, {}, value});
    return all;
  }

 private:
  const RowTargetColumn& column(const std::string& name) const {
    const std::optional<std::size_t> found = table_.find(name);
    if (!found) {
      throw Error(ErrorKind::usage, table_.name.full() + " has no column \"" + name + "\"",
                  "names are taken as they are spelled");
    }
    return table_.columns[*found];
  }
  std::string value(const std::string& name) const {
    const auto found = values_.find(name);
    return found != values_.end() ? found->second : pg_identifier(column(name).name);
  }

  const RowTarget& table_;
  std::map<std::string, std::string> values_;
};

}  // namespace

RowJob make_row_job(const BackfillJob& job, const RowTarget& table, const std::string& where) {
  RowJob made;
  made.name = job.name;
  made.when = job.when;
  made.where = where;
  if (!job.update.empty()) made.assignments = parse_set_list(job.update);
  if (!job.steps.empty()) {
    Steps steps(table);
    for (const JobStep& step : job.steps) steps.add(step);
    made.assignments = steps.assignments();
  }
  return made;
}

RowProgram RowsJob::asked() const {
  if (!program) return {};
  return [asked = program.get()](std::span<const std::string> lines) { return asked->ask(lines); };
}

RowsJob open_rows_session(AppContext& context, BackfillTarget& target) {
  const Options& options = context.options;
  if (options.write_put) {
    throw Error(ErrorKind::usage, "--write put is for tables of items, and this one holds rows",
                "leave it out: rows are locked while they are changed");
  }
  if (options.max_rcu > 0 || options.max_wcu > 0 || options.capacity_percent) {
    context.warn("--max-rcu, --max-wcu and --capacity-percent mean nothing for rows");
  }
  RowsJob rows;
  PgUrl url = parse_postgres_url(target.store->url());
  rows.session =
      std::make_unique<RowSession>(url, target.store->url(), context.stores.retry, context.stats, context.stop);
  url.table = rows.session->target().name;
  context.summary.source = context.summary.target = format_postgres_url(url);
  context.summary.table = rows.session->target().name.full();
  return rows;
}

RowsJob open_rows(AppContext& context, BackfillTarget& target) {
  RowsJob rows = open_rows_session(context, target);
  const RowTarget& table = rows.session->target();
  const std::string& where = context.options.where;
  if (!where.empty()) {
    try {
      check_sql_condition(where);
    } catch (const Error& error) {
      throw error.in("--where");
    }
  }
  try {
    rows.sql = std::make_unique<RowSql>(table, make_row_job(target.job, table, where));
    check_row_job(*rows.session, *rows.sql);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    throw error.in(target.job.path);
  }
  if (!target.job.is_program()) return rows;
  std::vector<RowColumn> columns;
  for (const std::size_t column : table.line) {
    columns.push_back({table.columns[column].name, table.columns[column].type, table.columns[column].kind});
  }
  std::vector<std::string> keys;
  for (const std::size_t key : table.key) keys.push_back(table.columns[key].name);
  rows.program = std::make_unique<RowsProgram>(target.job, std::move(columns), keys, context.stop);
  return rows;
}

}  // namespace bulk
