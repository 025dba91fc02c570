// The statements of jobs whose rows go to a program and come back.
#include "backends/postgres/row_sql.h"

namespace bulk {

std::string RowSql::answers() const {
  return pg_identifier(target_.prefix + "answers");
}

std::string RowSql::make_answers_table() const {
  std::string columns;
  for (std::size_t i = 0; i < target_.key.size(); ++i) {
    columns += target_.column(target_.key[i]) + " AS " + own("k", i) + ", ";
  }
  for (std::size_t i = 0; i < target_.line.size(); ++i) {
    columns += (i == 0 ? "" : ", ") + target_.column(target_.line[i]) + " AS " + own("c", i);
  }
  return "CREATE TEMPORARY TABLE " + answers() + " ON COMMIT DELETE ROWS AS SELECT " + columns + " FROM " +
         target_.relation() + " WITH NO DATA";
}

std::string RowSql::line_columns() const {
  std::string columns = keys();
  for (const std::size_t column : target_.line) columns += ", " + target_.column(column);
  return columns;
}

std::string RowSql::lines_of_batch(const RowKey& after, const RowKey& last, bool still_meant) const {
  return "SELECT " + line_columns() + " FROM " + target_.relation() + ", " + batch() + " WHERE " + join(batch()) +
         " AND " + range(after, last) + (still_meant ? " AND " + chosen() : "") + " ORDER BY " + keys();
}

std::string RowSql::lines_of_range(const RowKey& after, const RowKey& last) const {
  return "SELECT " + line_columns() + " FROM " + target_.relation() + " WHERE " + range(after, last) + " AND " +
         chosen() + " ORDER BY " + keys();
}

std::string RowSql::row_at(const RowKey& key) const {
  std::string equal;
  for (std::size_t i = 0; i < target_.key.size(); ++i) {
    equal += (i == 0 ? "" : " AND ") + target_.column(target_.key[i]) + " = " + pg_literal(key[i]) +
             "::" + target_.columns[target_.key[i]].type;
  }
  return "SELECT " + line_columns() + " FROM " + target_.relation() + " WHERE " + equal;
}

std::string RowSql::clear_answers() const {
  return "DELETE FROM " + answers();
}

std::string RowSql::copy_answers() const {
  return "COPY pg_temp." + answers() + " FROM STDIN";
}

// Numbers by value: a program may spell one differently. Everything else by its text, which every type has.
std::string RowSql::answer_differs(std::size_t position) const {
  const std::size_t column = target_.line[position];
  const std::string as = target_.columns[column].kind == RowKind::number ? "" : "::text";
  return target_.column(column) + as + " IS DISTINCT FROM " + answers() + "." + own("c", position) + as;
}

std::string RowSql::any_answer_differs(const std::vector<std::size_t>& positions) const {
  std::string any;
  for (const std::size_t position : positions) any += (any.empty() ? "(" : " OR ") + answer_differs(position);
  return any.empty() ? "false" : any + ")";
}

std::string RowSql::compare_answers(const RowKey& after, const RowKey& last) const {
  std::string columns;
  for (std::size_t i = 0; i < target_.line.size(); ++i)
    columns += ", coalesce(bool_or(" + answer_differs(i) + "), false)";
  return "SELECT count(*)" + columns + " FROM " + target_.relation() + ", " + answers() + " WHERE " + join(answers()) +
         " AND " + range(after, last);
}

std::string RowSql::answered_differences(const RowKey& after, const RowKey& last,
                                         const std::vector<std::size_t>& positions) const {
  std::string columns = own_keys(answers());
  for (const std::size_t i : positions) {
    columns += ", " + target_.column(target_.line[i]) + ", " + answers() + "." + own("c", i) + ", " + answer_differs(i);
  }
  return "SELECT " + columns + " FROM " + target_.relation() + ", " + answers() + " WHERE " + join(answers()) +
         " AND " + range(after, last) + " AND " + any_answer_differs(positions) + " ORDER BY " + keys();
}

std::string RowSql::update_by_answers(const PgName& undo, const RowKey& after, const RowKey& last,
                                      const std::vector<std::size_t>& positions) const {
  const std::string was_alias = pg_identifier(target_.prefix + "was");
  std::string was = own_keys(answers());
  std::string set, returned = own_keys(was_alias), values = own_keys("changed"), names;
  std::vector<std::size_t> columns;
  for (const std::size_t i : positions) {
    const std::size_t column = target_.line[i];
    columns.push_back(column);
    was += ", " + target_.column(column) + " AS " + own("b", i) + ", " + answers() + "." + own("c", i) + ", " +
           answer_differs(i) + " AS " + own("d", i);
    set += (set.empty() ? "" : ", ") + pg_identifier(target_.columns[column].name) + " = CASE WHEN " + was_alias + "." +
           own("d", i) + " THEN " + was_alias + "." + own("c", i) + " ELSE " + target_.column(column) + " END";
    returned += ", " + was_alias + "." + own("b", i) + ", " + was_alias + "." + own("d", i) + ", " +
                target_.column(column) + " AS " + own("a", i);
    values += ", CASE WHEN " + own("d", i) + " THEN " + own("b", i) + " END, CASE WHEN " + own("d", i) + " THEN " +
              own("a", i) + " END";
    names += (names.empty() ? "" : ", ") + std::string("CASE WHEN ") + own("d", i) + " THEN " +
             pg_literal(target_.columns[column].name) + " END";
  }
  return "WITH " + was_alias + " AS (SELECT " + was + " FROM " + target_.relation() + ", " + answers() + " WHERE " +
         join(answers()) + " AND " + range(after, last) + " AND " + any_answer_differs(positions) +
         "), changed AS (UPDATE " + target_.relation() + " SET " + set + " FROM " + was_alias + " WHERE " +
         join(was_alias) + " AND " + range(after, last) + " RETURNING " + returned + ") " +
         insert_undo(undo, columns,
                     "SELECT " + values + ", array_remove(ARRAY[" + names + "]::text[], NULL) FROM changed");
}

}  // namespace bulk
