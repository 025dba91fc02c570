#include "backends/dump/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tests/support/dump_files.h"
#include "tests/support/dump_fixture.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::error_line;

class DumpStoreTest : public ::testing::Test {
 protected:
  DumpStore store(const std::string& name) { return {folder_.file(name), stop_}; }

  test::TempDir folder_;
  Stop stop_;
};

TEST_F(DumpStoreTest, DescribesAPart) {
  DumpStore dump = store("t.jsonl.zst");
  EXPECT_FALSE(dump.exists());
  EXPECT_TRUE(dump.is_empty());
  EXPECT_EQ(error_line([&] { dump.describe(); }, ErrorKind::not_found).substr(0, 2), "no");
  test::write_part(folder_.file("t.jsonl.zst"), 10, 3);
  EXPECT_TRUE(dump.exists());
  EXPECT_FALSE(dump.is_empty());
  const TableFacts facts = dump.describe();
  EXPECT_EQ(facts.identity.name, "t");
  EXPECT_EQ(facts.records, 10u);
  EXPECT_EQ(facts.bytes, std::filesystem::file_size(folder_.file("t.jsonl.zst")));
  ASSERT_TRUE(facts.schema.has_value());
  EXPECT_EQ(facts.schema->key.text(), "pk:S");
  EXPECT_EQ(dump.header()->source, "memory:t");
  EXPECT_EQ(dump.part()->frames().size(), 4u);
  EXPECT_EQ(dump.url(), folder_.file("t.jsonl.zst"));
}

TEST_F(DumpStoreTest, DescribesAForeignFile) {
  test::write_file(folder_.file("shop.items.jsonl"), test::joined(test::record_lines(3)));
  DumpStore dump = store("shop.items.jsonl");
  const TableFacts facts = dump.describe();
  EXPECT_EQ(facts.identity.name, "shop.items");
  EXPECT_FALSE(facts.schema.has_value());
  EXPECT_EQ(facts.records, std::nullopt);
  EXPECT_EQ(dump.header(), std::nullopt);
  EXPECT_EQ(dump.part(), nullptr);
  EXPECT_FALSE(dump.is_empty());
  // A file can be read again and again, whatever was asked before.
  EXPECT_EQ(test::read_lines(dump), test::record_lines(3));
  EXPECT_EQ(test::read_lines(dump), test::record_lines(3));
  test::write_file(folder_.file("none.jsonl"), "\n");
  EXPECT_TRUE(store("none.jsonl").is_empty());
}

TEST_F(DumpStoreTest, LooksAtTheContentNotAtTheName) {
  test::write_part(folder_.file("t.jsonl.zst"), 10, 3);
  std::filesystem::rename(folder_.file("t.jsonl.zst"), folder_.file("t.json"));
  DumpStore dump = store("t.json");
  EXPECT_EQ(test::read_lines(dump), test::record_lines(10));
  EXPECT_TRUE(dump.source({})->expected().has_value());
}

TEST_F(DumpStoreTest, APartIsKnownByItsContent) {
  test::write_part(folder_.file("a.jsonl.zst"), 10, 3);
  const std::string a = store("a.jsonl.zst").incarnation();
  EXPECT_EQ(a.size(), 64u);
  // Wherever it lies and however often it is opened, it is the same.
  std::filesystem::copy_file(folder_.file("a.jsonl.zst"), folder_.file("b.jsonl.zst"));
  EXPECT_EQ(store("b.jsonl.zst").incarnation(), a);
  test::write_part(folder_.file("c.jsonl.zst"), 11, 3);
  EXPECT_NE(store("c.jsonl.zst").incarnation(), a);
  // A footer of the same length whose hashes differ: other frames.
  std::string bytes = test::read_file(folder_.file("b.jsonl.zst"));
  const std::size_t table = 8 + (4 + 2) * 12 + 9;
  bytes[bytes.size() - table - 1] = static_cast<char>(bytes[bytes.size() - table - 1] ^ 1);
  test::write_file(folder_.file("b.jsonl.zst"), bytes);
  EXPECT_NE(store("b.jsonl.zst").incarnation(), a);
  // And another header.
  bytes = test::read_file(folder_.file("a.jsonl.zst"));
  bytes[bytes.find("2025-01-25")] = '3';
  test::write_file(folder_.file("a.jsonl.zst"), bytes);
  EXPECT_NE(store("a.jsonl.zst").incarnation(), a);
}

