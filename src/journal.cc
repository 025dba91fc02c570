#include "src/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "io/error.h"

namespace bulk {
namespace {

// A line per frame of 4 MiB and a few per second of work: this is far behind 10 TB.
constexpr std::size_t kMostBytes = 1u << 30;

// A look is for the header, and must not cost what the whole costs.

std::string text_of(const File& file) {
  const std::uint64_t bytes = file.size();
  if (bytes > kMostBytes) {
    throw Error(ErrorKind::failed, "'" + file.path() + "' is larger than a journal can be",
                "start afresh, without --resume");
  }
  std::string text(bytes, '\0');
  file.read_at(0, text.data(), text.size());
  return text;
}

std::string owner_of(const std::string& path) {
  bool busy = false;
  const std::optional<JournalContent> content = look_at_journal(path, busy);
  if (!content) return "another run";
  return "another run (process " + std::to_string(content->header.pid) + ", since " + content->header.started + ")";
}

File open_journal(const std::string& path, const std::string& what) {
  try {
    File file = File::open_locked(path, "", "");
    if (file.is_regular()) return file;
    throw Error(ErrorKind::refused, "'" + path + "' is no file", "remove it");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::locked) throw;
    throw Error(ErrorKind::locked, what + " by " + owner_of(path), "wait for it");
  }
}

}  // namespace

Journal::Journal(std::string path, const std::string& what) : path_(std::move(path)), file_(open_journal(path_, what)) {
  kept_ = file_.size() > 0;
}

Journal::~Journal() {
  if (!kept_ && file_.has_name(path_)) ::unlink(path_.c_str());
}

const std::optional<JournalContent>& Journal::past() {
  if (!read_) past_ = decode_journal(text_of(file_));
  read_ = true;
  return past_;
}

void Journal::begin(const JournalHeader& header) {
  kept_ = false;
  if (::ftruncate(file_.fd(), 0) != 0 || ::lseek(file_.fd(), 0, SEEK_SET) != 0) {
    throw os_error("empty '" + path_ + "'", errno);
  }
  append(header_entry(header));
  sync_folder_of(path_);
}

void Journal::go_on() {
  const auto end = static_cast<off_t>(past()->sound_bytes);
  if (::ftruncate(file_.fd(), end) != 0 || ::lseek(file_.fd(), end, SEEK_SET) != end) {
    throw os_error("write '" + path_ + "'", errno);
  }
}

void Journal::append(const std::string& entry) {
  if (!file_.has_name(path_)) {
    throw Error(ErrorKind::failed, "'" + path_ + "' was removed while the run was at work",
                "its journal is gone: start afresh, without --resume");
  }
  file_.write(entry);
  file_.sync();
}

void Journal::remove() {
  if (file_.has_name(path_) && ::unlink(path_.c_str()) != 0) throw os_error("remove '" + path_ + "'", errno);
  kept_ = true;  // nothing is left to remove
}

std::optional<JournalContent> look_at_journal(const std::string& path, bool& busy, std::uint64_t most_bytes) {
  try {
    std::optional<JournalContent> content;
    {
      const File file = File::open_for_polling(path);
      if (!file.is_regular()) return std::nullopt;
      std::string text(std::min(file.size(), most_bytes), '\0');
      file.read_at(0, text.data(), text.size());
      content = decode_journal(text);
    }
    // For an instant only: whoever wants to have it waits a moment, as File::open_locked does.
    const File file = File::open_for_polling(path);
    busy = ::flock(file.fd(), LOCK_SH | LOCK_NB) != 0;
    return content;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace bulk
