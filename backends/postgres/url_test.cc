#include "backends/postgres/url.h"

#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

std::string refusal(const std::string& endpoint) {
  try {
    parse_postgres_url(endpoint);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.line();
  }
  return "no error";
}

// What it is shown and stored as; it has to mean the same.
std::string shown(const std::string& endpoint) {
  const PgUrl url = parse_postgres_url(endpoint);
  std::string text = format_postgres_url(url);
  const PgUrl again = parse_postgres_url(text);
  EXPECT_EQ(again.parameters, url.parameters) << text;
  EXPECT_EQ(again.table, url.table) << text;
  return text;
}

PgName table(const std::string& fragment) {
  return parse_postgres_url("postgresql://h/d#" + fragment).table.value();
}

TEST(PostgresUrl, IsToldByItsScheme) {
  EXPECT_TRUE(is_postgres_url("postgresql://h/d"));
  EXPECT_TRUE(is_postgres_url("postgres://"));
  EXPECT_FALSE(is_postgres_url("postgresql:h"));
  EXPECT_FALSE(is_postgres_url("mysql://h"));
}

TEST(PostgresUrl, LeavesItsParametersToLibpq) {
  const PgUrl url = parse_postgres_url("postgres://u%40x@h:5433/my%20db?sslmode=require&application_name=a%26b");
  EXPECT_EQ(url.parameters, (Parameters{{"user", "u@x"},
                                        {"dbname", "my db"},
                                        {"host", "h"},
                                        {"port", "5433"},
                                        {"application_name", "a&b"},
                                        {"sslmode", "require"}}));
  EXPECT_FALSE(url.table);
  EXPECT_EQ(parse_postgres_url("postgresql://").parameters, Parameters{});
}

TEST(PostgresUrl, IsShownAsAUrlThatMeansTheSame) {
  EXPECT_EQ(shown("postgres://u%40x@h:5433/my%20db?sslmode=require&application_name=a%26b"),
            "postgresql://u%40x@h:5433/my%20db?application_name=a%26b&sslmode=require");
  EXPECT_EQ(shown("postgresql://"), "postgresql://");
  EXPECT_EQ(shown("postgresql:///shop"), "postgresql:///shop");
  EXPECT_EQ(shown("postgresql://u@/shop"), "postgresql://u@/shop");
  EXPECT_EQ(shown("postgresql://:5433"), "postgresql://:5433");
  EXPECT_EQ(shown("postgresql://[::1]:5/d"), "postgresql://[::1]:5/d");
  EXPECT_EQ(shown("postgresql://[fe80::1%25eth0]/d"), "postgresql:///d?host=fe80%3A%3A1%25eth0");
  EXPECT_EQ(shown("postgresql://%2Fvar%2Frun/d"), "postgresql:///d?host=/var/run");
  EXPECT_EQ(shown("postgresql://a:1,b:2/d?target_session_attrs=standby"),
            "postgresql:///d?host=a%2Cb&port=1%2C2&target_session_attrs=standby");
  EXPECT_EQ(shown("postgresql://a,b:2"), "postgresql:///?host=a%2Cb&port=%2C2");
  EXPECT_EQ(shown("postgresql://?service=prod"), "postgresql:///?service=prod");
  EXPECT_EQ(shown("postgresql://h/?application_name="), "postgresql://h/?application_name=");
  EXPECT_EQ(shown("postgresql://h/d%2Fe#a b.c%23d"), "postgresql://h/d%2Fe#a%20b.c%23d");
}

TEST(PostgresUrl, NamesATableExactly) {
  EXPECT_EQ(table("orders"), (PgName{"", "orders"}));
  EXPECT_EQ(table("Shop.Orders"), (PgName{"Shop", "Orders"}));
  EXPECT_EQ(table("\"a.b\".\"c\"\"d\""), (PgName{"a.b", "c\"d"}));
  EXPECT_EQ(table("%22a.b%22.x%25y"), (PgName{"a.b", "x%y"}));
  EXPECT_EQ(table("Größe"), (PgName{"", "Größe"}));
  EXPECT_EQ(table("a#b"), (PgName{"", "a#b"}));
  EXPECT_EQ(table("a%0Ab"), (PgName{"", "a\nb"}));
}

TEST(PostgresUrl, SpellsAnyTableSoThatItIsReadBack) {
  for (const PgName& name : {PgName{"", "orders"}, PgName{"public", "Größe 1"}, PgName{"a.b", "c\"d"},
                             PgName{"\"", "."}, PgName{"#%", "\n\x7f"}, PgName{" ", "'\\"}}) {
    EXPECT_EQ(table(format_pg_fragment(name)), name) << format_pg_fragment(name);
  }
  EXPECT_EQ(format_pg_fragment({"public", "orders"}), "public.orders");
  EXPECT_EQ(format_pg_fragment({"a.b", "c\"d"}), "\"a.b\".\"c\"\"d\"");
  EXPECT_EQ(format_pg_fragment({"", "x\ny %#"}), "x%0Ay%20%25%23");
}

