#include "io/partial_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <vector>

#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kAfresh = "start afresh, without --resume";

std::string in_quotes(const std::string& path) {
  return "'" + path + "'";
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Error appeared(const std::string& path) {
  return {ErrorKind::refused, in_quotes(path) + " appeared while it was being written", "name another folder"};
}

File lock_folder(const std::string& final_path, PartialFolder::Begin begin) {
  const std::string path = final_path + ".partial";
  if (exists(final_path)) {
    throw Error(ErrorKind::refused, in_quotes(final_path) + " exists", "name another folder or remove it");
  }
  const bool make = begin == PartialFolder::Begin::afresh;
  if (!make && !exists(path)) throw Error(ErrorKind::corrupt, in_quotes(path) + " is gone", kAfresh);
  make_folder_of(final_path);
  return File::open_locked_folder(path, make, in_quotes(path) + " is being written by another run",
                                  "wait for it or name another folder");
}

}  // namespace

PartialFolder::PartialFolder(const std::string& final_path, Begin begin, Names ours)
    : final_path_(final_path), ours_(std::move(ours)), folder_(lock_folder(final_path, begin)) {
  if (begin == Begin::go_on) {
    kept_ = true;
    return;
  }
  // All of it is looked at before anything is removed.
  for_each_entry([&](const std::string& name, bool regular) {
    if (regular && ours_(name)) return;
    throw Error(ErrorKind::refused, in_quotes(path()) + " holds '" + name + "', which no dump has",
                "look what it is and remove it, or name another folder");
  });
  clear();
  if (::fchmod(folder_.fd(), 0700) != 0) throw os_error("write " + in_quotes(path()), errno);
}

PartialFolder::~PartialFolder() {
  if (published_ || kept_) return;
  try {
    if (!folder_.has_name(path())) return;
    clear();
    ::rmdir(path().c_str());
  } catch (const std::exception&) {
    // What cannot be looked at stays: a partial folder is never taken for a dump.
  }
}

File PartialFolder::create(const std::string& name) {
  const int fd = ::openat(folder_.fd(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) throw Error(ErrorKind::refused, in_quotes(path_of(name)) + " exists");
  if (fd < 0) throw os_error("create " + in_quotes(path_of(name)), errno);
  names_changed_ = true;
  return {fd, path_of(name)};
}

File PartialFolder::open(const std::string& name) {
  // A pipe of this name must not be waited for.
  const int fd = ::openat(folder_.fd(), name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) throw Error(ErrorKind::corrupt, in_quotes(path_of(name)) + " is gone", kAfresh);
  if (fd < 0) throw os_error("open " + in_quotes(path_of(name)), errno);
  return {fd, path_of(name)};
}

bool PartialFolder::has(const std::string& name) const {
  return ::faccessat(folder_.fd(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void PartialFolder::rename(const std::string& from, const std::string& to) {
  if (::renameat(folder_.fd(), from.c_str(), folder_.fd(), to.c_str()) != 0) {
    throw os_error("rename " + in_quotes(path_of(from)), errno);
  }
  names_changed_ = true;
}

void PartialFolder::remove(const std::string& name) {
  if (::unlinkat(folder_.fd(), name.c_str(), 0) == 0) {
    names_changed_ = true;
  } else if (errno != ENOENT) {
    throw os_error("remove " + in_quotes(path_of(name)), errno);
  }
}

void PartialFolder::check_name() const {
  if (folder_.has_name(path())) return;
  throw Error(ErrorKind::failed, in_quotes(path()) + " was removed or replaced while it was being written", kAfresh);
}

void PartialFolder::sync_names() {
  if (names_changed_) folder_.sync_folder();
  names_changed_ = false;
}

void PartialFolder::keep() {
  check_name();
  sync_names();
  if (!kept_) sync_folder_of(path());
  kept_ = true;
}

void PartialFolder::publish() {
  check_name();
  sync_names();
  if (::renameat2(AT_FDCWD, path().c_str(), AT_FDCWD, final_path_.c_str(), RENAME_NOREPLACE) != 0) {
    int error = errno;
    // File systems without RENAME_NOREPLACE (NFS, some FUSE). A folder replaces nothing but an empty folder.
    if (error == EINVAL || error == ENOSYS) {
      if (exists(final_path_)) throw appeared(final_path_);
      error = ::rename(path().c_str(), final_path_.c_str()) == 0 ? 0 : errno;
    }
    if (error == EEXIST || error == ENOTEMPTY || error == ENOTDIR) throw appeared(final_path_);
    if (error != 0) throw os_error("rename " + in_quotes(path()), error);
  }
  published_ = true;
  sync_folder_of(final_path_);
}

void PartialFolder::for_each_entry(const std::function<void(const std::string&, bool)>& look) const {
  struct Close {
    void operator()(DIR* entries) const noexcept { ::closedir(entries); }
  };
  const int fd = ::openat(folder_.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw os_error("read folder " + in_quotes(path()), errno);
  const std::unique_ptr<DIR, Close> entries(::fdopendir(fd));
  if (!entries) {
    const int error = errno;
    ::close(fd);
    throw os_error("read folder " + in_quotes(path()), error);
  }
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr && errno != 0) throw os_error("read folder " + in_quotes(path()), errno);
    if (entry == nullptr) return;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat status {};
    if (::fstatat(folder_.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // it has gone meanwhile
    look(name, S_ISREG(status.st_mode));
  }
}

void PartialFolder::clear() {
  std::vector<std::string> names;
  for_each_entry([&](const std::string& name, bool regular) {
    if (regular && ours_(name)) names.push_back(name);
  });
  for (const std::string& name : names) remove(name);
}

}  // namespace bulk
