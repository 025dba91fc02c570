#include "codecs/dump_manifest.h"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "io/error.h"

namespace bulk {
namespace {

ManifestPart part(const std::string& name, std::uint32_t table, std::uint64_t records) {
  return {name, table, std::string(64, 'a'), 100 + records, records, 10 * records, hash128(name)};
}

DumpManifest sample() {
  DumpManifest manifest;
  manifest.header.tool = "bulk 0.1.0";
  manifest.header.dialect = "rows";
  manifest.header.started = "2025-01-25T12:00:00Z";
  manifest.header.source = "postgresql://db.example/shop";
  manifest.header.stage = "pr-5";
  manifest.header.table = {"shop", "7/16384", "", ""};
  manifest.header.schema_json = R"({"database":"shop","tables":[{"name":"a b"}]})";
  manifest.header.selection_json = R"({"where":"a = 1"})";
  manifest.ended = "2025-01-25T12:00:02Z";
  manifest.consistent = true;
  manifest.parts = {part("public.orders.jsonl.zst", 0, 3), part("public.\xc3\xa4.jsonl.zst", 1, 0)};
  manifest.records = 3;
  manifest.raw_bytes = 30;
  for (const ManifestPart& one : manifest.parts) manifest.digest += one.digest;
  return manifest;
}

std::string refusal(const std::string& json, ErrorKind kind = ErrorKind::corrupt) {
  try {
    decode_manifest(json);
  } catch (const Error& error) {
    return error.kind() == kind ? error.line() : "wrong kind: " + error.line();
  }
  return "no error";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("no " + from);
  return text.replace(at, from.size(), to);
}

TEST(DumpManifest, IsTheSameWhenItIsReadAgain) {
  const DumpManifest manifest = sample();
  const std::string json = encode_manifest(manifest);
  EXPECT_TRUE(json.starts_with(
      R"({"bulk":"manifest","format":1,"tool":"bulk 0.1.0","dialect":"rows","started":"2025-01-25T12:00:00Z",)"))
      << json;
  const DumpManifest again = decode_manifest(json);
  EXPECT_EQ(encode_manifest(again), json);
  EXPECT_EQ(again.header.source, manifest.header.source);
  EXPECT_EQ(again.header.stage, "pr-5");
  EXPECT_EQ(again.header.table.name, "shop");
  EXPECT_EQ(again.header.table.id, "7/16384");
  EXPECT_EQ(again.header.schema_json, manifest.header.schema_json);
  EXPECT_EQ(again.header.selection_json, manifest.header.selection_json);
  EXPECT_TRUE(again.header.distinct_keys);
  EXPECT_EQ(again.ended, manifest.ended);
  EXPECT_TRUE(again.consistent);
  EXPECT_EQ(again.records, 3u);
  EXPECT_EQ(again.raw_bytes, 30u);
  EXPECT_EQ(again.digest, manifest.digest);
  ASSERT_EQ(again.parts.size(), 2u);
  EXPECT_EQ(again.parts[1].name, "public.\xc3\xa4.jsonl.zst");
  EXPECT_EQ(again.parts[1].table, 1u);
  EXPECT_EQ(again.parts[0].fingerprint, std::string(64, 'a'));
  EXPECT_EQ(again.parts[0].stored_bytes, 103u);
  EXPECT_EQ(again.parts[0].records, 3u);
  EXPECT_EQ(again.parts[0].raw_bytes, 30u);
  EXPECT_EQ(again.parts[0].digest, manifest.parts[0].digest);
}

TEST(DumpManifest, OfADatabaseWithoutTablesHasNoParts) {
  DumpManifest manifest = sample();
  manifest.parts.clear();
  manifest.records = manifest.raw_bytes = 0;
  manifest.digest = {};
  EXPECT_TRUE(decode_manifest(encode_manifest(manifest)).parts.empty());
}

TEST(DumpManifest, WhiteSpaceAndUnknownMembersDoNotMatter) {
  std::string json = encode_manifest(sample());
  json = replaced(json, R"("bulk":"manifest",)", R"("bulk" : "manifest" , "new":[{"a":"}]"}, 1.5e3, null],)");
  json = replaced(json, R"("schema":{"database":"shop","tables":[{"name":"a b"}]})",
                  "\"schema\" :\n {\"database\": \"shop\",\t\"tables\":[ {\"name\":\"a b\"}]\r}");
  json = replaced(json, R"("parts":[{)", R"("parts": [ {"more":{"x":[]},)");
  const DumpManifest again = decode_manifest("\n " + json + "\n");
  EXPECT_EQ(encode_manifest(again), encode_manifest(sample()));
}

