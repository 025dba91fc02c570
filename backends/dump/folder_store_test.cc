// A folder of parts as a store and as a source.
#include "backends/dump/folder_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "io/sigv4.h"
#include "tests/support/row_dumps.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;
using test::error_line;

constexpr const char* kNext = "; use another copy, or read what is whole with `zstd -dc`";

class FolderStoreTest : public ::testing::Test {
 protected:
  FolderStore store() { return {path_, stop_}; }
  // Table i has 10 * i rows in frames of ten.
  void write(std::size_t tables = 4) { test::write_folder(path_, test::row_schema(tables), stop_); }
  std::string part(std::size_t table) const { return path_ + "/public.t" + std::to_string(table) + ".jsonl.zst"; }
  std::string manifest_text() const { return test::read_file(path_ + "/manifest.json"); }
  void change_manifest(const std::function<void(DumpManifest&)>& change) {
    DumpManifest manifest = decode_manifest(manifest_text());
    change(manifest);
    test::write_file(path_ + "/manifest.json", encode_manifest(manifest));
  }
  std::string corrupt(const ReadOptions& options = {}) {
    return error_line([&] { store().source(options); }, ErrorKind::corrupt);
  }

  test::TempDir directory_;
  std::string path_ = directory_.file("shop");
  Stop stop_;
};

TEST_F(FolderStoreTest, IsDescribedByItsManifest) {
  FolderStore none = store();
  EXPECT_FALSE(none.exists());
  EXPECT_TRUE(none.is_empty());
  EXPECT_EQ(error_line([&] { none.describe(); }, ErrorKind::not_found), "no folder '" + path_ + "'");
  write();
  FolderStore dump(path_ + "/", stop_);
  EXPECT_EQ(dump.url(), path_);
  EXPECT_EQ(dump.identity_text(), "file " + path_);
  EXPECT_EQ(dump.incarnation(), sha256_hex(manifest_text()));
  EXPECT_TRUE(dump.is_dump());
  EXPECT_TRUE(dump.rereadable());
  EXPECT_TRUE(dump.exists());
  EXPECT_FALSE(dump.is_empty());
  const TableFacts facts = dump.describe();
  EXPECT_EQ(facts.identity.name, "shop");
  EXPECT_EQ(facts.identity.id, "7/16384");
  EXPECT_EQ(facts.origin, "postgresql://db.example/shop");
  EXPECT_EQ(facts.dialect, "rows");
  EXPECT_EQ(facts.records, 60u);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < 4; ++i) bytes += fs::file_size(part(i));
  EXPECT_EQ(facts.bytes, bytes);
  EXPECT_EQ(decode_row_schema(facts.schema.value().json), test::row_schema(4));
  EXPECT_EQ(*dump.tables(), test::row_schema(4));
  EXPECT_EQ(error_line([&] { dump.drop(); }, ErrorKind::usage),
            path_ + " is a dump, no table; delete the folder yourself when you no longer need it");
}

TEST_F(FolderStoreTest, GivesAllRowsOfAllTables) {
  write();
  FolderStore dump = store();
  const auto source = dump.source({});
  std::map<std::uint32_t, std::vector<std::string>> lines;
  for (const Segment& segment : source->plan()) {
    const auto reader = source->open(segment, {});
    Batch batch;
    while (reader->read(batch)) {
      for (const Record& record : batch.records) lines[segment.table].emplace_back(batch.line(record));
      batch.reset();
    }
  }
  ASSERT_EQ(lines.size(), 3u);
  for (std::size_t table = 1; table < 4; ++table) {
    EXPECT_EQ(lines.at(static_cast<std::uint32_t>(table)), test::row_lines(table, 0, 10 * table));
  }
  EXPECT_TRUE(source->distinct_keys());
  EXPECT_TRUE(source->proven_lines());
  EXPECT_TRUE(source->consistent());
  EXPECT_EQ(source->expected()->records, 60u);
  EXPECT_EQ(source->expected()->raw_bytes, dump.manifest().raw_bytes);
  EXPECT_EQ(source->expected()->digest, dump.manifest().digest);
  std::size_t largest = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const PartFile file(File::open_for_reading(part(i)));
    for (const PartFrame& frame : file.frames()) largest = std::max<std::size_t>(largest, frame.plain_bytes);
  }
  EXPECT_EQ(source->largest_batch_bytes(), largest);
}

