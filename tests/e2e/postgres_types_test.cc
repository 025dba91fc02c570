// A database with every built-in type and every oddity of names, backed up and restored by the program, and compared by
// the server itself: EXCEPT ALL both ways on the text of whole rows. The dump's own text is looked at where
// docs/format.md, "Rows", says what stands there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/e2e/expect.h"
#include "tests/e2e/postgres_place.h"

namespace bulk::test {
namespace {

// One column for each type that a column can have; the second row is all NULL, the third holds edges.
constexpr const char* kTypes = R"sql(
CREATE TYPE colour AS ENUM ('red', 'light green', 'bl''ue"');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE DOMAIN positive AS numeric(20,3) CHECK (VALUE > 0);
CREATE DOMAIN flag AS boolean;
CREATE DOMAIN document AS jsonb;
CREATE TABLE every_type (
  id int PRIMARY KEY,
  c_smallint smallint, c_bigint bigint, c_numeric numeric, c_fixed numeric(30,10), c_real real, c_double double precision,
  c_money money, c_boolean boolean, c_text text, c_varchar varchar(20), c_char char(7), c_onechar "char", c_name name,
  c_bytea bytea, c_timestamp timestamp, c_timestamptz timestamptz(3), c_date date, c_time time, c_timetz timetz,
  c_interval interval, c_uuid uuid, c_json json, c_jsonb jsonb, c_xml xml, c_inet inet, c_cidr cidr, c_macaddr macaddr,
  c_macaddr8 macaddr8, c_bit bit(5), c_varbit varbit, c_point point, c_line line, c_lseg lseg, c_box box, c_path path,
  c_polygon polygon, c_circle circle, c_tsvector tsvector, c_tsquery tsquery, c_oid oid, c_regclass regclass,
  c_regtype regtype, c_pglsn pg_lsn, c_xid8 xid8, c_snapshot pg_snapshot, c_jsonpath jsonpath, c_tid tid,
  c_int4range int4range, c_numrange numrange, c_tstzrange tstzrange, c_daterange daterange, c_multirange int8multirange,
  c_enum colour, c_composite pair, c_range span, c_domain positive, c_flag flag, c_document document,
  c_ints int[], c_texts text[][], c_composites pair[], c_jsonbs jsonb[], c_bounds int[]);
INSERT INTO every_type (id) VALUES (2);
INSERT INTO every_type VALUES (1, -32768, 9223372036854775807, 12.3450, 1.5, 1.1, 0.1, 1234.56, true, E'a\tb\nc\\d"e', 'x',
  'ab', 'q', 'a name', '\x00ff10', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56.789+05', '2020-02-29', '23:59:60',
  '12:00:00+05:30', '1 year 2 mons -3 days 04:05:06.7', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b": 1,  "a":2, "b":3}',
  '{"b": 1, "a": [null, true, "x\ty"], "n": 1.50}', '<a>b</a>', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03',
  '08:00:2b:01:02:03:04:05', '10101', '1', '(1,2)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]',
  '((0,0),(1,1),(1,0))', '<(0,0),1>', 'a:1 b:2', 'a & b', 4294967295, 'pg_class', 'integer', '16/B374D848', '7',
  '10:20:10,14,15', '$.a[*] ? (@ > 1)', '(0,1)', '[1,5)', '(,1.5]', '[2020-01-01 00:00+00,)', 'empty',
  '{[1,3),[7,9)}', 'light green', '(1,"a ""b"", c")', '[1.5,2.5)', 0.001, false, '{"deep": {"er": null}}', '{1,NULL,3}',
  '{{"a","b"},{"c d",NULL}}', '{"(1,x)",NULL}', '{"{\"a\": 1}","null"}', '[2:4]={7,8,9}');
INSERT INTO every_type VALUES (3, 32767, -9223372036854775808, 'NaN', 0, '-Infinity', 'NaN', -0.01, false, '', '',
  '', ' ', '', '', 'infinity', '-infinity', 'infinity', '24:00:00', '00:00:00-15:59', '-178000000 years', '00000000-0000-0000-0000-000000000000',
  'null', 'null', '', '::1', '::/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', '00000', '', '(-0,1e300)', '{0,1,0}',
  '[(0,0),(0,0)]', '(0,0),(0,0)', '((0,0))', '((0,0))', '<(0,0),0>', '', '', 0, '-', '-', '0/0', '0', '1:1:', '$', '(4294967295,65535)',
  'empty', '[,]', '(,)', '(,)', '{}', 'bl''ue"', '(,)', 'empty', 99999999999999999.999, true, '[]', '{}', '{}', '{}', '{}', '{}');
INSERT INTO every_type (id, c_numeric, c_real, c_double, c_date, c_timestamp, c_interval, c_jsonb, c_text, c_money) VALUES
  (4, -0.000000000000000000000000000000001, '1e-45', '-0', '4713-01-01 BC', '0044-03-15 12:00:00 BC', '1 microsecond', '"text"', 'null', '-92233720368547758.08'),
  (5, repeat('9', 1000)::numeric, '3.4028235e38', '1.7976931348623157e308', '5874897-12-31', '294276-12-31 23:59:59.999999', '0', '0', '\N', 0),
  (6, ('0.' || repeat('0', 500) || '1')::numeric, 'Infinity', '5e-324', '-infinity', '-infinity', '-1 day', 'true', '{"a":1}', 0.01);
)sql";

TEST(PostgresTypes, EveryTypeComesBackAsTheServerItselfSeesIt) {
  PostgresPlace place;
  BULK_REQUIRE_POSTGRES(place);
  place.make_database("source", kTypes);
  place.make_database("target", "");
  expect_ok(place.bulk({"backup", place.url("source"), "--to", "dump"}));
  expect_ok(place.bulk({"restore", "dump", "--to", place.url("target"), "--create"}));
  place.expect_same_rows("source", "target", {"public.every_type"});
  expect_ok(place.bulk({"verify", "dump"}));
  expect_ok(place.bulk({"verify", "dump", "--against", place.url("source")}));
  expect_ok(place.bulk({"diff", place.url("source"), place.url("target")}));
}

TEST(PostgresTypes, TextKeepsEveryCharacter) {
  PostgresPlace place;
  BULK_REQUIRE_POSTGRES(place);
  place.make_database("source", R"sql(
    CREATE TABLE characters (code int PRIMARY KEY, alone text, among text, in_array text[], in_json jsonb);
    INSERT INTO characters SELECT i, chr(i), 'a' || chr(i) || 'b' || chr(i) || chr(i), ARRAY[chr(i), 'x'], to_jsonb(chr(i))
      FROM generate_series(1, 700) AS i;
    INSERT INTO characters SELECT i, chr(i), repeat(chr(i), 3), ARRAY[chr(i)], to_jsonb(chr(i))
      FROM unnest(ARRAY[8232, 8233, 65279, 65533, 65535, 65536, 128512, 1114111]) AS i;
    INSERT INTO characters VALUES (0, '\.', E'\\.\n\\.', ARRAY['\N', NULL, 'NULL', ''], '"\\."'), (-1, '', ' ', ARRAY[''], '""'), (-2, NULL, '\N', NULL, 'null');
  )sql");
  place.make_database("target", "");
  expect_ok(place.bulk({"backup", place.url("source", "public.characters"), "--to", "c.jsonl.zst"}));
  expect_ok(place.bulk({"restore", "c.jsonl.zst", "--to", place.url("target"), "--create"}));
  place.expect_same_rows("source", "target", {"public.characters"});
}

TEST(PostgresTypes, ALineIsWhatTheFormatSays) {
  PostgresPlace place;
  BULK_REQUIRE_POSTGRES(place);
  place.make_database("source", R"sql(
    CREATE TABLE "Odd ""Table""" ("id" int, "ünï ""q""" text, "Price" numeric, doc jsonb, raw bytea, ok bool, tags text[], n text);
    INSERT INTO "Odd ""Table""" VALUES (1, E'Zo\u00eb \t"', 12.50, '{"a": null}', '\x01', true, '{a,b}', NULL), (2, '', 'NaN', 'null', '', false, '{}', '');
  )sql");
  expect_ok(place.bulk({"backup", place.url("source", R"(public."Odd%20%22%22Table%22%22")"), "--to", "o.jsonl.zst"}));
  EXPECT_EQ(place.shell("zstd -dc o.jsonl.zst").out,
            R"({"id":1,"ünï \"q\"":"Zoë \t\"","Price":12.50,"doc":{"a": null},"raw":"\\x01","ok":true,"tags":"{a,b}"})"
            "\n"
            R"({"id":2,"ünï \"q\"":"","Price":"NaN","doc":null,"raw":"\\x","ok":false,"tags":"{}","n":""})"
            "\n");
}