TEST(PostgresUrl, RefusesAPasswordWithoutShowingIt) {
  const std::string end =
      ", and everybody on this machine can read a command line; put the password into PGPASSWORD, ~/.pgpass or a "
      "service "
      "file";
  EXPECT_EQ(refusal("postgresql://u:hunter2@h/d"), "postgresql URL: it holds a password" + end);
  EXPECT_EQ(refusal("postgresql://h/d?password=hunter2#t"), "postgresql URL: it holds a password" + end);
  EXPECT_EQ(refusal("postgresql://h/d?sslpassword=hunter2"), "postgresql URL: it holds a sslpassword" + end);
}

TEST(PostgresUrl, NeverQuotesWhatMayBeAPassword) {
  const std::string end =
      "; the form is postgresql://[user@][host][:port][/database][?parameter=value][#[schema.]table]";
  EXPECT_EQ(refusal("postgresql://u:hunter2/d"), "postgresql URL: the port is no number" + end);
  EXPECT_EQ(refusal("postgresql://u:hunter2%ZZ@h/d"), "postgresql URL: invalid percent-encoded token" + end);
  EXPECT_EQ(refusal("postgresql://u:hunter2@[::1/d"),
            "postgresql URL: end of string reached when looking for matching \"]\" in IPv6 host address in URI" + end);
  EXPECT_EQ(refusal("postgresql://h/d?hunter2"),
            "postgresql URL: missing key/value separator \"=\" in URI query parameter" + end);
  EXPECT_EQ(refusal("postgresql://h/d?colour=hunter2"),
            "postgresql URL: invalid URI query parameter: \"colour\"" + end);
  EXPECT_EQ(refusal("postgresql://h/d%00"), "postgresql URL: forbidden value %00 in percent-encoded value" + end);
  EXPECT_EQ(refusal("postgresql://h/%ff"), "postgresql URL: 'dbname' is no UTF-8 text" + end);
  EXPECT_EQ(refusal("mysql://u:hunter2@h"), "postgresql URL: not a postgresql URL" + end);
}

TEST(PostgresUrl, RefusesWhatNamesNoTable) {
  const auto of_fragment = [](const std::string& fragment) {
    const std::string line = refusal("postgresql://h/d#" + fragment);
    const std::string end =
        "; the form is #table or #schema.table; a name with a dot or a double quote stands in double quotes, \"\" for "
        "a "
        "quote, %XX for a byte";
    EXPECT_TRUE(line.ends_with(end)) << line;
    return line.substr(0, line.find(';'));
  };
  for (const char* fragment : {"", ".", ".x", "x.", "\"\"", "x.\"\""}) {
    EXPECT_EQ(of_fragment(fragment), "postgresql URL: no table is named behind '#'");
  }
  for (const char* fragment : {"a.b.c", "\"a\"b", "a.\"b\"c", "\"a\".b."}) {
    EXPECT_EQ(of_fragment(fragment), "postgresql URL: more than a schema and a table stand behind '#'");
  }
  EXPECT_EQ(of_fragment("\"a"), "postgresql URL: a double quote behind '#' is not closed");
  EXPECT_EQ(of_fragment("a\"b"), "postgresql URL: a double quote inside a name behind '#'");
  EXPECT_EQ(of_fragment("50%"), "postgresql URL: '%' without two hex digits behind '#'");
  for (const char* fragment : {"%00", "%ff"}) {
    EXPECT_EQ(of_fragment(fragment), "postgresql URL: what stands behind '#' is no UTF-8 text");
  }
}

TEST(PostgresUrl, NeverShowsASecretThatWasPutIn) {
  EXPECT_EQ(format_postgres_url({{{"host", "h"}, {"password", "x"}, {"sslpassword", "x"}}, {}}), "postgresql://h");
}

TEST(PostgresNames, AreQuotedForSql) {
  EXPECT_EQ(pg_identifier("orders"), "\"orders\"");
  EXPECT_EQ(pg_identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(pg_identifier(PgName{"a.b", "C d"}), "\"a.b\".\"C d\"");
  EXPECT_EQ(pg_identifier(PgName{"", "t"}), "\"t\"");
  EXPECT_EQ(pg_literal("it's \\"), "'it''s \\'");
}

}  // namespace
}  // namespace bulk