TEST_F(FolderStoreTest, ReadsLargePartsInSeveralSegmentsAndThemFirst) {
  write(10);
  FolderStore dump = store();
  ReadOptions options;
  options.jobs = 1;
  const auto plan = [&] { return dump.source(options)->plan(); };
  std::vector<Segment> segments = plan();
  // Nine parts have rows; those of eight and nine frames are cut in two.
  ASSERT_EQ(segments.size(), 11u);
  EXPECT_EQ(segments[0].table, 9u);
  EXPECT_EQ(segments[1].table, 9u);
  EXPECT_EQ(segments[3].table, 8u);
  EXPECT_EQ(segments[4].table, 7u);
  EXPECT_EQ(segments[10].table, 1u);
  for (std::uint32_t i = 0; i < segments.size(); ++i) {
    EXPECT_EQ(segments[i].index, i);
    EXPECT_EQ(segments[i].count, 11u);
  }
  options.segments = 1;
  EXPECT_EQ(plan().size(), 9u);
  options.segments = 3;
  EXPECT_EQ(plan().size(), 1u + 2u + 7u * 3u);
  EXPECT_EQ(test::read_lines(dump, options).size(), 450u);
}

TEST_F(FolderStoreTest, GoesOnAtACursor) {
  write();
  FolderStore dump = store();
  const auto source = dump.source({});
  const Segment segment = source->plan().front();
  ASSERT_EQ(segment.table, 3u);
  Batch batch;
  ASSERT_TRUE(source->open(segment, {})->read(batch));
  const Cursor after = batch.after;
  batch.reset();
  ASSERT_TRUE(source->open(segment, after)->read(batch));
  EXPECT_EQ(batch.line(batch.records[0]), test::row_line(3, 10));
  EXPECT_EQ(error_line([&] { source->open(segment, "x"); }, ErrorKind::failed),
            part(3) + ": no cursor of this segment: x");
  for (const Segment& wrong : {Segment{0, 1, segment.begin, segment.end + 1, 3}, Segment{0, 1, 0, UINT64_MAX, 0},
                               Segment{0, 1, segment.begin, (std::uint64_t{9} << 32) + 1, 3},
                               Segment{0, 1, std::uint64_t{9} << 32, (std::uint64_t{9} << 32) + 1, 3}}) {
    EXPECT_EQ(error_line([&] { source->open(wrong, {}); }, ErrorKind::failed), path_ + ": no segment of this dump");
  }
}

TEST_F(FolderStoreTest, ReadsTheTablesThatAreWanted) {
  write();
  FolderStore dump = store();
  ReadOptions options;
  auto wanted = std::make_shared<RowSchema>();
  const RowSchema all = test::row_schema(4);
  wanted->tables = {all.tables[3], all.tables[1]};
  options.rows = wanted;
  const auto source = dump.source(options);
  std::map<std::uint32_t, std::size_t> segments;
  for (const Segment& segment : source->plan()) ++segments[segment.table];
  EXPECT_EQ(segments, (std::map<std::uint32_t, std::size_t>{{0, 1}, {1, 1}}));
  std::vector<std::string> lines = test::row_lines(3, 0, 30);
  for (const std::string& line : test::row_lines(1, 0, 10)) lines.push_back(line);
  EXPECT_EQ(test::read_lines(*source), lines);
  EXPECT_EQ(source->expected()->records, 40u);
  // What is not read may be damaged.
  fs::remove(part(2));
  EXPECT_EQ(test::read_lines(dump, options), lines);

  wanted->tables[0].columns.pop_back();
  EXPECT_EQ(error_line([&] { dump.source(options); }, ErrorKind::refused),
            path_ + ": table public.t3 has other columns");
  wanted->tables[0].name = "none";
  EXPECT_EQ(error_line([&] { dump.source(options); }, ErrorKind::not_found),
            path_ + " does not hold all of the tables that are to be read; bulk inspect " + path_ +
                " lists those that it holds");
}

