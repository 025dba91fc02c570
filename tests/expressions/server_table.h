// A table of items with the key `pk` on a real server, spoken to in DynamoDB's protocol without the program's own
// client: what a server says of an expression is taken as it is. One thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/expression.h"
#include "io/http.h"
#include "io/stop.h"

namespace bulk::test {

class ServerTable {
 public:
  // Creates it.
  ServerTable(std::string endpoint, std::string name);

  // The server's own word: "" for success, else the error's name, "ValidationException".
  struct Outcome {
    std::string error;
    std::string message;
    std::string item;            // of an update: ALL_NEW
    std::set<std::string> keys;  // of a scan
  };

  void put(const std::vector<std::string>& items);
  // The keys of those that the filter lets through.
  Outcome scan(const std::string& filter, const Placeholders& placeholders);
  // `condition` may be empty.
  Outcome update(const std::string& key, const std::string& update, const std::string& condition,
                 const Placeholders& placeholders);

 private:
  std::string call(const std::string& operation, const std::string& body, Outcome& outcome);
  std::string expressions(const Placeholders& placeholders) const;

  std::string endpoint_;
  std::string name_;
  Stop stop_;
  HttpClient client_;
};

}  // namespace bulk::test
