#include "tests/crash/job.h"

#include <sqlite3.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <stdexcept>

#include "tests/support/shared.h"

namespace bulk::test {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCreate =
    R"({"TableName":"source-table","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],)"
    R"("AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}],)"
    R"("BillingMode":"PAY_PER_REQUEST"})";
constexpr const char* kDump = "dump.jsonl.zst";
constexpr const char* kTable = "target-table";

// Text that does not compress to nothing, so that frames stay files of many writes.
std::string made_up_item(std::size_t number, std::size_t bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::mt19937_64 random(number);
  std::string text;
  while (text.size() < bytes) text += kDigits[random() % kDigits.size()];
  return R"({"pk":{"S":"CUSTOMER#)" + std::to_string(number / 7) + R"("},"sk":{"S":"ORDER#)" + std::to_string(number) +
         R"("},"text":{"S":")" + text + R"("},"number":{"N":")" + std::to_string(number) + R"("}})";
}

void give_credentials(Sandbox& sandbox) {
  sandbox.environment["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE";
  sandbox.environment["AWS_SECRET_ACCESS_KEY"] = "secret";
}

// What the whole frames of a log decompress to; a torn end is left out.
std::string whole_frames(const std::string& path) {
  const std::string stored = read_file(path);
  std::string text;
  for (std::size_t at = 0; at < stored.size();) {
    const std::size_t length = ZSTD_findFrameCompressedSize(stored.data() + at, stored.size() - at);
    if (ZSTD_isError(length) != 0) break;
    const unsigned long long plain = ZSTD_getFrameContentSize(stored.data() + at, length);
    if (plain > 0 && plain < (1u << 30)) {
      std::string lines(plain, '\0');
      if (ZSTD_isError(ZSTD_decompress(lines.data(), lines.size(), stored.data() + at, length)) != 0) break;
      text += lines;
    }
    at += length;
  }
  return text;
}

}  // namespace

Workload small_workload(const std::string& job) {
  Workload workload;
  if (job.starts_with("restore")) workload.item_bytes = 300;
  if (job == "backfill") {
    workload.items = 120;
    workload.item_bytes = 300;
    workload.page_bytes = 12'000;
  }
  return workload;
}

std::vector<std::string> items_of_dump(const std::string& path) {
  const std::string stored = read_file(path);
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  std::string text;
  std::string piece(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{stored.data(), stored.size(), 0};
  std::size_t left = 0;
  for (bool more = true; more;) {
    ZSTD_outBuffer out{piece.data(), piece.size(), 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) != 0) throw std::runtime_error(path + ": " + ZSTD_getErrorName(left));
    text.append(piece, 0, out.pos);
    more = in.pos < in.size || out.pos == piece.size();
  }
  if (left != 0) throw std::runtime_error(path + " ends inside a frame");
  static constexpr std::string_view kBegin = "{\"Item\":";
  std::vector<std::string> items;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos || text.compare(at, kBegin.size(), kBegin) != 0)
      throw std::runtime_error(path + " holds a broken line");
    items.push_back(text.substr(at + kBegin.size(), end - at - kBegin.size() - 1));
    at = end + 1;
  }
  std::sort(items.begin(), items.end());
  return items;
}

std::vector<std::string> items_of_sqlite(const std::string& path) {
  sqlite3* handle = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database(handle, &sqlite3_close);
  std::vector<std::string> items;
  std::string sound;
  const auto take = [](void* into, int, char** values, char**) {
    static_cast<std::vector<std::string>*>(into)->emplace_back(values[0] != nullptr ? values[0] : "");
    return 0;
  };
  std::vector<std::string> verdict;
  if (opened != SQLITE_OK || sqlite3_exec(handle, "PRAGMA integrity_check", take, &verdict, nullptr) != SQLITE_OK ||
      verdict != std::vector<std::string>{"ok"} ||
      sqlite3_exec(handle, "SELECT item FROM items", take, &items, nullptr) != SQLITE_OK) {
    throw std::runtime_error(path + ": " + (verdict.empty() ? sqlite3_errmsg(handle) : verdict.front()));
  }
  std::sort(items.begin(), items.end());
  return items;
}

Fixture::Fixture(const Workload& workload) : workload_(workload) {
  Faults faults;
  faults.page_bytes = workload.page_bytes;
  server_ = std::make_unique<FaultServer>(faults);
  server_->create_table(kCreate);
  for (std::size_t i = 0; i < workload.items; ++i) server_->put("source-table", made_up_item(i, workload.item_bytes));
  items_ = server_->items("source-table");
  std::sort(items_.begin(), items_.end());
  give_credentials(sandbox_);
  dump_ = sandbox_.path(kDump);
  // A frame is never larger than a segment.
  const RunResult made =
      sandbox_.bulk({"backup", server_->url("source-table"), "--to", dump_, "--segments", "12", "-q"});
  if (made.status != 0) throw std::runtime_error("no fixture: " + made.err);
  faults = workload.faults;
  faults.page_bytes = workload.page_bytes;
  server_->set(faults);
}

