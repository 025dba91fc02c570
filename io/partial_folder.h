// A folder under construction: NAME.partial (mode 0700), locked (flock on the folder itself) against a second writer,
// published as NAME when all of it is there. The counterpart of PartialFile, for what does not fit one file. Files in
// it are named relative to it, so that what is written stays together wherever somebody moves the folder.
//
// Nothing in it is ever removed but regular files whose names the writer calls its own. One thread at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "io/file.h"

namespace bulk {

class PartialFolder {
 public:
  using Names = std::function<bool(std::string_view name)>;
  enum class Begin {
    afresh,  // what a run that was killed has left is removed
    go_on,   // it stays, and is kept from now on: Error(corrupt) when there is none
  };

  // Refuses (13) when NAME exists or NAME.partial holds what is not `ours`, and (11) when another run is writing it. A
  // missing folder around it is made as PartialFile makes it.
  PartialFolder(const std::string& final_path, Begin begin, Names ours);
  PartialFolder(PartialFolder&&) = delete;
  // Removed with all that is `ours` in it, unless it was published or keep() was called.
  ~PartialFolder();

  const std::string& path() const noexcept { return folder_.path(); }  // of NAME.partial
  std::string path_of(const std::string& name) const { return path() + "/" + name; }

  File create(const std::string& name);  // a new file of mode 0600; Error(refused) when there is one already
  File open(const std::string& name);    // for reading and writing, no link; Error(corrupt) when it is gone
  bool has(const std::string& name) const;
  void rename(const std::string& from, const std::string& to);
  void remove(const std::string& name);  // where there is one

  // What is in it by now has to survive the destructor. Makes all names durable, its own too; the files' contents are
  // the caller's. Error(failed) when NAME.partial is not this folder any more.
  void keep();
  // Makes the names in it durable, gives it its name without replacing anything (13 if NAME appeared meanwhile), and
  // makes that durable. Error(failed) as keep().
  void publish();

 private:
  void check_name() const;
  void sync_names();
  // Calls `look` for every entry; `regular`: it is a file, and no link to one.
  void for_each_entry(const std::function<void(const std::string& name, bool regular)>& look) const;
  void clear();

  std::string final_path_;
  Names ours_;
  File folder_;
  bool names_changed_ = false;  // since they were last durable
  bool kept_ = false;
  bool published_ = false;
};

}  // namespace bulk
