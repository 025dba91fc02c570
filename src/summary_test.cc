#include "src/summary.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

constexpr const char* kDigest = "000000000000000a0000000000000005";

Summary backup() {
  Summary summary;
  summary.command = "backup";
  summary.source = "dynamodb://pr-5-main-table";
  summary.target = "backups/pr-5-main-table-20250125-120000.jsonl.zst";
  summary.read = summary.written = 4609;
  summary.raw_bytes = 2954112;
  summary.stored_bytes = 602113;
  summary.digest = Digest{5, 10};
  summary.verified = Verified::content;
  summary.requests_sent = 7;
  summary.capacity_read = 361.5;
  summary.seconds = 0.41;
  return summary;
}

TEST(SummaryJson, IsTheDocumentedLine) {
  EXPECT_EQ(
      summary_json(backup()),
      R"({"message_type":"summary","schema_version":1,"command":"backup","status":"ok",)"
      R"("source":"dynamodb://pr-5-main-table","target":"backups/pr-5-main-table-20250125-120000.jsonl.zst",)"
      R"("records":{"read":4609,"written":4609,"filtered":0,"rejected":0,"superseded":0},)"
      R"("bytes":{"raw":2954112,"stored":602113},"digest":"000000000000000a0000000000000005","verified":"content",)"
      R"("consistent":false,"requests":{"sent":7,"throttled":0,"retried":0},"capacity":{"read":361.5,"write":0},)"
      R"("seconds":0.41})");
}

TEST(SummaryJson, HoldsWhatIsSpecialOnlyWhereItIs) {
  Summary summary;
  summary.command = "restore";
  summary.dry_run = true;
  summary.table = "t";
  summary.verified = Verified::acknowledged;
  summary.differences = Differences{1, 2, 3, 4};
  summary.dumps = 5;
  summary.runs = 6;
  summary.resumed = 7;
  summary.not_copied = {"auto-scaling"};
  summary.warnings = {"a \"quoted\" one\n"};
  summary.seconds = 1.23456;
  EXPECT_EQ(
      summary_json(summary),
      R"({"message_type":"summary","schema_version":1,"command":"restore","status":"ok","dry_run":true,"source":"",)"
      R"("target":"","table":"t","records":{"read":0,"written":0,"filtered":0,"rejected":0,"superseded":0,)"
      R"("resumed":7},"bytes":{"raw":0,"stored":0},"digest":null,"verified":"acknowledged","consistent":false,)"
      R"("requests":{"sent":0,"throttled":0,"retried":0},"capacity":{"read":0,"write":0},"seconds":1.235,)"
      R"("differences":{"equal":1,"only_in_source":2,"only_in_target":3,"different":4},"dumps":5,"runs":6,)"
      R"("not_copied":["auto-scaling"],"warnings":["a \"quoted\" one\n"]})");
}

TEST(SummaryJson, OfAFailureSaysWhatAndWhatNext) {
  Summary summary;
  summary.command = "verify";
  summary.error = Error(ErrorKind::corrupt, "x.jsonl.zst, frame 3: checksum differs", "restore from another dump");
  const std::string line = summary_json(summary);
  EXPECT_NE(line.find(R"("status":"failed")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("verified":false)"), std::string::npos) << line;
  EXPECT_TRUE(line.ends_with(R"(,"error":{"kind":"corrupt","message":"x.jsonl.zst, frame 3: checksum differs",)"
                             R"("next":"restore from another dump","exit_status":4}})"))
      << line;
  summary.error = Error(ErrorKind::rejected, "2 records could not be written");
  EXPECT_EQ(summary_status(summary), "rejected");
  EXPECT_TRUE(summary_json(summary).ends_with(
      R"("error":{"kind":"rejected","message":"2 records could not be written","exit_status":3}})"));
}

