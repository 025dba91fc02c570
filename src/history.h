// The log of what was done to tables and dumps: STATE/history.jsonl, one JSON line when a run starts and one when it
// ends (docs: README, "What was done"). Here are the form of a line, appending one, and reading the newest. Which facts
// a run records is in src/run_record.h.
//
// The file outlives versions and crashes and may have been edited: what is no line of ours is counted and passed over,
// and reading takes the same memory however long it is. It holds no secrets: endpoints as the summary shows them, and
// never the command line.
//
// Any number of processes append: each line is one write() to the end of the file under flock(), durable before the
// call returns. No threads here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulk {

// Which process of which machine: a pid alone is given out again.
struct ProcessIdentity {
  std::string host;
  std::int64_t pid = 0;
  std::string start;  // its start time since boot and which boot; empty: unknown
};
ProcessIdentity this_process();
bool is_running(const ProcessIdentity& process);  // here: false for one of another host

struct HistoryRun {
  std::string id;  // 16 hex digits
  std::string started, ended;
  std::string user, sudo_user;  // sudo_user: on whose behalf, where sudo says so
  ProcessIdentity process;
  std::string command, stage, source, target, reason;
  std::string dump_written;             // absolute paths
  std::vector<std::string> dumps_read;  // to their end
  // ok, rejected, failed, interrupted. Without an end: running, killed, or unknown where another host would have to
  // say.
  std::string outcome;
  std::string error_kind;
  int exit_status = 0;
  std::uint64_t read = 0, written = 0, rejected = 0;
  std::string digest;
  std::string verified;  // empty, acknowledged, content
  double seconds = 0;
  bool resumed = false;

  bool has_ended() const { return !ended.empty(); }
};

std::string history_path(const std::string& state_directory);
// One line with its newline. Texts that are no UTF-8 lose what is not ASCII; those too long for a log lose their end.
std::string history_line(const HistoryRun& run);
std::optional<HistoryRun> parse_history_line(std::string_view line);
// The members of a line, without the braces: for `bulk history --json`.
std::string history_members(const HistoryRun& run);

// Throws Error; what it had written is taken back then.
void append_history(const std::string& path, const std::string& line);

struct HistoryPage {
  std::vector<HistoryRun> runs;  // newest first
  std::uint64_t unreadable = 0;  // lines passed over
};
// The `limit` runs that started last; `stage`, where not empty: of this stage only. A file that is not there is empty.
HistoryPage read_history(const std::string& path, const std::string& stage, std::size_t limit);

// When a dump was last read to its end, or written, with every record compared: by its digest and path.
struct DumpProof {
  std::string path;  // canonical_path()
  std::string digest;
  std::string verified;  // filled in: the time, or empty
};
void find_verified(const std::string& path, std::vector<DumpProof>& dumps);

// Absolute, symbolic links resolved as far as the file is there.
std::string canonical_path(const std::string& path);

}  // namespace bulk
