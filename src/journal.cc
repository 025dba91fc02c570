#include "src/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "io/error.h"

namespace bulk {
namespace {

// A line per frame of 4 MiB and a few per second of work: this is far behind 10 TB.
constexpr std::size_t kMostBytes = 1u << 30;

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
    return File::open_locked(path, "", "");
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
  if (!kept_ && file_.fd() >= 0) ::unlink(path_.c_str());
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
  file_.write(entry);
  file_.sync();
}

void Journal::remove() {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) throw os_error("remove '" + path_ + "'", errno);
  kept_ = true;  // nothing is left to remove
}

std::optional<JournalContent> look_at_journal(const std::string& path, bool& busy) {
  try {
    const File file = File::open_for_reading(path);
    busy = ::flock(file.fd(), LOCK_SH | LOCK_NB) != 0;
    return decode_journal(text_of(file));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace bulk
