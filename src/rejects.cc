#include "src/rejects.h"

#include <filesystem>

#include "codecs/json_check.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr std::size_t kShownBytes = 120;  // of a record in an error text

std::string where(const std::string& source, const Rejection& rejection) {
  return source + ", " +
         (rejection.line_number != 0 ? "line " + std::to_string(rejection.line_number)
                                     : "segment " + std::to_string(rejection.segment));
}

std::string shortened(std::string_view text) {
  if (text.size() <= kShownBytes) return std::string(text);
  return std::string(text.substr(0, kShownBytes)) + "...";
}

}  // namespace

Rejects::Rejects(std::string source, std::string path, std::uint64_t most, bool add)
    : source_(std::move(source)), path_(std::move(path)), most_(most) {
  std::error_code ignored;
  if (path_.empty() || !std::filesystem::exists(path_, ignored)) return;
  if (add) {
    file_ = File::open_for_adding(path_);
  } else {
    throw Error(ErrorKind::refused, "'" + path_ + "' exists", "name another file for --rejects");
  }
}

void Rejects::add(const Rejection& rejection) {
  if (path_.empty()) {
    throw Error(ErrorKind::failed,
                where(source_, rejection) + ": " + std::string(rejection.reason) + ": " + shortened(rejection.line),
                "mend it, or set such records aside with --rejects FILE");
  }
  std::string text = "{";
  if (rejection.line_number != 0) text += "\"line\":" + std::to_string(rejection.line_number) + ",";
  text += "\"segment\":" + std::to_string(rejection.segment) + ",\"reason\":" + json_quoted(rejection.reason);
  if (check_json(rejection.line).text.empty()) {
    text += ",\"record\":";
    text += rejection.line;
  } else {
    text += ",\"text\":" + json_quoted(rejection.line);
  }
  text += "}\n";

  const std::lock_guard lock(mutex_);
  if (!file_) file_ = File::create_new(path_);
  file_->write(text);
  ++count_;
  if (count_ > most_) {
    throw Error(ErrorKind::failed,
                "more than " + std::to_string(most_) + " records were refused, the last one (" +
                    where(source_, rejection) + ") because: " + std::string(rejection.reason),
                "see '" + path_ + "'; --max-rejects raises the limit");
  }
}

std::uint64_t Rejects::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void Rejects::sync() {
  const std::lock_guard lock(mutex_);
  if (!file_ || durable_ == count_) return;
  file_->sync();
  sync_folder_of(path_);
  durable_ = count_;
}

}  // namespace bulk