TEST(SummaryText, OfABackup) {
  EXPECT_EQ(summary_text(backup()), std::string(R"(Backup complete
  File:    backups/pr-5-main-table-20250125-120000.jsonl.zst
  Items:   4,609
  Size:    588.0 KiB (2.8 MiB of JSON)
  Time:    0.4 s (11,200 items/s)
  Traffic: 7 requests, 361.5 read units
  View:    not of one point in time
  Proof:   every item counted, read back and equal
  Digest:  )") + kDigest + "\n");
}

TEST(SummaryText, OfARestoreWithEverythingToSay) {
  Summary summary = backup();
  summary.command = "restore";
  summary.source = "x.jsonl.zst";
  summary.target = "dynamodb://pr-5-main-table";
  summary.filtered = 1;
  summary.superseded = 2;
  summary.rejected = 3000;
  summary.stored_bytes = 0;
  summary.verified = Verified::acknowledged;
  summary.requests_sent = 185;
  summary.requests_throttled = 4;
  summary.requests_retried = 5;
  summary.capacity_read = 0;
  summary.capacity_write = 4609;
  summary.not_copied = {"auto-scaling", "replicas"};
  summary.error = Error(ErrorKind::rejected, "3,000 records could not be written");
  EXPECT_EQ(summary_text(summary), std::string(R"(Restore finished with rejects
  From:    x.jsonl.zst
  To:      dynamodb://pr-5-main-table
  Items:   4,609
  Skipped: 1 item left out
  Repeats: 2 items replaced by a later one with the same key
  Rejects: 3,000 items could not be written
  Size:    2.8 MiB of JSON
  Omitted: auto-scaling, replicas
  Time:    0.4 s (11,200 items/s)
  Traffic: 185 requests, 4 throttled, 5 retried, 4609.0 write units
  Proof:   every item counted and acknowledged
  Digest:  )") + kDigest + "\n");
}

TEST(SummaryText, SaysWhenNothingWasReadBack) {
  Summary summary = backup();
  summary.verified = Verified::no;
  summary.consistent = true;
  summary.requests_sent = 0;
  summary.seconds = 0;
  summary.digest.reset();
  EXPECT_EQ(summary_text(summary), R"(Backup complete
  File:    backups/pr-5-main-table-20250125-120000.jsonl.zst
  Items:   4,609
  Size:    588.0 KiB (2.8 MiB of JSON)
  Time:    0.0 s
  Proof:   every item counted, none read back
)");
}

TEST(SummaryText, OfADryRunClaimsNothing) {
  Summary summary;
  summary.command = "copy";
  summary.dry_run = true;
  summary.source = "a";
  summary.target = "b";
  EXPECT_EQ(summary_text(summary), R"(Copy: dry run, nothing was changed
  From:    a
  To:      b
  Time:    0.0 s
)");
}

TEST(SummaryText, OfVerifications) {
  Summary summary;
  summary.command = "verify";
  summary.source = "x.jsonl.zst";
  summary.read = 2;
  summary.digest = Digest{5, 10};
  summary.verified = Verified::content;
  EXPECT_EQ(summary_text(summary), std::string(R"(Verification complete
  File:    x.jsonl.zst
  Items:   2
  Time:    0.0 s
  Proof:   every item read; counts and digest are the dump's own
  Digest:  )") + kDigest + "\n");
  summary.target = "dynamodb://t";
  summary.differences = Differences{2, 0, 0, 0};
  EXPECT_EQ(summary_text(summary), std::string(R"(Verification complete
  File:    x.jsonl.zst
  Against: dynamodb://t
  Items:   2
  Time:    0.0 s
  Proof:   every item compared and equal
  Digest:  )") + kDigest + "\n");
}

TEST(SummaryText, OfADrop) {
  Summary summary;
  summary.command = "drop";
  summary.source = "x.jsonl.zst";
  summary.target = "dynamodb://t";
  summary.read = 1;
  summary.differences = Differences{1, 0, 0, 0};
  EXPECT_EQ(summary_text(summary), R"(Table deleted
  Table:   dynamodb://t
  Backup:  x.jsonl.zst
  Items:   1
  Time:    0.0 s
  Proof:   every item compared and equal
)");
}

TEST(SummaryText, OfADiffCountsWhatDiffers) {
  Summary summary;
  summary.command = "diff";
  summary.source = "a";
  summary.target = "b";
  summary.read = 10;
  summary.differences = Differences{5, 1, 2000, 0};
  summary.error = Error(ErrorKind::corrupt, "they differ");
  EXPECT_EQ(summary_text(summary), R"(Differences found
  From:    a
  To:      b
  Items:   10
  Equal:   5
  Missing: 1 item only in a
  Extra:   2,000 items only in b
  Changed: 0 items with other content
  Time:    0.0 s
)");
  summary.error.reset();
  summary.differences = Differences{10, 0, 0, 0};
  EXPECT_TRUE(summary_text(summary).starts_with("No differences\n"));
}

TEST(SummaryText, SaysNothingOfFailuresAndOfCommandsThatPrintTheirAnswer) {
  Summary summary = backup();
  summary.error = Error(ErrorKind::remote, "gave up");
  EXPECT_EQ(summary_text(summary), "");
  for (const char* command : {"list", "inspect", "cat"}) {
    summary = {};
    summary.command = command;
    EXPECT_EQ(summary_text(summary), "");
  }
  summary.command = "restore";
  summary.dumps = 3;
  EXPECT_EQ(summary_text(summary), "") << "restore without a dump lists what there is";
}

TEST(SummaryText, RoundsRatesToWhatTheyAreWorth) {
  Summary summary = backup();
  const auto rate_line = [&](std::uint64_t items, double seconds) {
    summary.read = items;
    summary.seconds = seconds;
    const std::string text = summary_text(summary);
    const std::size_t at = text.find("Time:");
    return text.substr(at + 9, text.find('\n', at) - at - 9);
  };
  EXPECT_EQ(rate_line(999, 1), "1.0 s (999 items/s)");
  EXPECT_EQ(rate_line(123'456, 1), "1.0 s (123,000 items/s)");
  EXPECT_EQ(rate_line(1, 60), "1m00s");
  EXPECT_EQ(rate_line(UINT64_MAX, 0.011), "0.0 s (1,000,000,000,000,000,000 items/s)");
}

TEST(Summary, TakesTotalsAndRequests) {
  Totals totals;
  totals.segments[0].read = {3, Digest{3, 0}};
  totals.segments[0].written = {2, Digest{2, 0}};
  totals.segments[0].rejected = {1, Digest{1, 0}};
  totals.segments[0].raw_bytes = 30;
  totals.segments[1].read = {1, Digest{7, 0}};
  totals.segments[1].written = {1, Digest{7, 0}};
  totals.segments[1].raw_bytes = 10;
  totals.superseded = {1, Digest{2, 0}};
  RequestStats stats;
  stats.sent = 4;
  stats.throttled = 2;
  stats.retried = 3;
  stats.read_centiunits = 1250;
  stats.write_centiunits = 100;
  Summary summary;
  summary.take(totals);
  summary.take(stats);
  EXPECT_EQ(summary.read, 4u);
  EXPECT_EQ(summary.written, 3u);
  EXPECT_EQ(summary.rejected, 1u);
  EXPECT_EQ(summary.superseded, 1u);
  EXPECT_EQ(summary.raw_bytes, 40u);
  EXPECT_EQ(summary.digest, (Digest{7, 0}));
  EXPECT_EQ(summary.requests_sent, 4u);
  EXPECT_EQ(summary.requests_throttled, 2u);
  EXPECT_EQ(summary.requests_retried, 3u);
  EXPECT_EQ(summary.capacity_read, 12.5);
  EXPECT_EQ(summary.capacity_write, 1);
}

}  // namespace
}  // namespace bulk
