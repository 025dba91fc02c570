#include "backends/dump/folder_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>

#include "io/error.h"

namespace bulk {
namespace {

constexpr std::string_view kSuffix = ".partial";
constexpr const char* kAfresh = "start afresh, without --resume";
constexpr std::size_t kSyncThreads = 16;

struct stat look_at(const File& file) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) throw os_error("look at '" + file.path() + "'", errno);
  return status;
}

void go_to(const File& file, std::uint64_t offset) {
  if (::lseek(file.fd(), static_cast<off_t>(offset), SEEK_SET) < 0)
    throw os_error("write '" + file.path() + "'", errno);
}

Error replaced(const std::string& path) {
  return {ErrorKind::failed, "'" + path + "' was removed or replaced while it was being written", kAfresh};
}

// Makes all of them durable; throws the first failure when all have been tried.
void sync_together(const std::vector<File*>& files) {
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> failures(files.size());
  const auto sync_some = [&]() noexcept {
    for (std::size_t i = next.fetch_add(1); i < files.size(); i = next.fetch_add(1)) {
      try {
        files[i]->sync();
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    try {
      while (threads.size() + 1 < std::min(files.size(), kSyncThreads)) threads.emplace_back(sync_some);
    } catch (const std::system_error&) {
      // Where there can be no more threads, fewer do it.
    }
    sync_some();
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace

class FolderFiles::OneFile : public Output {
 public:
  OneFile(FolderFiles& files, std::string name, File file, std::uint64_t bytes)
      : files_(files), name_(std::move(name)), inode_(look_at(file).st_ino), file_(std::move(file)), written_(bytes) {
    files_.used(*this);
  }
  ~OneFile() override {
    if (file_) files_.closed(*this);
  }

  void write(std::string_view bytes) override {
    if (!file_) reopen();
    files_.used(*this);
    durable_ = false;
    file_->write(bytes);
    written_ += bytes.size();
  }

  bool keep() override {
    make_durable();
    if (file_) check_name();
    return true;
  }

  void publish() override {
    if (!file_) reopen();
    files_.closed(*this);
    files_.publish_later(std::move(*file_), name_);
    file_.reset();
  }

  std::uint64_t written() const override { return written_; }

  void close() {
    make_durable();
    files_.closed(*this);
    file_.reset();
  }

  // What close() and keep() have to make durable, or null. When that fails it must stay open: it alone knows.
  File* not_durable() { return durable_ ? nullptr : &*file_; }
  void made_durable() { durable_ = true; }

 private:
  std::string partial() const { return name_ + std::string(kSuffix); }

  void make_durable() {
    if (durable_) return;
    file_->sync();
    durable_ = true;
  }

  void reopen() {
    File file = files_.folder_.open(partial());
    const struct stat status = look_at(file);
    if (status.st_ino != inode_ || static_cast<std::uint64_t>(status.st_size) != written_) {
      throw replaced(file.path());
    }
    go_to(file, written_);
    file_ = std::move(file);
    files_.used(*this);
  }

  void check_name() const {
    const std::string path = files_.folder_.path_of(partial());
    if (!file_->has_name(path)) throw replaced(path);
  }

  FolderFiles& files_;
  const std::string name_;
  const ino_t inode_;
  std::optional<File> file_;
  std::uint64_t written_;
  bool durable_ = false;  // all that was written
};

void FolderFiles::used(OneFile& file) {
  open_.remove(&file);
  if (open_.size() >= most_open_) {
    keep();
    while (open_.size() > most_open_ / 2) open_.back()->close();
  }
  open_.push_front(&file);
}

void FolderFiles::keep() {
  std::vector<OneFile*> written;
  std::vector<File*> files;
  for (OneFile* const file : open_) {
    if (file->not_durable() == nullptr) continue;
    written.push_back(file);
    files.push_back(file->not_durable());
  }
  sync_together(files);
  for (OneFile* const file : written) file->made_durable();
}

void FolderFiles::publish_later(File file, const std::string& name) {
  published_.push_back({std::move(file), name});
  if (published_.size() >= most_open_) publish();
}

void FolderFiles::publish() {
  std::vector<File*> files;
  for (Published& published : published_) files.push_back(&published.file);
  sync_together(files);
  for (const Published& published : published_) {
    const std::string partial = published.name + std::string(kSuffix);
    if (!published.file.has_name(folder_.path_of(partial))) throw replaced(folder_.path_of(partial));
    folder_.rename(partial, published.name);
  }
  published_.clear();
}

std::unique_ptr<Output> FolderFiles::create(const std::string& name) {
  const std::string partial = name + std::string(kSuffix);
  folder_.remove(name);
  folder_.remove(partial);
  return std::make_unique<OneFile>(*this, name, folder_.create(partial), 0);
}

std::unique_ptr<Output> FolderFiles::go_on(const std::string& name, const PartProgress& kept, const Stop& stop) {
  const std::string partial = name + std::string(kSuffix);
  if (!folder_.has(partial) && folder_.has(name)) folder_.rename(name, partial);
  File file = folder_.open(partial);
  const struct stat status = look_at(file);
  if (!S_ISREG(status.st_mode) || status.st_nlink > 1) {
    throw Error(ErrorKind::refused, "'" + file.path() + "' is no file, or has a second name, which must not change",
                kAfresh);
  }
  verify_kept(file, kept, stop);
  if (::ftruncate(file.fd(), static_cast<off_t>(kept.bytes)) != 0) throw os_error("write '" + file.path() + "'", errno);
  go_to(file, kept.bytes);
  return std::make_unique<OneFile>(*this, name, std::move(file), kept.bytes);
}

}  // namespace bulk
