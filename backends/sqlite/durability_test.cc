// What an acknowledged write is worth when the power fails right behind it: SQLite runs on a file system of the test's
// own that remembers of each file what it held when it was last synced, and of each removal whether the folder was
// synced behind it. What a machine would find after a power failure is then written into another folder and opened
// there.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstring>
#include <map>
#include <set>

#include "backends/schema.h"
#include "backends/sqlite/store.h"
#include "tests/support/dump_files.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

// The default VFS as long as it lives: passes everything on to the one that was default before. One at a time, used by
// one thread.
class PowerCut {
 public:
  PowerCut() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
    vfs_.pNext = nullptr;
    vfs_.zName = "power-cut";
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(OpenFile)) + real_->szOsFile;
    vfs_.xOpen = open;
    vfs_.xDelete = remove;
    if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("sqlite3_vfs_register");
  }
  ~PowerCut() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }
  PowerCut(const PowerCut&) = delete;

  // The files as they would be found, by name.
  std::map<std::string, std::string> durable;

 private:
  struct OpenFile {  // the real file's own structure follows
    sqlite3_file base;
    PowerCut* owner;
    const char* path;   // null: a temporary file
    bool syncs_folder;  // with its first sync, as SQLite's own VFS does it for a journal or log that it may have made
  };
  static sqlite3_file* real(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<OpenFile*>(file) + 1);
  }
  static std::string name(const char* path) { return std::filesystem::path(path).filename().string(); }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    auto* self = static_cast<PowerCut*>(vfs->pAppData);
    auto* opened = reinterpret_cast<OpenFile*>(file);
    constexpr int kJournals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    *opened = {{nullptr}, self, path, (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0};
    std::memset(static_cast<void*>(real(file)), 0, static_cast<std::size_t>(self->real_->szOsFile));
    const int code = self->real_->xOpen(self->real_, path, real(file), flags, out_flags);
    if (real(file)->pMethods != nullptr) opened->base.pMethods = &methods();
    return code;
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_folder) {
    auto* self = static_cast<PowerCut*>(vfs->pAppData);
    const int code = self->real_->xDelete(self->real_, path, sync_folder);
    if (code == SQLITE_OK) self->removed_.insert(name(path));
    if (code == SQLITE_OK && sync_folder != 0) self->sync_folder();
    return code;
  }
  void sync_folder() {
    for (const std::string& name : removed_) durable.erase(name);
    removed_.clear();
  }
  static int sync(sqlite3_file* file, int flags) {
    const int code = real(file)->pMethods->xSync(real(file), flags);
    auto* opened = reinterpret_cast<OpenFile*>(file);
    if (code != SQLITE_OK || opened->path == nullptr) return code;
    opened->owner->removed_.erase(name(opened->path));
    if (std::exchange(opened->syncs_folder, false)) opened->owner->sync_folder();
    sqlite3_int64 bytes = 0;
    real(file)->pMethods->xFileSize(real(file), &bytes);
    std::string content(static_cast<std::size_t>(bytes), '\0');
    real(file)->pMethods->xRead(real(file), content.data(), static_cast<int>(bytes), 0);
    opened->owner->durable[name(opened->path)] = std::move(content);
    return code;
  }

  static const sqlite3_io_methods& methods() {
    using File = sqlite3_file;
    static const sqlite3_io_methods kMethods = {
        2,  // without memory-mapped reading
        [](File* f) { return real(f)->pMethods->xClose(real(f)); },
        [](File* f, void* to, int n, sqlite3_int64 at) { return real(f)->pMethods->xRead(real(f), to, n, at); },
        [](File* f, const void* of, int n, sqlite3_int64 at) { return real(f)->pMethods->xWrite(real(f), of, n, at); },
        [](File* f, sqlite3_int64 n) { return real(f)->pMethods->xTruncate(real(f), n); },
        sync,
        [](File* f, sqlite3_int64* n) { return real(f)->pMethods->xFileSize(real(f), n); },
        [](File* f, int lock) { return real(f)->pMethods->xLock(real(f), lock); },
        [](File* f, int lock) { return real(f)->pMethods->xUnlock(real(f), lock); },
        [](File* f, int* held) { return real(f)->pMethods->xCheckReservedLock(real(f), held); },
        [](File* f, int op, void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); },
        [](File* f) { return real(f)->pMethods->xSectorSize(real(f)); },
        [](File* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
        [](File* f, int page, int n, int extend, void volatile** to) {
          return real(f)->pMethods->xShmMap(real(f), page, n, extend, to);
        },
        [](File* f, int at, int n, int flags) { return real(f)->pMethods->xShmLock(real(f), at, n, flags); },
        [](File* f) { real(f)->pMethods->xShmBarrier(real(f)); },
        [](File* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); },
        nullptr,
        nullptr};
    return kMethods;
  }

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  std::set<std::string> removed_;  // and nobody has synced the folder since
};

class SqliteDurabilityTest : public ::testing::TestWithParam<const char*> {
 protected:
  // Whether just these are found after a power failure now: the first `count` of test::record_lines().
  ::testing::AssertionResult survive(std::size_t count) {
    const test::TempDir found;
    for (const auto& [name, content] : cut_.durable) test::write_file(found.file(name), content);
    SqliteStore store(found.file("t.db"), "t");
    std::vector<std::string> lines = test::read_lines(store);
    std::vector<std::string> wanted = test::record_lines(count);
    std::sort(lines.begin(), lines.end());
    std::sort(wanted.begin(), wanted.end());
    if (lines == wanted) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << lines.size() << " records where " << count << " should be";
  }

  test::TempDir folder_;
  std::string path_ = folder_.file("t.db");
  PowerCut cut_;
};

// A table in a file of ours is in WAL mode; somebody may have changed that since.
TEST_P(SqliteDurabilityTest, AnAcknowledgedWriteIsThereAfterAPowerFailure) {
  SqliteStore store(path_, "t");
  store.create(schema_from_key({{"pk", 'S'}, std::nullopt}));
  EXPECT_TRUE(survive(0));
  Connection(path_, 0).execute(std::string("PRAGMA journal_mode = ") + GetParam());
  const auto sink = store.sink({});
  {
    const auto session = sink->open();
    for (std::size_t done = 0; done < 100; done += 25) {
      Batch batch;
      std::vector<RecordRef> records;
      for (std::uint32_t i = 0; i < 25; ++i) {
        test::append_line(batch, test::record_line(done + i));
        records.push_back({&batch, i});
      }
      ASSERT_EQ(session->write(records).outcome, WriteResult::Outcome::done);
      EXPECT_TRUE(survive(done + 25));
    }
    EXPECT_EQ(sink->checkpoint(), "");
    EXPECT_TRUE(survive(100));
  }
  sink->finish();
  EXPECT_TRUE(survive(100));
}

// The test can fail: a write that has not been committed is lost.
TEST_P(SqliteDurabilityTest, AWriteThatWasNotCommittedIsNot) {
  SqliteStore store(path_, "t");
  store.create(schema_from_key({{"pk", 'S'}, std::nullopt}));
  Connection other(path_, 0);
  other.execute(std::string("PRAGMA journal_mode = ") + GetParam());
  other.execute("BEGIN IMMEDIATE; INSERT INTO t (partition_key, item) VALUES ('a', '{}')");
  EXPECT_TRUE(survive(0));
  other.execute("ROLLBACK");
}

INSTANTIATE_TEST_SUITE_P(JournalModes, SqliteDurabilityTest, ::testing::Values("WAL", "DELETE"),
                         [](const ::testing::TestParamInfo<const char*>& info) { return std::string(info.param); });

}  // namespace
}  // namespace bulk