TEST(PostgresTypes, NamesMayHoldAnything) {
  PostgresPlace place;
  BULK_REQUIRE_POSTGRES(place);
  place.make_database("source", R"sql(
    CREATE SCHEMA "we.ird ""schema""";
    CREATE TABLE "we.ird ""schema"""."ta.ble" ("a b" int PRIMARY KEY, "a.b" int, "A" text, "a" text, "日本" text, "new
line" text, "tab	tab" text, "back\slash" text, "select" int, "per%cent" int);
    INSERT INTO "we.ird ""schema"""."ta.ble" VALUES (1, 2, 'x', 'y', 'z', 'n', 't', 'b', 3, 4);
    CREATE TABLE "case" (id int); CREATE TABLE "Case" (id int);
    INSERT INTO "case" VALUES (1); INSERT INTO "Case" VALUES (2);
    CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES;
    CREATE TABLE empty (id int);
  )sql");
  place.make_database("target", "");
  expect_ok(place.bulk({"backup", place.url("source"), "--to", "dump"}));
  expect_ok(place.bulk({"restore", "dump", "--to", place.url("target"), "--create"}));
  place.expect_same_rows("source", "target",
                         {R"("we.ird ""schema"""."ta.ble")", "public.\"case\"", "public.\"Case\"", "public.empty"});
  EXPECT_EQ(place.psql("target", "SELECT count(*) FROM nothing"), "2");
}

TEST(PostgresTypes, GeneratedAndIdentityColumnsAreComputedAgainAndSequencesGoOn) {
  PostgresPlace place;
  BULK_REQUIRE_POSTGRES(place);
  place.make_database("source", R"sql(
    CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED,
                    s serial, u int GENERATED BY DEFAULT AS IDENTITY);
    INSERT INTO t (n) SELECT i FROM generate_series(1, 100) AS i;
    CREATE SEQUENCE free START 7; SELECT nextval('free'), nextval('free');
    CREATE SEQUENCE fresh START 5;
  )sql");
  place.make_database("target", "");
  expect_ok(place.bulk({"backup", place.url("source"), "--to", "dump"}));
  expect_ok(place.bulk({"restore", "dump", "--to", place.url("target"), "--create"}));
  place.expect_same_rows("source", "target", {"public.t"});
  EXPECT_EQ(place.psql("target", "INSERT INTO t (n) VALUES (5) RETURNING id, s, u, twice"), "101|101|101|10");
  EXPECT_EQ(place.psql("target", "SELECT nextval('free'), nextval('fresh')"), "9|5");
}

}  // namespace
}  // namespace bulk::test
