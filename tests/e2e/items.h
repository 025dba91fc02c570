// Made-up items for end-to-end tests: plain functions of a number, so that every test knows what must come back.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace bulk::test {

inline std::string item_partition(std::size_t number) {
  return "CUSTOMER#" + std::to_string(number / 10);
}
inline std::string item_sort(std::size_t number) {
  return "ORDER#" + std::to_string(number);
}

// Item `number` as its dump line, without the newline: keys pk and sk of type S, then a value of most types.
inline std::string item_line(std::size_t number) {
  const std::string text = std::to_string(number);
  return R"({"Item":{"pk":{"S":")" + item_partition(number) + R"("},"sk":{"S":")" + item_sort(number) +
         R"("},"number":{"N":")" + text + R"("},"price":{"N":"-0.000)" + std::to_string(number % 9 + 1) +
         R"("},"name":{"S":"Zoë 渡邊 )" + text + R"("},"raw":{"B":"AAEC"},"paid":{"BOOL":)" +
         (number % 2 == 0 ? "true" : "false") + R"(},"none":{"NULL":true},"tags":{"SS":["a","b)" + text +
         R"("]},"codes":{"NS":["1","2.5"]},"details":{"M":{"lines":{"L":[{"N":"12345678901234567890123456789012345678"},)"
         R"({"S":""},{"M":{}}]}}}}})";
}

// The first `count` items as a file of JSON lines.
inline void write_items(const std::filesystem::path& path, std::size_t count) {
  std::ofstream out(path, std::ios::binary);
  for (std::size_t i = 0; i < count; ++i) out << item_line(i) << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace bulk::test
