// The reply to a Scan: items are copied once, as record lines, into the batch buffer; of the rest only what the reader
// needs is looked at. simdjson's on-demand parser finds the items without touching their insides.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/lines.h"
#include "io/buffer.h"

namespace bulk {

struct ScanPage {
  std::vector<LineSpan> lines;     // in the output buffer, one per item
  std::string last_evaluated_key;  // raw JSON object; empty: this was the last page
  double consumed_units = 0;
  std::uint64_t count = 0;  // what the reply claims; equals lines.size()
};

class ScanPageParser {
 public:
  ScanPageParser();
  ~ScanPageParser();
  ScanPageParser(const ScanPageParser&) = delete;

  // Appends `{"Item":...}\n` for every item of `reply` to `out`. `reply` needs Buffer's padding.
  // Throws Error(failed) "malformed Scan reply: ..." when it is not JSON, has no Items, or Count differs from the
  // number of items.
  void parse(const Buffer& reply, Buffer& out, ScanPage& page);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulk
