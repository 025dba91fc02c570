#include "codecs/sql_script.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/error.h"

namespace bulk {
namespace {

std::vector<std::string> texts(std::string_view script) {
  std::vector<std::string> all;
  for (const Statement& statement : split_sql(script)) all.emplace_back(statement.text);
  return all;
}

using Texts = std::vector<std::string>;

StatementKind kind(std::string_view statement) {
  const std::vector<Statement> all = split_sql(statement);
  EXPECT_EQ(all.size(), 1u) << statement;
  return all.at(0).kind;
}

std::string problem(std::string_view script) {
  try {
    split_sql(script);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    return error.what();
  }
  return "sound";
}

TEST(SqlScript, IsCutAtSemicolons) {
  EXPECT_EQ(texts("SELECT 1;\nSELECT 2 ;SELECT 3;"), (Texts{"SELECT 1;", "SELECT 2 ;", "SELECT 3;"}));
  EXPECT_EQ(texts(""), Texts{});
  EXPECT_EQ(texts(" \n;; ; -- nothing\n"), Texts{});
}

TEST(SqlScript, CommentsBeforeAStatementAreLeftOut) {
  EXPECT_EQ(texts("--\n-- Name: t; Type: TABLE\n--\n\n/* a; /* b; */ c; */ SELECT 1; -- end; of it"),
            Texts{"SELECT 1;"});
  EXPECT_EQ(texts("SELECT -- a;b\n1 /* ; /**/ ; */;"), Texts{"SELECT -- a;b\n1 /* ; /**/ ; */;"});
  EXPECT_EQ(texts("SELECT 1 --;\r;SELECT 2 - -1;"), (Texts{"SELECT 1 --;\r;", "SELECT 2 - -1;"}));
  EXPECT_EQ(texts("SELECT 1 */*;*/ 2;SELECT 3 /-- ;\n 4;"), (Texts{"SELECT 1 */*;*/ 2;", "SELECT 3 /-- ;\n 4;"}));
}

TEST(SqlScript, StringsAndQuotedNamesHoldSemicolons) {
  const Texts wanted = {R"(SELECT 'a;b''c;', "d;""e;";)", "SELECT 2;"};
  EXPECT_EQ(texts(R"(SELECT 'a;b''c;', "d;""e;"; SELECT 2;)"), wanted);
  EXPECT_EQ(texts("SELECT '\n--;\n/*';SELECT 2;"), (Texts{"SELECT '\n--;\n/*';", "SELECT 2;"}));
}

TEST(SqlScript, ABackslashEscapesInStringsWithAnEAlone) {
  EXPECT_EQ(texts(R"(SELECT 'a\';SELECT 2;)"), (Texts{R"(SELECT 'a\';)", "SELECT 2;"}));
  EXPECT_EQ(texts(R"(SELECT E'a\';b''\\', e'\';';SELECT 2;)"), (Texts{R"(SELECT E'a\';b''\\', e'\';';)", "SELECT 2;"}));
  // Here E is the end of a name.
  EXPECT_EQ(texts(R"(SELECT DATE'a\';SELECT U&'a\';)"), (Texts{R"(SELECT DATE'a\';)", R"(SELECT U&'a\';)"}));
  // A string with E goes on on the next line.
  EXPECT_EQ(texts("SELECT E'a' -- b\n 'c\\';d';SELECT 2;"), (Texts{"SELECT E'a' -- b\n 'c\\';d';", "SELECT 2;"}));
  EXPECT_EQ(texts("SELECT E'a', 'c\\';SELECT 2;"), (Texts{"SELECT E'a', 'c\\';", "SELECT 2;"}));
  EXPECT_EQ(texts("SELECT E'a' 'c\\';SELECT 2;"), (Texts{"SELECT E'a' 'c\\';", "SELECT 2;"}));
}

TEST(SqlScript, DollarQuotesHoldEverything) {
  EXPECT_EQ(texts("DO $$ BEGIN; '\"; END $$;SELECT 2;"), (Texts{"DO $$ BEGIN; '\"; END $$;", "SELECT 2;"}));
  EXPECT_EQ(texts("AS $_$ $$; $a$; $_ $_$;SELECT 2;"), (Texts{"AS $_$ $$; $a$; $_ $_$;", "SELECT 2;"}));
  EXPECT_EQ(texts("AS $ü1$;$ü1$;SELECT 2;"), (Texts{"AS $ü1$;$ü1$;", "SELECT 2;"}));
  // No quotes: a parameter, and dollars within a name.
  EXPECT_EQ(texts("SELECT $1;SELECT a$b$;SELECT 1;"), (Texts{"SELECT $1;", "SELECT a$b$;", "SELECT 1;"}));
}

TEST(SqlScript, BracketsHoldSemicolons) {
  const std::string rule =
      "CREATE RULE r AS ON INSERT TO public.v DO INSTEAD ( INSERT INTO a VALUES (1);\n DELETE FROM b; );";
  EXPECT_EQ(texts(rule + "SELECT 2;"), (Texts{rule, "SELECT 2;"}));
  EXPECT_EQ(texts("SELECT );SELECT (2);"), (Texts{"SELECT );", "SELECT (2);"}));
}

TEST(SqlScript, BodiesOfFunctionsHoldSemicolons) {
  const std::string function =
      "CREATE FUNCTION public.f(n integer) RETURNS integer LANGUAGE sql\n    BEGIN ATOMIC\n"
      "  SELECT CASE WHEN (n > 0) THEN 1 ELSE 2 END AS c;\n  SELECT t.begin FROM public.t;\n SELECT 'END';\nEND;";
  EXPECT_EQ(texts(function + "SELECT 2;"), (Texts{function, "SELECT 2;"}));
  const std::string procedure = "create or replace procedure p() begin /* x */ atomic insert into t values (1); end;";
  EXPECT_EQ(texts(procedure + "SELECT 2;"), (Texts{procedure, "SELECT 2;"}));
  // A function called begin; and what is none.
  const std::string named = "CREATE FUNCTION public.begin() RETURNS integer LANGUAGE sql AS $$SELECT 1;$$;";
  EXPECT_EQ(texts(named + "SELECT 2;"), (Texts{named, "SELECT 2;"}));
  EXPECT_EQ(texts("BEGIN;SELECT 2;END;"), (Texts{"BEGIN;", "SELECT 2;", "END;"}));
  EXPECT_EQ(texts("CREATE TABLE function (begin atomic);SELECT 2;"),
            (Texts{"CREATE TABLE function (begin atomic);", "SELECT 2;"}));
}

TEST(SqlScript, CommandsOfPsqlAreLeftOut) {
  EXPECT_EQ(texts("\\restrict abc\n\nSELECT 1;\n\\connect shop\nSELECT 2;\n\\unrestrict abc\n"),
            (Texts{"SELECT 1;", "SELECT 2;"}));
  EXPECT_EQ(texts("\\unrestrict abc"), Texts{});
}

TEST(SqlScript, WhatDoesNotEndIsRefused) {
  EXPECT_EQ(problem("SELECT 1;\nSELECT\n2"), "SQL script: a statement that does not end (line 2)");
  EXPECT_EQ(problem("SELECT 1;\n SELECT 'a;\n"), "SQL script: a string that does not end (line 2)");
  EXPECT_EQ(problem("SELECT E'a\\';"), "SQL script: a string that does not end (line 1)");
  EXPECT_EQ(problem("SELECT \"a;"), "SQL script: a name in quotes that does not end (line 1)");
  EXPECT_EQ(problem("\n\nDO $x$ a; $$;"), "SQL script: a string in $x$ that does not end (line 3)");
  EXPECT_EQ(problem("/* a /* b */ ;"), "SQL script: a comment that does not end (line 1)");
  EXPECT_EQ(problem("SELECT (1;"), "SQL script: a statement that does not end (line 1)");
  EXPECT_EQ(problem("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;"),
            "SQL script: a statement that does not end (line 1)");
  EXPECT_EQ(problem(std::string_view("SELECT 1;\nSELECT '\0';", 20)), "SQL script: a NUL character (line 2)");
}

TEST(SqlScript, OtherCommandsOfPsqlAreRefused) {
  EXPECT_EQ(problem("SELECT 1;\n\\! rm -r x\n"), "SQL script: psql's command '\\! rm -r x' is not known (line 2)");
  EXPECT_EQ(problem("COPY t FROM stdin;\n\\.\n"), "SQL script: psql's command '\\.' is not known (line 2)");
  EXPECT_EQ(problem("\\"), "SQL script: psql's command '\\' is not known (line 1)");
  EXPECT_EQ(problem("SELECT 1\n\\restrict x\n;"), "SQL script: a backslash in a statement (line 2)");
}

TEST(SqlScript, TellsTheKindsOfStatements) {
  for (const char* text : {"SET statement_timeout = 0;", "set default_tablespace = '';",
                           "SELECT pg_catalog.set_config('search_path', '', false);"}) {
    EXPECT_EQ(kind(text), StatementKind::setting) << text;
  }
  for (const char* text :
       {"CREATE INDEX i ON public.t USING btree (a);", "CREATE UNIQUE INDEX \"i;\" ON ONLY public.t USING btree (a);",
        "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);",
        "ALTER TABLE \"a.b\".\"T\"\"\" /* c */ ADD CONSTRAINT \"x y\" UNIQUE (a) INCLUDE (b);",
        "ALTER TABLE IF EXISTS ONLY public.t ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&);"}) {
    EXPECT_EQ(kind(text), StatementKind::parallel) << text;
  }
  for (const char* text : {"ALTER TABLE public.t OWNER TO shop;", "ALTER TABLE public.owner OWNER TO \"to\";",
                           "ALTER FUNCTION public.f(a integer, OUT b text) OWNER TO shop;",
                           "ALTER TEXT SEARCH CONFIGURATION public.c OWNER TO shop;",
                           "GRANT ALL ON TABLE public.t TO shop;", "REVOKE USAGE ON SCHEMA public FROM PUBLIC;",
                           "SET SESSION AUTHORIZATION 'shop';", "RESET SESSION AUTHORIZATION;",
                           "ALTER DEFAULT PRIVILEGES FOR ROLE shop IN SCHEMA public GRANT SELECT ON TABLES TO r;"}) {
    EXPECT_EQ(kind(text), StatementKind::ownership) << text;
  }
  for (const char* text :
       {"COMMENT ON TABLE public.t IS 'SET x; GRANT y';", "SECURITY LABEL FOR selinux ON TABLE public.t IS 'x';"}) {
    EXPECT_EQ(kind(text), StatementKind::comment) << text;
  }
  for (const char* text :
       {"CREATE TABLE public.t (id bigint);",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES b(c);",
        "ALTER TABLE public.t ADD CONSTRAINT c CHECK ((a > 0)) NOT VALID;",
        "ALTER TABLE public.t ADD CONSTRAINT c UNIQUE USING INDEX i;",
        "ALTER TABLE public.t ADD CONSTRAINT c PRIMARY KEY USING INDEX i;", "ALTER TABLE public.t CLUSTER ON i;",
        "ALTER INDEX public.i ATTACH PARTITION public.j;", "SELECT pg_catalog.setval('public.q', 1, true);",
        "ALTER SEQUENCE public.q OWNED BY public.t.id;", "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f();",
        "ALTER TABLE public.\"set\" ENABLE ROW LEVEL SECURITY;", "\"SET\" x;", "'GRANT';", "ALTER;"}) {
    EXPECT_EQ(kind(text), StatementKind::other) << text;
  }
}

TEST(SqlScript, TellsTheKindOfLongStatements) {
  std::string arguments = "a0 integer";
  for (int i = 1; i < 200; ++i) arguments += ", a" + std::to_string(i) + " integer";
  EXPECT_EQ(kind("ALTER FUNCTION public.f(" + arguments + ") OWNER TO shop;"), StatementKind::ownership);
  EXPECT_EQ(kind("CREATE FUNCTION public.f(" + arguments + ") RETURNS integer AS $$ALTER x OWNER TO y$$;"),
            StatementKind::other);
}

// In pg_dump's manner, with what it writes around the statements.
TEST(SqlScript, CutsADump) {
  const std::vector<Statement> all = split_sql(R"(--
-- PostgreSQL database dump
--

\restrict c0FFee

-- Dumped from database version 15.18

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

--
-- Name: total(bigint); Type: FUNCTION; Schema: public; Owner: shop
--

CREATE FUNCTION public.total(customer bigint) RETURNS numeric
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT COALESCE(sum(
         CASE
             WHEN orders.paid THEN orders.price
             ELSE (0)::numeric
         END), (0)::numeric) AS "coalesce"
    FROM public.orders
   WHERE (orders.customer = total.customer);
END;


ALTER FUNCTION public.total(customer bigint) OWNER TO shop;

CREATE VIEW public.odd AS
 SELECT E'a\\b;'::text AS "semi;colon",
    'it''s; -- no comment'::text AS b;

COMMENT ON VIEW public.odd IS 'it''s
two lines; really';

CREATE TABLE public."Order Lines" (
    id bigint NOT NULL,
    note text DEFAULT ';'::text,
    CONSTRAINT positive CHECK ((id > 0))
);

CREATE FUNCTION public.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
BEGIN
  IF NEW.note = '$$' THEN RETURN NULL; END IF;
  RETURN NEW;
END;
$_$;

GRANT SELECT ON TABLE public."Order Lines" TO reader;

--
-- Name: Order Lines lines_pkey; Type: CONSTRAINT
--

ALTER TABLE ONLY public."Order Lines"
    ADD CONSTRAINT lines_pkey PRIMARY KEY (id);
CREATE INDEX lines_note ON public."Order Lines" USING btree (lower(note)) WHERE (note <> ';'::text);
CREATE RULE keep AS
    ON DELETE TO public."Order Lines" DO INSTEAD ( INSERT INTO public.gone (id)
  VALUES (old.id);
 SELECT 1;
);

\unrestrict c0FFee

)");
  std::string shape;
  for (const Statement& statement : all) {
    shape += std::string(statement.text.substr(0, 15)) + "..." +
             std::string(statement.text.substr(statement.text.size() - 10)) + " " +
             std::to_string(static_cast<int>(statement.kind)) + "\n";
  }
  EXPECT_EQ(shape,
            "SET client_enco... = 'UTF8'; 0\n"
            "SET standard_co...ings = on; 0\n"
            "SELECT pg_catal...', false); 0\n"
            "CREATE FUNCTION...mer);\nEND; 4\n"
            "ALTER FUNCTION ...R TO shop; 2\n"
            "CREATE VIEW pub...text AS b; 4\n"
            "COMMENT ON VIEW...; really'; 3\n"
            "CREATE TABLE pu...d > 0))\n); 4\n"
            "CREATE FUNCTION...\nEND;\n$_$; 4\n"
            "GRANT SELECT ON...TO reader; 2\n"
            "ALTER TABLE ONL... KEY (id); 1\n"
            "CREATE INDEX li...;'::text); 1\n"
            "CREATE RULE kee...LECT 1;\n); 4\n");
}

}  // namespace
}  // namespace bulk
