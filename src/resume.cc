#include "src/resume.h"

#include <unistd.h>
#include <xxhash.h>

#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "backends/dump/folder_store.h"
#include "io/error.h"
#include "src/backfill/job.h"
#include "src/config.h"
#include "src/text.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDump = ".jsonl.zst";
constexpr std::string_view kJournal = ".journal";

// Of a dump in a file or folder: by its path, which need not exist yet.
bool keeps_progress(const Store& store) {
  const bool folder = dynamic_cast<const FolderStore*>(&store) != nullptr;
  return folder || (store.is_dump() && store.url() != "-" && store.url().ends_with(kDump));
}

// Segments name tables by their position.
std::string tables_of(Store& from) {
  if (from.rows() == nullptr) return "";
  RowSchema tables;
  tables.tables = decode_row_schema(from.describe().schema.value().json).tables;
  const std::string text = encode_row_schema(tables);
  return fmt::format(" tables {:016x}", XXH3_64bits(text.data(), text.size()));
}

JournalWork describe_work(const AppContext& context, Store& from, Store& to) {
  const Options& options = context.options;
  JournalWork work;
  work.command = options.command;
  // Looked at first: a store that was given without its table's name learns it.
  work.source_id = from.incarnation() + tables_of(from);
  work.source = from.identity_text();
  if (!to.is_dump()) to.exists();
  work.target = to.identity_text();
  work.options["--consistent-read"] = options.consistent_read ? "true" : "false";
  if (!to.is_dump()) work.options["--only-missing"] = options.only_missing ? "true" : "false";
  // What is said of the whole dump in the end must hold for the frames of the earlier run too.
  if (to.is_dump()) work.options["--no-verify"] = options.verify ? "" : "true";
  work.options["--key"] = options.key;
  work.options["--table"] = from.is_dump() ? fmt::format("{}", fmt::join(options.tables, " ")) : "";
  work.options["--where"] = options.where;
  // By its content: another file of the same name is another transform.
  work.options["--transform"] = options.transform.empty() ? "" : read_job(options.transform).checksum;
  work.options["--rejects"] = options.rejects_file;
  return work;
}

std::string journal_path(const AppContext& context, const JournalWork& work, const Store& to) {
  if (to.is_dump()) return to.url() + std::string(kJournal);
  const std::string both = work.source + "\n" + work.target;
  const std::string state = state_directory(context.config, context.stores.environment);
  if (state.empty()) {
    throw Error(ErrorKind::failed,
                "there is no folder for its state: neither state_dir nor XDG_STATE_HOME nor HOME is set");
  }
  const std::string folder = state + "/journals";
  make_state_directory(folder);
  return fmt::format("{}/{:016x}{}", folder, XXH3_64bits(both.data(), both.size()), kJournal);
}

std::string busy_text(const Store& to) {
  return to.is_dump() ? fmt::format("'{}.partial' is being written", to.url())
                      : fmt::format("the same load into {} is being done", to.url());
}

std::string value_text(const std::string& name, const std::string& value) {
  if (value == "true") return "with " + name;
  if (value.empty() || value == "false") return "without " + name;
  return "with " + name + " " + value;
}

std::string digits_of(const std::string& text) {
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

std::string id_of(const JournalHeader& header) {
  return digits_of(fmt::format("{}\n{}\n{} {}", header.work.source, header.work.target, header.started, header.pid));
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::refused, "cannot go on with the unfinished run: " + what, "start afresh, without --resume");
}

}  // namespace

Resume::Resume(AppContext& context, Store& from, Store& to)
    : context_(context),
      work_(describe_work(context, from, to)),
      journal_(journal_path(context, work_, to), busy_text(to)),
      from_dump_(from.is_dump()),
      one_table_(from.rows() == nullptr && dynamic_cast<const FolderStore*>(&from) == nullptr) {}

bool Resume::is_left_lying() {
  if (context_.options.resume) return false;
  try {
    return journal_.past().has_value();
  } catch (const Error&) {  // of another version, and so not for this run
    return true;
  }
}

bool Resume::was_creating() {
  try {
    return journal_.past() && journal_.past()->header.created;
  } catch (const Error&) {  // of another version
    return false;
  }
}

