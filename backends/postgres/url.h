// The endpoint of a database or of one of its tables (docs/postgresql.md, "Endpoints"). What libpq understands is
// left to libpq: the text before '#' is parsed by PQconninfoParse(). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace bulk {

struct PgName {
  std::string schema;  // empty: not said
  std::string name;
  friend bool operator==(const PgName&, const PgName&) = default;
  friend bool operator<(const PgName& a, const PgName& b) {
    return std::tie(a.schema, a.name) < std::tie(b.schema, b.name);
  }
  std::string full() const { return schema.empty() ? name : schema + "." + name; }  // for people
};

struct PgUrl {
  std::vector<std::pair<std::string, std::string>> parameters;  // libpq's keywords and values, as the URL gives them
  std::optional<PgName> table;
};

bool is_postgres_url(std::string_view endpoint);  // postgresql:// or postgres://

// Throws Error(usage): what libpq does not understand, a password, an empty table name.
PgUrl parse_postgres_url(std::string_view endpoint);
// As a URL that parses to the same; without secrets.
std::string format_postgres_url(const PgUrl& url);
// What stands behind '#': `public.orders`, with double quotes where a name holds a dot or a quote.
std::string format_pg_fragment(const PgName& table);

// For SQL: "na""me", 'te''xt' (standard_conforming_strings is on).
std::string pg_identifier(std::string_view name);
std::string pg_identifier(const PgName& name);
std::string pg_literal(std::string_view text);

}  // namespace bulk
