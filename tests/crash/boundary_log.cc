#include "tests/crash/boundary_log.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "tests/support/shared.h"

namespace bulk::test {

std::string Boundary::text() const {
  return kind + " " + std::filesystem::path(path).filename().string();
}

std::vector<Boundary> read_boundaries(const std::string& path) {
  std::vector<Boundary> boundaries;
  if (!std::filesystem::exists(path)) return boundaries;
  const std::string log = read_file(path);
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t end = log.find('\n', at);
    if (end == std::string::npos) break;
    std::istringstream line(log.substr(at, end - at));
    Boundary boundary;
    std::size_t length = 0;
    line >> boundary.number >> boundary.kind >> boundary.acted >> boundary.result >> boundary.error >> boundary.inode >>
        boundary.offset >> length;
    line.ignore();
    std::getline(line, boundary.path, '\t');
    if (!line) throw std::runtime_error("not a record of the shim: " + log.substr(at, end - at));
    std::getline(line, boundary.other);
    if (log.size() - end - 1 < length) break;
    boundary.data = log.substr(end + 1, length);
    at = end + 1 + length;
    boundaries.push_back(std::move(boundary));
  }
  return boundaries;
}

const Boundary* acted_on(const std::vector<Boundary>& boundaries) {
  const auto found = std::find_if(boundaries.begin(), boundaries.end(), [](const Boundary& b) { return b.acted; });
  return found == boundaries.end() ? nullptr : &*found;
}

}  // namespace bulk::test
