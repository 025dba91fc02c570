#include "codecs/dump_part.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "codecs/little_endian.h"
#include "io/error.h"

namespace bulk {
namespace {

std::string_view payload(const std::string& frame, std::uint32_t magic) {
  std::uint64_t bytes = 0;
  EXPECT_TRUE(skippable_payload_size(frame, magic, bytes));
  EXPECT_EQ(bytes, frame.size());
  return std::string_view(frame).substr(8);
}

std::string problem(const std::function<void()>& call, ErrorKind kind = ErrorKind::corrupt) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "sound";
}

std::string header_problem(const std::string& json) {
  return problem([&] { decode_header(json); });
}

std::string footer_problem(const std::string& json, std::size_t hash_bytes = 0) {
  std::string bytes;
  append_u32(bytes, static_cast<std::uint32_t>(json.size()));
  return problem([&] { decode_footer(bytes + json + std::string(hash_bytes, 'h')); });
}

const std::string kDigest = "fedcba98765432100123456789abcdef";

DumpFooter sample_footer() {
  DumpFooter footer;
  footer.ended = "2025-01-25T12:00:02Z";
  footer.records = UINT64_MAX;
  footer.raw_bytes = (std::uint64_t{1} << 53) + 1;
  footer.consistent = true;
  footer.segments[0] = {UINT64_MAX - 7, {1, 2}};
  footer.segments[4'000'000'000] = {7, {3, UINT64_MAX}};
  footer.digest = footer.segments[0].digest;
  footer.digest += footer.segments[4'000'000'000].digest;
  footer.frame_hashes = {sha256("a"), sha256("b"), sha256("c")};
  return footer;
}

TEST(DumpPart, HeaderIsWrittenAsTheSpecificationShows) {
  DumpHeader header;
  header.tool = "bulk 0.1.0";
  header.dialect = "dynamodb-json";
  header.started = "2025-01-25T12:00:00Z";
  header.source = "dynamodb://t?region=us-east-1";
  header.stage = "pr-5";
  header.table = {"t\"ü\n", "id", "created", "arn"};
  header.schema_json = R"({"KeySchema":[],"Big":18446744073709551615})";
  const std::string frame = encode_header(header);
  EXPECT_EQ(
      payload(frame, kHeaderMagic),
      R"({"bulk":"header","format":1,"tool":"bulk 0.1.0","dialect":"dynamodb-json","started":"2025-01-25T12:00:00Z",)"
      R"("source":"dynamodb://t?region=us-east-1","stage":"pr-5",)"
      R"("table":{"name":"t\"ü\n","id":"id","created":"created","arn":"arn"},)"
      R"("schema":{"KeySchema":[],"Big":18446744073709551615}})");
  const DumpHeader read = decode_header(payload(frame, kHeaderMagic));
  EXPECT_EQ(read.tool, header.tool);
  EXPECT_EQ(read.dialect, header.dialect);
  EXPECT_EQ(read.started, header.started);
  EXPECT_EQ(read.source, header.source);
  EXPECT_EQ(read.stage, header.stage);
  EXPECT_EQ(read.table.name, header.table.name);
  EXPECT_EQ(read.table.id, "id");
  EXPECT_EQ(read.table.created, "created");
  EXPECT_EQ(read.table.arn, "arn");
  EXPECT_EQ(read.schema_json, header.schema_json);
}

TEST(DumpPart, WhatTheSourceHasNotIsAbsent) {
  DumpHeader written;
  written.tool = "t";
  written.dialect = "d";
  written.started = "s";
  written.source = "u";
  const std::string frame = encode_header(written);
  EXPECT_EQ(payload(frame, kHeaderMagic),
            R"({"bulk":"header","format":1,"tool":"t","dialect":"d","started":"s","source":"u","table":{}})");
  const DumpHeader header = decode_header(payload(frame, kHeaderMagic));
  EXPECT_EQ(header.stage + header.schema_json + header.table.name, "");
}

TEST(DumpPart, UnknownMembersAreIgnored) {
  EXPECT_EQ(decode_header(R"( {"bulk":"header", "new":[{"x":1.5}], "format":1,"dialect":"rows"} )").dialect, "rows");
}

TEST(DumpPart, FooterNumbersAreExact) {
  const DumpFooter footer = sample_footer();
  const std::string frame = encode_footer(footer);
  const DumpFooter read = decode_footer(payload(frame, kFooterMagic));
  EXPECT_EQ(read.ended, footer.ended);
  EXPECT_EQ(read.records, UINT64_MAX);
  EXPECT_EQ(read.raw_bytes, 9007199254740993u);
  EXPECT_EQ(read.digest, footer.digest);
  EXPECT_TRUE(read.consistent);
  EXPECT_EQ(read.frame_hashes, footer.frame_hashes);
  ASSERT_EQ(read.segments.size(), 2u);
  EXPECT_EQ(read.segments.at(4'000'000'000).records, 7u);
  EXPECT_EQ(read.segments.at(4'000'000'000).digest, (Digest{3, UINT64_MAX}));
}

TEST(DumpPart, FooterIsWrittenAsTheSpecificationShows) {
  DumpFooter footer;
  footer.ended = "e";
  footer.records = 1;
  footer.segments[2].records = 1;
  const std::string frame = encode_footer(footer);
  EXPECT_EQ(payload(frame, kFooterMagic).substr(4),
            R"({"bulk":"footer","format":1,"ended":"e","records":1,"raw_bytes":0,"frames":0,)"
            R"("digest":"00000000000000000000000000000000","consistent":false,)"
            R"("segments":[{"segment":2,"records":1,"digest":"00000000000000000000000000000000"}]})");
}

TEST(DumpPart, SkippableFramesAreToldByTheirMagic) {
  std::uint64_t bytes = 0;
  const std::string frame = encode_header({});
  EXPECT_FALSE(skippable_payload_size(frame, kFooterMagic, bytes));
  EXPECT_FALSE(skippable_payload_size(frame.substr(0, 7), kHeaderMagic, bytes));
  EXPECT_TRUE(skippable_payload_size(frame.substr(0, 8), kHeaderMagic, bytes));
  EXPECT_EQ(bytes, frame.size());
  std::string lying;
  append_u32(lying, kHeaderMagic);
  append_u32(lying, UINT32_MAX);
  EXPECT_TRUE(skippable_payload_size(lying, kHeaderMagic, bytes));
  EXPECT_EQ(bytes, 4294967303u);
}

TEST(DumpPart, DamagedHeadersSayWhatIsWrong) {
  EXPECT_EQ(header_problem(""), "dump header: the text ends too early at byte 0");
  EXPECT_EQ(header_problem("{\"bulk\":\"header\",}"), "dump header: expected a name in double quotes at byte 17");
  EXPECT_EQ(header_problem("[]"), "dump header: its first member is not \"bulk\":\"header\"");
  EXPECT_EQ(header_problem("{}"), "dump header: its first member is not \"bulk\":\"header\"");
  EXPECT_EQ(header_problem(R"({"format":1,"bulk":"header"})"),
            "dump header: its first member is not \"bulk\":\"header\"");
  EXPECT_EQ(header_problem(R"({"bulk":"footer","format":1})"),
            "dump header: its first member is not \"bulk\":\"header\"");
  EXPECT_EQ(header_problem(R"({"bulk":"header"})"), "dump header: member 'format' is missing");
  EXPECT_EQ(header_problem(R"({"bulk":"header","format":"1"})"), "dump header: member 'format' is not a whole number");
  EXPECT_EQ(header_problem(R"({"bulk":"header","format":1})"), "dump header: member 'dialect' is missing");
  EXPECT_EQ(header_problem(R"({"bulk":"header","format":1,"dialect":7})"),
            "dump header: member 'dialect' is not a string");
  EXPECT_EQ(header_problem(R"({"bulk":"header","format":1,"dialect":"d","table":[]})"),
            "dump header: member 'table' is not an object");
  EXPECT_EQ(header_problem(R"({"bulk":"header","format":1,"dialect":"d","schema":"s"})"),
            "dump header: member 'schema' is not an object");
  EXPECT_EQ(header_problem("{\"bulk\":\"header\",\"x\":" + std::string(100'000, '[')),
            "dump header: nested deeper than 512 levels at byte 532");
  EXPECT_EQ(header_problem(std::string(kMaxMetadataBytes + 1, ' ')), "dump header: it is bigger than 64 MiB");
}

TEST(DumpPart, AnUnknownVersionIsNoDamage) {
  EXPECT_EQ(problem([] { decode_header(R"({"bulk":"header","format":2})"); }, ErrorKind::usage),
            "the dump has format 2, this program reads format 1");
}

TEST(DumpPart, DamagedFootersSayWhatIsWrong) {
  const std::string begin = R"({"bulk":"footer","format":1,"records":3,"raw_bytes":9,"digest":")" + kDigest + "\"";
  const std::string good = begin + R"(,"consistent":false,"frames":1)";
  const std::string segment = R"({"segment":1,"records":3,"digest":")" + kDigest + "\"}";
  EXPECT_EQ(footer_problem(good + "}", 32), "sound");
  EXPECT_EQ(footer_problem(good + ",\"segments\":[" + segment + "]}", 32), "sound");
  EXPECT_EQ(footer_problem(good + "}", 31), "dump footer: it names 1 frames but holds 31 bytes of SHA-256 values");
  EXPECT_EQ(footer_problem(good + "}", 64), "dump footer: it names 1 frames but holds 64 bytes of SHA-256 values");
  EXPECT_EQ(footer_problem(begin + "}"), "dump footer: member 'consistent' is missing");
  EXPECT_EQ(footer_problem(begin + R"(,"consistent":false,"frames":18446744073709551615})"),
            "dump footer: it names 18446744073709551615 frames but holds 0 bytes of SHA-256 values");
  EXPECT_EQ(footer_problem(R"({"bulk":"footer","format":1,"records":-1})"),
            "dump footer: member 'records' is not a whole number");
  EXPECT_EQ(footer_problem(R"({"bulk":"footer","format":1,"records":1e3})"),
            "dump footer: member 'records' is not a whole number");
  EXPECT_EQ(footer_problem(R"({"bulk":"footer","format":1,"records":1,"raw_bytes":1,"digest":"12"})"),
            "dump footer: member 'digest' is not a digest of 32 hex digits");
  EXPECT_EQ(footer_problem(good + ",\"segments\":[" + segment + "," + segment + "]}", 32),
            "dump footer: segment 1 stands twice");
  EXPECT_EQ(footer_problem(good + R"(,"segments":[{"segment":1,"records":2,"digest":")" + kDigest + "\"}]}", 32),
            "dump footer: its segments do not add up to the whole");
  EXPECT_EQ(footer_problem(good + ",\"segments\":[1]}", 32),
            "dump footer: member 'segments' is not an array of objects");
  EXPECT_EQ(problem([] { decode_footer("ab"); }), "dump footer: it is cut short");
  EXPECT_EQ(problem([] { decode_footer(std::string_view("\xFF\xFF\xFF\xFF{}", 6)); }), "dump footer: it is cut short");
}

TEST(DumpPart, DamageNeverCrashes) {
  const std::string sound(payload(encode_footer(sample_footer()), kFooterMagic));
  std::mt19937 random(13);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = sound.substr(0, round % 4 == 0 ? random() % sound.size() : sound.size());
    if (!bytes.empty()) bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      decode_footer(bytes);
    } catch (const Error&) {
    }
  }
}

TEST(DumpHeader, SaysWhenAKeyMayStandTwice) {
  DumpHeader header;
  header.dialect = "dynamodb-json";
  const auto again = [&] { return decode_header(std::string_view(encode_header(header)).substr(8)); };
  EXPECT_EQ(encode_header(header).find("distinct_keys"), std::string::npos);
  EXPECT_TRUE(again().distinct_keys);
  header.distinct_keys = false;
  EXPECT_FALSE(again().distinct_keys);
}

}  // namespace
}  // namespace bulk