TEST_F(DumpStoreTest, AForeignFileIsKnownByLengthAndTime) {
  const std::string path = folder_.file("t.jsonl");
  test::write_file(path, test::joined(test::record_lines(1)));
  const timespec times[2] = {{1, 0}, {1'737'806'400, 5}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  DumpStore dump = store("t.jsonl");
  const std::string expected = std::to_string(test::record_line(0).size() + 1) + " 1737806400000000005";
  EXPECT_EQ(dump.incarnation(), expected);
  EXPECT_EQ(test::read_lines(dump), test::record_lines(1));
  EXPECT_EQ(dump.incarnation(), expected);
}

TEST_F(DumpStoreTest, AStreamAndNothingAreKnownByNothing) {
  ASSERT_EQ(mkfifo(folder_.file("pipe").c_str(), 0600), 0);
  const std::jthread writer([&] { test::write_file(folder_.file("pipe"), "{}\n"); });
  EXPECT_EQ(error_line([&] { store("pipe").incarnation(); }, ErrorKind::usage),
            folder_.file("pipe") + " cannot be read again; write it into a file first");
  EXPECT_EQ(error_line([&] { store("none.jsonl.zst").incarnation(); }, ErrorKind::not_found),
            "no file '" + folder_.file("none.jsonl.zst") + "'");
}

TEST_F(DumpStoreTest, APartThroughANamedPipeIsDescribedBeforeItIsRead) {
  test::write_part(folder_.file("t.jsonl.zst"), 1000, 100);
  const std::string pipe = folder_.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const std::jthread writer([&] { test::write_file(pipe, test::read_file(folder_.file("t.jsonl.zst"))); });
  DumpStore dump = store("pipe");
  EXPECT_EQ(dump.describe().schema->key.text(), "pk:S");
  EXPECT_EQ(dump.header()->table.name, "t");
  const auto source = dump.source({});
  EXPECT_EQ(test::read_lines(*source), test::record_lines(1000));
  EXPECT_EQ(source->expected()->records, 1000u);
  EXPECT_EQ(error_line([&] { dump.source({}); }, ErrorKind::failed), pipe + ": a stream is read once");
}

TEST_F(DumpStoreTest, LinesThroughANamedPipe) {
  const std::string pipe = folder_.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const std::jthread writer([&] { test::write_file(pipe, test::joined(test::record_lines(5000))); });
  DumpStore dump = store("pipe");
  EXPECT_FALSE(dump.describe().schema.has_value());
  EXPECT_EQ(error_line([&] { dump.is_empty(); }, ErrorKind::failed),
            pipe + ": a stream does not tell whether it is empty before it is read");
  EXPECT_EQ(test::read_lines(dump), test::record_lines(5000));
}

TEST_F(DumpStoreTest, NothingAtAllIsNoEmptyTable) {
  const std::string next = ": no dump: it holds not a single byte; find out why what wrote it stopped";
  for (const char* name : {"t.jsonl.zst", "t.jsonl.gz"}) {
    test::write_file(folder_.file(name), "");
    EXPECT_EQ(error_line([&] { store(name).source({}); }, ErrorKind::corrupt), folder_.file(name) + next);
  }
  ASSERT_EQ(mkfifo(folder_.file("pipe").c_str(), 0600), 0);
  const std::jthread writer([&] { test::write_file(folder_.file("pipe"), ""); });
  EXPECT_EQ(error_line([&] { store("pipe").describe(); }, ErrorKind::corrupt), folder_.file("pipe") + next);
  test::write_file(folder_.file("t.jsonl"), "");
  DumpStore lines = store("t.jsonl");
  EXPECT_TRUE(lines.is_empty());
  EXPECT_TRUE(test::read_lines(lines).empty());
}

TEST_F(DumpStoreTest, WritesOnlyWhereNothingIs) {
  test::write_part(folder_.file("t.jsonl.zst"), 10, 3);
  const std::string before = test::read_file(folder_.file("t.jsonl.zst"));
  EXPECT_NE(error_line([&] { store("t.jsonl.zst").sink({}); }, ErrorKind::refused), "no error");
  EXPECT_EQ(test::read_file(folder_.file("t.jsonl.zst")), before);
}

TEST_F(DumpStoreTest, APartIsForItsOwnerAlone) {
  test::write_part(folder_.file("t.jsonl.zst"), 1, 1);
  struct stat status {};
  ASSERT_EQ(stat(folder_.file("t.jsonl.zst").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(DumpStoreTest, FramesAreMadeFromManyThreads) {
  const auto sink = make_part_sink(make_file_output(folder_.file("t.jsonl.zst")), test::part_options());
  std::vector<Batch> batches(40);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    batches[i].segment = static_cast<std::uint32_t>(i % 3);
    for (std::size_t n = 0; n < 50; ++n) test::append_line(batches[i], test::record_line(i * 50 + n));
  }
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = t; i < batches.size(); i += 4) sink->encode(batches[i]);
      });
    }
  }
  const auto session = sink->open();
  for (const Batch& batch : batches) {
    std::vector<RecordRef> records;
    for (std::uint32_t i = 0; i < batch.records.size(); ++i) records.push_back({&batch, i});
    EXPECT_EQ(session->write(records).outcome, WriteResult::Outcome::done);
  }
  sink->finish();
  DumpStore dump = store("t.jsonl.zst");
  EXPECT_EQ(test::read_lines(dump), test::record_lines(2000));
  const DumpFooter& footer = dump.part()->footer();
  EXPECT_EQ(footer.segments.size(), 3u);
  Digest sum;
  for (const auto& [index, totals] : footer.segments) sum += totals.digest;
  EXPECT_EQ(sum, footer.digest);
  EXPECT_EQ(sink->stored_bytes(), std::filesystem::file_size(folder_.file("t.jsonl.zst")));
}