Job::Job(const Fixture& fixture, std::string name) : fixture_(fixture), name_(std::move(name)) {
  give_credentials(sandbox);
  sandbox.environment["XDG_STATE_HOME"] = sandbox.path("state");
  if (name_ == "restore" || name_ == "copy") target_ = std::make_unique<FaultServer>(fixture.workload().faults);
  if (name_.starts_with("restore")) fs::copy_file(fixture.dump(), sandbox.path(kDump));
  if (name_ != "backfill") return;
  Faults faults = fixture.workload().faults;
  faults.page_bytes = fixture.workload().page_bytes;
  target_ = std::make_unique<FaultServer>(faults);
  target_->create_table(kCreate);
  for (const std::string& item : fixture.items()) target_->put("source-table", item);
  sandbox.write("count.toml", "name = \"count\"\ntable = \"" + target_->url("source-table") + R"toml("
marker = "counted_by"
update = "SET #n = #n + :one"
[names]
"#n" = "number"
[values]
":one" = { N = "1" }
)toml");
}

std::string Job::root() const {
  return fs::canonical(sandbox.path(".")).string();
}

Arguments Job::command() const {
  Arguments arguments;
  const std::string source = fixture_.server().url("source-table");
  if (name_ == "backfill") arguments = {"backfill", "run", "count.toml", "--segments", "2"};
  if (name_ == "backup") arguments = {"backup", source, "--to", kDump, "--segments", "2"};
  if (name_ == "restore") arguments = {"restore", kDump, "--to", target_->url(kTable), "--create"};
  if (name_ == "restore-sqlite") arguments = {"restore", kDump, "--to", "sqlite:table.db#items", "--create"};
  if (name_ == "copy") arguments = {"copy", source, target_->url(kTable), "--create", "--segments", "2"};
  for (const char* more : {"--memory", "8M", "-j", "1", "--progress", "none", "--json"}) arguments.emplace_back(more);
  return arguments;
}

Arguments Job::resume() const {
  Arguments arguments = command();
  if (name_ == "backfill") return arguments;
  arguments.emplace_back("--resume");
  return arguments;
}

std::string Job::problem_of(std::vector<std::string> found) const {
  std::sort(found.begin(), found.end());
  if (found == fixture_.items()) return {};
  std::vector<std::string> missing;
  std::vector<std::string> strange;
  std::set_difference(fixture_.items().begin(), fixture_.items().end(), found.begin(), found.end(),
                      std::back_inserter(missing));
  std::set_difference(found.begin(), found.end(), fixture_.items().begin(), fixture_.items().end(),
                      std::back_inserter(strange));
  const auto first = [](const std::vector<std::string>& items) {
    return items.empty() ? std::string() : " (" + items.front().substr(0, 60) + ")";
  };
  return std::to_string(missing.size()) + " items are missing" + first(missing) + ", " +
         std::to_string(strange.size()) + " are doubled or changed" + first(strange);
}

std::string Job::problem_of_dump() {
  const RunResult verified = sandbox.bulk({"verify", kDump, "-q"});
  if (verified.status != 0) return "bulk verify: " + verified.err;
  return problem_of(items_of_dump(sandbox.path(kDump)));
}

// Whatever has been changed can be taken back.
std::string Job::problem_of_undo_log() {
  std::string logged;
  for (const std::string& file : sandbox.files()) {
    if (file.ends_with(".undo.jsonl.zst")) logged += whole_frames(sandbox.path(file));
  }
  for (const auto& [key, times] : target_->updates("source-table")) {
    if (logged.find(R"({"Key":)" + key) == std::string::npos) return key + " was changed and is not in the undo log";
    if (times > 1) return key + " was changed " + std::to_string(times) + " times";
  }
  return {};
}

std::string Job::problem_of_backfill() const {
  std::vector<std::string> expected;
  for (const std::string& item : fixture_.items()) {
    static constexpr std::string_view kNumber = R"("number":{"N":")";
    const std::size_t at = item.find(kNumber) + kNumber.size();
    const std::size_t end = item.find('"', at);
    expected.push_back(item.substr(0, at) + std::to_string(std::stoul(item.substr(at, end - at)) + 1) +
                       item.substr(end, item.size() - end - 1) + R"(,"counted_by":{"S":"count"}})");
  }
  return target_->differences("source-table", expected);
}

std::string Job::problem_at_any_time() {
  if (name_ == "backfill") return problem_of_undo_log();
  return name_ == "backup" && sandbox.exists(kDump) ? problem_of_dump() : "";
}

std::string Job::problem_of_content() {
  try {
    if (name_ == "backup") return sandbox.exists(kDump) ? problem_of_dump() : "there is no dump";
    if (into_sqlite()) return problem_of(items_of_sqlite(sandbox.path("table.db")));
    if (name_ == "backfill") return problem_of_undo_log() + problem_of_backfill();
    return problem_of(target_->items(kTable));
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

std::string Job::problem_at_the_end() {
  for (const std::string& file : sandbox.files()) {
    if (file.ends_with(".partial") || file.ends_with(".journal")) return file + " is left over";
  }
  return problem_of_content();
}

}  // namespace bulk::test
