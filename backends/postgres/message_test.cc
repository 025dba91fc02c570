#include "backends/postgres/message.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

TEST(PgMessage, BecomesOneLineWithoutGuesses) {
  EXPECT_EQ(one_line(""), "");
  EXPECT_EQ(one_line("relation \"x\" does not exist\n"), "relation \"x\" does not exist");
  EXPECT_EQ(one_line("connection to server at \"h\", port 1 failed: Connection refused\n"
                     "\tIs the server running on that host and accepting TCP/IP connections?\n"),
            "connection to server at \"h\", port 1 failed: Connection refused");
  EXPECT_EQ(one_line("first\n\nsecond\nLOCATION:  InitPostgres, postinit.c:917\nthird"), "first; second; third");
}

TEST(PgMessage, SaysWhyTheServerRefused) {
  const ServerSaid said = server_said(
      "connection to server at \"h\", port 1 failed: FATAL:  28000: no pg_hba.conf entry\n"
      "connection to server at \"h\", port 1 failed: SCHWERWIEGEND:  3D000: Datenbank \"x\" gibt es nicht\n"
      "LOCATION:  InitPostgres, postinit.c:917\n");
  EXPECT_EQ(said.sqlstate, "3D000");
  EXPECT_EQ(said.message, "Datenbank \"x\" gibt es nicht");
}

TEST(PgMessage, IsNotTheServersWhereItHasSaidNothing) {
  for (const char* text : {"", "connection to server at \"h\", port 1 failed: Connection refused", "FATAL:  short",
                           "FATAL:  3D000 no colon", "FATAL:  3d000: lower case", ":  "}) {
    EXPECT_EQ(server_said(text).sqlstate, "") << text;
  }
}

}  // namespace
}  // namespace bulk
