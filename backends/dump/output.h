// Where a dump's bytes go: a file that appears under its name only when it is complete, or a descriptor (standard
// output). One thread at a time.
//
// Only a file can be gone on with by a later run. What has to be durable for that is PartialFile's business.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/file.h"
#include "io/stop.h"

namespace bulk {

class Output {
 public:
  virtual ~Output() = default;
  virtual void write(std::string_view bytes) = 0;
  // What was written so far becomes durable and survives this object. False: it cannot be gone on with.
  virtual bool keep() { return false; }
  virtual void publish() = 0;  // everything was written: make it durable and give it its name
  virtual std::uint64_t written() const = 0;
};

std::unique_ptr<Output> make_file_output(const std::string& path);
// Goes on behind what the file holds.
std::unique_ptr<Output> make_file_output(std::unique_ptr<PartialFile> file);
// `fd` is not closed. A reader that has gone away is an Error(failed) "NAME was closed": the process must ignore
// SIGPIPE.
std::unique_ptr<Output> make_descriptor_output(int fd, std::string name, const Stop& stop);

}  // namespace bulk
