// Records that cannot be written: each goes, with its reason, to the rejects file; without such a file the first one
// ends the job. A fuse ends it as well when rejects pile up: a systematic mistake must not turn a table into rejects.
// Thread-safe. The file is made at the first reject (mode 0600, never over an existing file).
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "io/file.h"

namespace bulk {

struct Rejection {
  std::string_view reason;
  std::string_view line;          // the record's line, as text
  std::uint64_t line_number = 0;  // in a foreign file; 0: none
  std::uint32_t segment = 0;
};

class Rejects {
 public:
  // `source` is what the records come from, for error texts. `path` may be empty: then every rejection throws.
  // Error(refused) when the file exists: better now than at the first reject, hours into a load. `add`: it is that of
  // an earlier run of the same work, and is added to.
  Rejects(std::string source, std::string path, std::uint64_t most, bool add = false);

  // One line of JSON: {"line":7,"segment":0,"reason":"...","record":{...}} ("text" instead of "record" when it is no
  // JSON). Throws Error(failed) when there is no file or the fuse blows.
  void add(const Rejection& rejection);

  std::uint64_t count() const;
  const std::string& path() const noexcept { return path_; }
  // Makes what was added so far durable, and the file's name with it.
  void sync();

 private:
  const std::string source_;
  const std::string path_;
  const std::uint64_t most_;
  mutable std::mutex mutex_;
  std::optional<File> file_;
  std::uint64_t count_ = 0, durable_ = 0;
};

}  // namespace bulk
