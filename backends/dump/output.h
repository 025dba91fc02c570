// Where a dump's bytes go: a file that appears under its name only when it is complete, or a descriptor (standard
// output). One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/stop.h"

namespace bulk {

class Output {
 public:
  virtual ~Output() = default;
  virtual void write(std::string_view bytes) = 0;
  virtual void publish() = 0;  // everything was written: make it durable and give it its name
  virtual std::uint64_t written() const = 0;
};

std::unique_ptr<Output> make_file_output(const std::string& path);
// `fd` is not closed. A reader that has gone away is an Error(failed) "NAME was closed": the process must ignore
// SIGPIPE.
std::unique_ptr<Output> make_descriptor_output(int fd, std::string name, const Stop& stop);

}  // namespace bulk