TEST_F(FolderStoreTest, APartByItselfIsASourceOfRowsToo) {
  write();
  DumpStore dump(part(2), stop_);
  const TableFacts facts = dump.describe();
  EXPECT_EQ(facts.dialect, "rows");
  RowSchema schema = decode_row_schema(facts.schema.value().json);
  EXPECT_EQ(schema.tables, std::vector<RowTable>{test::row_schema(4).tables[2]});
  ReadOptions options;
  options.rows = std::make_shared<const RowSchema>(schema);
  EXPECT_EQ(test::read_lines(dump, options), test::row_lines(2, 0, 20));
  schema.tables[0].name = "other";
  options.rows = std::make_shared<const RowSchema>(schema);
  EXPECT_EQ(error_line([&] { dump.source(options); }, ErrorKind::not_found),
            part(2) + " does not hold all of the tables that are to be read; bulk inspect " + part(2) +
                " lists those that it holds");
}

TEST_F(FolderStoreTest, TellsAMissingPartFromOneThatWasCutOrReplaced) {
  write();
  const std::string begin = path_ + ": the dump is corrupt: part 'public.t2.jsonl.zst' ";
  const std::string bytes = test::read_file(part(2));
  test::write_file(part(2), bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(corrupt(), begin + "has " + std::to_string(bytes.size() - 1) + " bytes, its manifest says " +
                           std::to_string(bytes.size()) + kNext);
  fs::remove(part(2));
  EXPECT_EQ(corrupt(), begin + "is missing" + kNext);
  ASSERT_EQ(mkfifo(part(2).c_str(), 0600), 0);
  EXPECT_EQ(corrupt(), begin + "is missing" + kNext);
  fs::remove(part(2));
  // As long as it should be, sound in itself, and another one.
  std::string other = bytes;
  other.replace(other.find("12:00:00Z"), 9, "12:00:01Z");
  test::write_file(part(2), other);
  EXPECT_EQ(corrupt(), begin + "is not the one that the manifest names" + kNext);
  test::write_file(part(2), bytes);
  EXPECT_EQ(corrupt(), "no error");
  // What the manifest does not name does not matter.
  test::write_file(path_ + "/public.t9.jsonl.zst", "text");
  EXPECT_EQ(corrupt(), "no error");
}

TEST_F(FolderStoreTest, DamageWithinAFrameIsFoundWhenItIsRead) {
  write();
  std::string bytes = test::read_file(part(3));
  const std::size_t frame = bytes.find("\x28\xB5\x2F\xFD");
  bytes[frame + 20] = static_cast<char>(bytes[frame + 20] ^ 1);
  test::write_file(part(3), bytes);
  FolderStore dump = store();
  EXPECT_EQ(error_line([&] { test::read_lines(dump); }, ErrorKind::corrupt),
            part(3) + ": the dump is corrupt: frame 1 of 3 at byte " + std::to_string(frame) +
                ": its SHA-256 is not the footer's" + kNext);
}

TEST_F(FolderStoreTest, APartThatIsReplacedBetweenTwoLooksIsNoticed) {
  write();
  FolderStore dump = store();
  const auto source = dump.source({});
  const std::vector<Segment> segments = source->plan();
  fs::rename(part(2), part(3));
  EXPECT_TRUE(error_line([&] { source->open(segments.front(), {}); }, ErrorKind::corrupt)
                  .starts_with(path_ + ": the dump is corrupt: part 'public.t3.jsonl.zst' has "));
}

TEST_F(FolderStoreTest, AManifestThatLiesIsCorrupt) {
  write();
  const std::string good = manifest_text();
  const auto lie = [&](const std::function<void(DumpManifest&)>& change) {
    test::write_file(path_ + "/manifest.json", good);
    change_manifest(change);
    return corrupt();
  };
  const std::string begin = path_ + ": the dump is corrupt: ";
  // Another table's part.
  EXPECT_EQ(lie([](DumpManifest& manifest) { std::swap(manifest.parts[1].table, manifest.parts[2].table); }),
            begin + "part 'public.t1.jsonl.zst' is of table 'public.t1', not of 'public.t2'" + kNext);
  EXPECT_EQ(lie([](DumpManifest& manifest) { manifest.parts[1].table = 4; }),
            begin + "part 'public.t1.jsonl.zst' is of table 4 of 4" + kNext);
  EXPECT_EQ(lie([](DumpManifest& manifest) { manifest.parts[1].table = UINT32_MAX; }),
            begin + "part 'public.t1.jsonl.zst' is of table 4294967295 of 4" + kNext);
  EXPECT_EQ(lie([](DumpManifest& manifest) { manifest.parts[1].table = 2; }),
            begin + "no part is of table public.t1" + kNext);
  EXPECT_EQ(lie([](DumpManifest& manifest) {
              ++manifest.parts[1].records;
              ++manifest.records;
            }),
            begin + "part 'public.t1.jsonl.zst' is not the one that the manifest names" + kNext);
  EXPECT_EQ(lie([](DumpManifest& manifest) { manifest.parts[1].name = "no.jsonl.zst"; }),
            begin + "part 'no.jsonl.zst' is missing" + kNext);
  EXPECT_EQ(lie([](DumpManifest& manifest) { manifest.header.schema_json = R"({"tables":7})"; }).find("row schema: "),
            (path_ + "/manifest.json: the dump is corrupt: ").size());
  test::write_file(path_ + "/manifest.json", "{\"bulk\"");
  EXPECT_EQ(corrupt(),
            path_ + "/manifest.json: the dump is corrupt: dump manifest: the text ends too early at byte 7" + kNext);
  test::write_file(path_ + "/manifest.json", good);
  change_manifest([](DumpManifest& manifest) { manifest.header.dialect = "other"; });
  EXPECT_EQ(error_line([&] { store().describe(); }, ErrorKind::usage),
            path_ + ": this version does not know the dialect 'other'; use the version that wrote the dump");
}

TEST_F(FolderStoreTest, AFolderWithoutAManifestIsNoDump) {
  fs::create_directory(path_);
  EXPECT_EQ(error_line([&] { store().describe(); }, ErrorKind::not_found),
            "'" + path_ + "' is a folder without manifest.json: no dump; name the files in it one by one");
  test::write_file(path_ + "/manifest-summary.json", "{}");
  EXPECT_EQ(
      error_line([&] { store().describe(); }, ErrorKind::usage),
      path_ + ": this version does not read the folders of exports; name the files in its folder data one by one");
  path_ += ".partial";
  fs::create_directory(path_);
  EXPECT_EQ(error_line([&] { store().describe(); }, ErrorKind::not_found),
            "'" + path_ + "' is a dump that was not finished; the command that was writing it goes on with --resume");
}

// Format.md allows a table of items in several parts.
TEST_F(FolderStoreTest, ItemsInSeveralParts) {
  fs::create_directory(path_);
  DumpManifest manifest;
  manifest.header = test::part_options().header;
  manifest.header.dialect = "dynamodb-json";
  for (const char* name : {"a.jsonl.zst", "b.jsonl.zst"}) {
    test::write_part(path_ + "/" + name, 20, 10);
    const PartFile file(File::open_for_reading(path_ + "/" + name));
    const DumpFooter& footer = file.footer();
    manifest.parts.push_back(
        {name, 0, file.fingerprint(), file.stored_bytes(), footer.records, footer.raw_bytes, footer.digest});
    manifest.records += footer.records;
    manifest.raw_bytes += footer.raw_bytes;
    manifest.digest += footer.digest;
  }
  test::write_file(path_ + "/manifest.json", encode_manifest(manifest));
  FolderStore dump = store();
  EXPECT_EQ(dump.describe().schema->key.text(), "pk:S");
  EXPECT_EQ(dump.tables(), nullptr);
  EXPECT_EQ(test::read_lines(dump).size(), 40u);
}

}  // namespace
}  // namespace bulk
