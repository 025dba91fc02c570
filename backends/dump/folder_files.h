// The files of a folder in the making as Outputs, of which only some are open at the same time: a database may have
// more tables than a process may have descriptors. What is closed was made durable first, because a failed write-back
// is reported to descriptors that were open when it happened and to nobody else. One thread at a time.
//
// Files are made durable many at a time, by threads that do nothing else: a disk merges flushes that wait for it at the
// same time (500 files one after another: 1.9 s, by 16 threads: 0.06 s).
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "backends/dump/output.h"
#include "backends/dump/part_progress.h"
#include "io/partial_folder.h"
#include "io/stop.h"

namespace bulk {

class FolderFiles {
 public:
  // 1,024 descriptors are what a process usually has.
  static constexpr std::size_t kMostOpen = 256;

  // `folder` outlives it.
  explicit FolderFiles(PartialFolder& folder, std::size_t most_open = kMostOpen)
      : folder_(folder), most_open_(most_open) {}
  FolderFiles(FolderFiles&&) = delete;

  // NAME.partial, to be NAME; what a run that was killed has left of either is replaced. The outputs do not outlive
  // this object.
  std::unique_ptr<Output> create(const std::string& name);
  // Goes on behind what is kept of NAME.partial, or of NAME where the run was killed between giving the files and the
  // folder their names; it is read and compared. Throws Error(corrupt), and what `stop` was stopped with.
  std::unique_ptr<Output> go_on(const std::string& name, const PartProgress& kept, const Stop& stop);

  // All that was written is durable, as Output::keep() makes it one by one.
  void keep();
  // Output::publish() may leave this for later: all that were published are durable and have their names.
  void publish();

 private:
  class OneFile;
  struct Published {
    File file;
    std::string name;
  };

  // `file` is open now, and the last one that was used.
  void used(OneFile& file);
  void closed(OneFile& file) { open_.remove(&file); }
  void publish_later(File file, const std::string& name);

  PartialFolder& folder_;
  const std::size_t most_open_;
  std::list<OneFile*> open_;  // the last one that was used comes first
  std::vector<Published> published_;
};

}  // namespace bulk
