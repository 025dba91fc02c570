// Where a table can be in these tests: the embedded store, or a DynamoDB-compatible server that a Place starts and
// ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/program.h"

namespace bulk::test {

class Place {
 public:
  virtual ~Place() = default;
  // The endpoint of a table, as given on the command line. `table` may hold {stage}, for bulk.toml.
  virtual std::string url(const std::string& table) const = 0;
  // Of a server: http://127.0.0.1:PORT.
  virtual std::string endpoint() const { return {}; }

  Variables environment;  // what the program needs to get there
};

// Null when that server is not installed.
std::unique_ptr<Place> open_place(const std::string& name);
// "sqlite", "dynoxide", "dynalite".
std::vector<std::string> all_places();

}  // namespace bulk::test