TEST(DumpManifest, SaysWhatIsWrong) {
  const std::string json = encode_manifest(sample());
  EXPECT_EQ(refusal(""), "dump manifest: the text ends too early at byte 0");
  EXPECT_EQ(refusal("[]"), "dump manifest: it is no object");
  EXPECT_EQ(refusal("{}"), "dump manifest: its first member is not \"bulk\":\"manifest\"");
  EXPECT_EQ(refusal(R"({"a":1,"bulk":"manifest","format":1})"),
            "dump manifest: its first member is not \"bulk\":\"manifest\"");
  EXPECT_EQ(refusal(replaced(json, "\"bulk\":\"manifest\"", "\"bulk\":\"header\"")),
            "dump manifest: its first member is not \"bulk\":\"manifest\"");
  EXPECT_EQ(refusal(replaced(json, "\"format\":1", "\"format\":2"), ErrorKind::usage),
            "the dump has format 2, this program reads format 1; use a newer version of bulk");
  EXPECT_EQ(refusal(replaced(json, "\"records\":3", "\"records\":-3")),
            "dump manifest: member 'records' is not a whole number");
  EXPECT_EQ(refusal(replaced(json, "\"consistent\":true", "\"consistent\":1")),
            "dump manifest: member 'consistent' is not true or false");
  EXPECT_EQ(refusal(replaced(json, "\"tool\"", "\"ended\":\"\",\"tool\"")),
            "dump manifest: member 'ended' stands twice");
  EXPECT_EQ(refusal(replaced(json, "\"tool\"", "\"parts\":[],\"tool\"")), "dump manifest: member 'parts' stands twice");
  EXPECT_EQ(refusal(replaced(json, R"("schema":{"database":"shop","tables":[{"name":"a b"}]})", R"("schema":[])")),
            "dump manifest: member 'schema' is not an object");
  EXPECT_EQ(refusal(replaced(json, "\"parts\":", "\"sparts\":")), "dump manifest: member 'parts' is missing");
  EXPECT_EQ(refusal(json.substr(0, json.find("\"parts\":")) + "\"parts\":{}}"),
            "dump manifest: member 'parts' is not a list");
  EXPECT_EQ(refusal(json.substr(0, json.find("\"parts\":")) + "\"parts\":[7]}"),
            "part 1: dump manifest: it is not an object");
}