TEST_F(DumpStoreTest, ABatchThatWasNotEncodedIsRefused) {
  const auto sink = make_part_sink(make_file_output(folder_.file("t.jsonl.zst")), {});
  Batch batch;
  test::append_line(batch, test::record_line(1));
  const RecordRef record{&batch, 0};
  EXPECT_EQ(error_line(
                [&] {
                  sink->open()->write({&record, 1});
                },
                ErrorKind::failed),
            "a batch was written without being encoded");
}

TEST_F(DumpStoreTest, SaysWhatItDoesNotDo) {
  EXPECT_EQ(error_line([&] { store("t.zip").sink({}); }, ErrorKind::usage),
            folder_.file("t.zip") + ": a dump's name ends in .jsonl.zst (or .jsonl, .jsonl.gz); name it so");
  EXPECT_EQ(error_line([&] { store("t.jsonl").drop(); }, ErrorKind::usage),
            folder_.file("t.jsonl") + " is a dump, no table; delete the file yourself when you no longer need it");
  const std::string path = folder_.file("secret.jsonl.zst");
  test::write_file(path, "age-encryption.org/v1\n-> X25519 abc\n");
  EXPECT_EQ(
      error_line([&] { store("secret.jsonl.zst").describe(); }, ErrorKind::usage),
      path + " is encrypted with age, which this version does not read; decrypt it first: age -d -o PLAIN " + path);
}

TEST_F(DumpStoreTest, ADialectItDoesNotKnowIsNotRead) {
  DumpHeader header = test::small_header("", "t", "2025-01-25T12:00:00Z");
  header.dialect = "columns";
  test::write_small_dump(folder_.file("t.jsonl.zst"), header, "{\"a\":1}\n", 1);
  DumpStore dump = store("t.jsonl.zst");
  EXPECT_EQ(error_line([&] { dump.source({}); }, ErrorKind::usage),
            folder_.file("t.jsonl.zst") +
                ": this version does not know the dialect 'columns'; use the version that wrote the dump");
}

}  // namespace
}  // namespace bulk
