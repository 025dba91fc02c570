// Reading the history from its end: the newest runs stand there, and how long the file has become does not matter.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "io/error.h"
#include "io/file.h"
#include "src/history.h"

namespace bulk {

namespace {

constexpr std::size_t kChunkBytes = 64u << 10;
constexpr std::size_t kMaxLineBytes = 64u << 10;  // ours have at most about 20 KB
// Ends whose start has not been met: as many as runs overlap. More than this is no history of ours.
constexpr std::size_t kMostEnds = 4'096;

// The lines of a file, the last one first.
class LinesBackward {
 public:
  explicit LinesBackward(File file) : file_(std::move(file)), offset_(file_.size()) {}

  // False at the beginning of the file. A line that is too long comes as an empty one.
  bool previous(std::string& line) {
    while (true) {
      const std::size_t newline = ahead_.rfind('\n');
      const bool found = newline != std::string::npos;
      if (found || offset_ == 0) {
        if (!found && ahead_.empty() && !too_long_) return false;
        const std::size_t begin = found ? newline + 1 : 0;
        line = too_long_ || ahead_.size() - begin > kMaxLineBytes ? std::string() : ahead_.substr(begin);
        const bool ends_the_file = begin == ahead_.size() && !ended_ && !too_long_;
        ahead_.resize(found ? newline : 0);
        too_long_ = false;
        ended_ = true;
        if (ends_the_file) continue;  // the newline of the last line
        return true;
      }
      if (ahead_.size() > kMaxLineBytes) {
        too_long_ = true;
        ahead_.clear();
      }
      const std::size_t length = static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes, offset_));
      std::string chunk(length, '\0');
      offset_ -= length;
      file_.read_at(offset_, chunk.data(), length);
      ahead_ = std::move(chunk) + ahead_;
    }
  }

 private:
  File file_;
  std::uint64_t offset_;  // what lies before it has not been read
  std::string ahead_;     // read, and not handed out
  bool too_long_ = false;
  bool ended_ = false;
};

// Nothing when there is no such file.
std::optional<LinesBackward> open_history(const std::string& path) {
  try {
    File file = File::open_for_polling(path);
    if (!file.is_regular()) throw Error(ErrorKind::failed, "'" + path + "' is no file");
    return LinesBackward(std::move(file));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) return std::nullopt;
    throw;
  }
}

HistoryRun without_end(HistoryRun run) {
  const bool here = run.process.host == this_process().host;
  run.outcome = is_running(run.process) ? "running" : here ? "killed" : "unknown";
  return run;
}

}  // namespace

HistoryPage read_history(const std::string& path, const std::string& stage, std::size_t limit) {
  HistoryPage page;
  auto lines = open_history(path);
  if (!lines) return page;
  const auto wanted = [&](const HistoryRun& run) { return stage.empty() || run.stage == stage; };
  std::map<std::string, HistoryRun> ends;  // of runs whose start stands further up
  std::string line;
  bool all = false;
  while (page.runs.size() < limit && !(all = !lines->previous(line))) {
    std::optional<HistoryRun> run = parse_history_line(line);
    if (!run || (run->has_ended() && ends.size() >= kMostEnds)) {
      ++page.unreadable;
      continue;
    }
    if (run->has_ended()) {
      std::string id = run->id;
      ends.insert_or_assign(std::move(id), *std::move(run));
      continue;
    }
    if (const auto end = ends.find(run->id); end != ends.end()) {
      if (wanted(end->second)) page.runs.push_back(std::move(end->second));
      ends.erase(end);
    } else if (wanted(*run)) {
      page.runs.push_back(without_end(*std::move(run)));
    }
  }
  if (all) {  // an end says all that its start does
    for (auto& [id, run] : ends) {
      if (wanted(run)) page.runs.push_back(std::move(run));
    }
  }
  std::stable_sort(page.runs.begin(), page.runs.end(),
                   [](const HistoryRun& a, const HistoryRun& b) { return a.started > b.started; });
  if (page.runs.size() > limit) page.runs.resize(limit);
  return page;
}

void find_verified(const std::string& path, std::vector<DumpProof>& dumps) {
  auto lines = open_history(path);
  if (!lines) return;
  std::unordered_map<std::string, DumpProof*> missing;
  const auto key = [](const std::string& dump, const std::string& digest) { return digest + " " + dump; };
  for (DumpProof& dump : dumps) missing.emplace(key(dump.path, dump.digest), &dump);
  std::string line;
  while (!missing.empty() && lines->previous(line)) {
    const std::optional<HistoryRun> run = parse_history_line(line);
    if (!run || !run->has_ended() || run->verified != "content" || run->digest.empty()) continue;
    if (run->outcome != "ok" && run->outcome != "rejected") continue;
    std::vector<std::string> proven = run->dumps_read;
    proven.push_back(run->dump_written);
    for (const std::string& dump : proven) {
      const auto found = missing.find(key(dump, run->digest));
      if (found == missing.end()) continue;
      found->second->verified = run->ended;
      missing.erase(found);
    }
  }
}

}  // namespace bulk