TEST(DumpManifest, SaysWhatIsWrongWithAPart) {
  const std::string json = encode_manifest(sample());
  EXPECT_EQ(refusal(replaced(json, "\"table\":1", "\"table\":4294967296")),
            "part 2: dump manifest: member 'table' is not the position of a table");
  EXPECT_EQ(refusal(replaced(json, "aaa", "AAA")),
            "part 1: dump manifest: member 'fingerprint' is not a SHA-256 of 64 hex digits");
  EXPECT_EQ(refusal(replaced(json, "aaa", "aa")),
            "part 1: dump manifest: member 'fingerprint' is not a SHA-256 of 64 hex digits");
  EXPECT_EQ(refusal(replaced(json, "\"stored_bytes\":103", "\"stored_bytes\":1e2")),
            "part 1: dump manifest: member 'stored_bytes' is not a whole number");
  EXPECT_EQ(refusal(replaced(json, "\"name\":\"public.orders.jsonl.zst\",", "")),
            "part 1: dump manifest: member 'name' is missing");
  EXPECT_EQ(
      refusal(replaced(json, "\"name\":\"public", "\"x\":\"" + std::string(70'000, 'x') + "\",\"name\":\"public")),
      "part 1: dump manifest: it is larger than what can be said of a part");
}

TEST(DumpManifest, ANameDoesNotLeadOutOfTheFolder) {
  const std::string json = encode_manifest(sample());
  const auto named = [&](const std::string& name) { return refusal(replaced(json, "public.orders.jsonl.zst", name)); };
  for (const char* name : {"", ".", "..", "../x.jsonl.zst", "/etc/passwd", "a/b.jsonl.zst", "a\\\\b", "manifest.json",
                           "a\\u0000b", "a\\nb", "a\\u007f"}) {
    const std::string text = named(name);
    EXPECT_TRUE(text.starts_with("part 1: dump manifest: its name '")) << name << ": " << text;
    EXPECT_TRUE(text.ends_with("' is no plain file name")) << name << ": " << text;
  }
  EXPECT_TRUE(named(std::string(256, 'x')).ends_with("' is no plain file name"));
  EXPECT_EQ(named("public.\xc3\xa4.jsonl.zst"), "dump manifest: part 'public.\xc3\xa4.jsonl.zst' stands twice");
}

TEST(DumpManifest, PartsThatDoNotAddUpAreRefused) {
  const auto refused = [](const std::function<void(DumpManifest&)>& change) {
    DumpManifest manifest = sample();
    change(manifest);
    return refusal(encode_manifest(manifest));
  };
  const std::string expected = "dump manifest: its parts do not add up to the whole";
  EXPECT_EQ(refused([](DumpManifest& manifest) { ++manifest.records; }), expected);
  EXPECT_EQ(refused([](DumpManifest& manifest) { ++manifest.parts[1].raw_bytes; }), expected);
  EXPECT_EQ(refused([](DumpManifest& manifest) { ++manifest.digest.low; }), expected);
  EXPECT_EQ(refused([](DumpManifest& manifest) { manifest.parts.pop_back(); }), expected);
  // Numbers that come to the right sum when they are added up in 64 bits.
  EXPECT_EQ(refused([](DumpManifest& manifest) {
              manifest.parts[0].records = UINT64_MAX;
              manifest.parts[1].records = 4;
            }),
            expected);
}

TEST(PartNames, AreThoseOfTheTables) {
  EXPECT_EQ(part_names({"public.orders", "Sales.Order Lines", "public.z\xc3\xa4hler"}),
            (std::vector<std::string>{"public.orders.jsonl.zst", "Sales.Order Lines.jsonl.zst",
                                      "public.z\xc3\xa4hler.jsonl.zst"}));
  EXPECT_TRUE(part_names({}).empty());
}

TEST(PartNames, HoldNothingThatAFileNameCannot) {
  EXPECT_EQ(part_names({"a/b.c\\d:e*f?g\"h<i>j|k\x01l\nm\x7f"})[0], "a_b.c_d_e_f_g_h_i_j_k_l_m_.jsonl.zst");
  EXPECT_EQ(part_names({"..hidden"})[0], "_.hidden.jsonl.zst");
  EXPECT_EQ(part_names({""})[0], "_.jsonl.zst");
}

TEST(PartNames, ThatWouldBeEqualAreToldApart) {
  EXPECT_EQ(part_names({"public.a", "public.A", "public.a-2", "public.a/", "public.a:"}),
            (std::vector<std::string>{"public.a.jsonl.zst", "public.A-2.jsonl.zst", "public.a-2-2.jsonl.zst",
                                      "public.a_.jsonl.zst", "public.a_-2.jsonl.zst"}));
}

TEST(PartNames, AreCutBetweenCharacters) {
  const std::string letters(300, 'x');
  const std::vector<std::string> names =
      part_names({letters + "1", letters + "2", "x" + std::string(99, '\xc3') + "\xa4", [] {
                    std::string text;
                    for (int i = 0; i < 150; ++i) text += "\xc3\xa4";
                    return text;
                  }()});
  EXPECT_EQ(names[0], std::string(190, 'x') + ".jsonl.zst");
  EXPECT_EQ(names[1], std::string(188, 'x') + "-2.jsonl.zst");
  EXPECT_EQ(names[3].size(), 200u);
  EXPECT_TRUE(part_names({"y" + names[3]})[0].ends_with("\xc3\xa4.jsonl.zst"));
}

}  // namespace
}  // namespace bulk
