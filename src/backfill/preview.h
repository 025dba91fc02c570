// A sink that writes nothing: it adds up what the changes would cost and keeps the first few of them, to be shown. For
// dry runs and verification.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace bulk {

struct Preview {
  std::uint64_t changes = 0;
  double units = 0;                  // of write capacity
  std::vector<std::string> samples;  // change lines
};

// `real` says what a change would cost; both outlive the sink. At most `samples` changes are kept.
std::unique_ptr<Sink> make_preview_sink(const Sink& real, Preview& preview, std::size_t samples);

// A change for people: its key, and a line for each attribute with what it was (-) and what it becomes (+).
std::string change_as_text(const std::string& line, bool colour);

}  // namespace bulk
