// Pieces of SQL that a user wrote and that become part of a statement of ours: a condition (what may stand behind
// WHERE) and a SET list. They are cut into tokens as PostgreSQL does, so that none of them can end the statement around
// it by accident: a semicolon, a bracket too many, a string or comment that does not end. What they mean is for the
// server to judge. This is no defence against whoever writes them: they may do what the role may. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bulk {

// Throws Error(usage) that says what is wrong. A condition has to stand in brackets, on lines of its own: it may end in
// a comment.
void check_sql_condition(std::string_view text);

// One assignment of a SET list. `(a, b) = (x, y)` and `(a, b) = ROW (x, y)` have become two.
struct SqlAssignment {
  enum class Form {
    expression,  // value: what is assigned to the one column; has to stand in brackets, on lines of its own
    standard,    // DEFAULT
    element,     // a part of a column, `a[1] = x` or `a.b = x`; value as of an expression
    query,       // `(a, b) = (SELECT ...)`; value is the query without its brackets
  };
  Form form = Form::expression;
  std::vector<std::string> columns;  // as the catalogue has them: names without quotes are in lower case
  std::string part;                  // of an element: what stands behind the column's name
  std::string value;
  friend bool operator==(const SqlAssignment&, const SqlAssignment&) = default;
};

// Throws Error(usage) like check_sql_condition().
std::vector<SqlAssignment> parse_set_list(std::string_view text);

// The assignments as a SET list again.
std::string format_set_list(const std::vector<SqlAssignment>& assignments);

}  // namespace bulk
