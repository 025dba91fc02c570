// Seeded record lines of several kinds, for the benchmarks that look at one step at a time: the same bytes in every
// run and on every machine. A line is `{"Item":{...}}`; attributes stand in an arbitrary but constant order, as
// DynamoDB returns them. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/key_schema.h"
#include "io/buffer.h"

namespace bulk::bench {

enum class Kind {
  mixed,    // the null server's set: about 380 bytes of every type, letters outside ASCII, escapes, maps out of order
  shorts,   // 24 attributes with short names and values
  text,     // one string of about 1.5 KB
  numbers,  // 20 numbers, integers and decimals
  unicode,  // letters outside ASCII, escapes
  nested,   // maps within maps and lists of maps, names not in order
};
inline constexpr Kind kKinds[] = {Kind::mixed, Kind::shorts, Kind::text, Kind::numbers, Kind::unicode, Kind::nested};
std::string_view name_of(Kind kind);

struct Lines {
  Buffer bytes;  // each line ended by '\n'
  std::vector<std::string_view> lines;
  std::vector<std::string_view> items;
};

// About `bytes` of lines; keys `pk` and `sk` (both S) distinct.
Lines make_lines(Kind kind, std::size_t bytes, unsigned seed = 42);
const KeySchema& key_schema();
// The reply to a Scan that returns these items.
std::string make_scan_reply(const Lines& lines);

}  // namespace bulk::bench