bool Resume::goes_on(const std::string& target_id) {
  if (!context_.options.resume) return false;
  const std::optional<JournalContent>& past = journal_.past();
  if (!past) {
    context_.progress.note("there is nothing to go on from: starting afresh");
    return false;
  }
  const JournalWork& before = past->header.work;
  if (before.source != work_.source) refuse("it reads " + before.source + ", not " + work_.source);
  if (before.source_id != work_.source_id) {
    if (from_dump_) refuse(work_.source + " is not the dump that it was");
    context_.progress.note("the source was made anew since: starting afresh");
    return false;
  }
  if (before.target_id != target_id) {
    if (target_id.empty()) {
      context_.progress.note("the target is gone: starting afresh");
      return false;
    }
    context_.progress.note("the target was made anew since: starting afresh");
    return false;
  }
  for (const auto& [name, value] : work_.options) {
    const auto found = before.options.find(name);
    const std::string then = found == before.options.end() ? "" : found->second;
    if (then != value) refuse(fmt::format("it ran {}, this one {}", value_text(name, then), value_text(name, value)));
  }
  const std::optional<unsigned>& segments = context_.options.segments;
  if (segments && one_table_ && !past->segments.empty() && *segments != past->segments.size()) {
    refuse(fmt::format("it read {} segments, --segments says {}", past->segments.size(), *segments));
  }
  return true;
}

void Resume::begin(const std::string& started, const std::string& target_id, bool was_empty, bool created, bool keep) {
  JournalHeader header;
  header.tool = "bulk " BULK_VERSION;
  header.started = started;
  header.pid = ::getpid();
  header.work = work_;
  header.work.target_id = target_id;
  header.was_empty = was_empty;
  header.created = created;
  journal_.begin(header);
  work_id_ = id_of(header);
  if (keep) journal_.keep();
  checkpoint_.emplace(journal_, nullptr);
}

void Resume::go_on() {
  journal_.go_on();
  work_id_ = id_of(past().header);
  checkpoint_.emplace(journal_, &past());
}

bool Resume::helps(ErrorKind kind) {
  const bool cut_off = kind == ErrorKind::interrupted || kind == ErrorKind::remote;
  const bool failed = kind == ErrorKind::failed || kind == ErrorKind::not_found;
  if (!journal_.kept() || !checkpoint_) return false;
  return cut_off || (failed && checkpoint_->has_progress());
}

std::string new_work_id(const std::string& what) {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return digits_of(fmt::format("{}\n{} {}", what, now, ::getpid()));
}

std::shared_ptr<Resume> open_resume(AppContext& context, Store& from, Store& to) {
  const bool resumable = to.is_dump() ? keeps_progress(to) : true;
  // A dump of several times says so; a table would not.
  if (!to.is_dump() && !from.lasting_cursors()) {
    if (!context.options.resume) return nullptr;
    throw Error(ErrorKind::usage, "a copy of " + from.url() + " cannot be gone on with: its records change places",
                "run again with --force, or restore a backup");
  }
  if (!from.rereadable() || !resumable) {
    if (context.options.resume) {
      throw Error(
          ErrorKind::usage,
          (resumable ? (from.url() == "-" ? std::string("standard input") : from.url()) + " cannot be read again"
                     : "only a dump that is a .jsonl.zst file or a folder can be gone on with, not " + to.url()),
          "leave --resume out");
    }
    return nullptr;
  }
  if (to.is_dump()) make_folder_of(to.url());
  try {
    context.resume = std::make_shared<Resume>(context, from, to);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::failed || to.is_dump() || context.options.resume) throw;
    context.warn(std::string("this run cannot be resumed if it is cut short: ") + error.what());
    return nullptr;
  }
  return context.resume;
}

std::optional<std::string> unfinished_dump(const AppContext& context, Store& from, const std::string& folder) {
  const std::string source_id = from.incarnation() + tables_of(from);
  const std::string source = from.identity_text();
  std::string newest, newest_started, busy_path;
  std::error_code ignored;
  for (const fs::directory_entry& file : fs::directory_iterator(folder, ignored)) {
    const std::string path = file.path().string();
    if (!path.ends_with(kJournal)) continue;
    bool busy = false;
    const std::optional<JournalContent> content = look_at_journal(path, busy);
    if (!content) continue;
    const JournalHeader& header = content->header;
    if (header.work.source != source || header.work.source_id != source_id) continue;
    const std::string dump = path.substr(0, path.size() - kJournal.size());
    // Somebody has removed what it speaks of.
    if (!fs::exists(dump + ".partial", ignored) && !fs::exists(dump, ignored)) continue;
    if (busy) {
      busy_path = dump;
    } else if (newest.empty() || header.started > newest_started) {
      newest = dump;
      newest_started = header.started;
    }
  }
  if (!newest.empty()) return newest;
  if (busy_path.empty() || !context.options.resume) return std::nullopt;
  throw Error(ErrorKind::locked, fmt::format("'{}.partial' is being written by another run", busy_path), "wait for it");
}

}  // namespace bulk
