#include "backends/postgres/message.h"

#include <algorithm>

namespace bulk {
namespace {

bool is_sqlstate(std::string_view text) {
  return text.size() == 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

template <typename Line>
void each_line(std::string_view text, const Line& line) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  each_line(text, [&](std::string_view line) {
    if (line.empty() || line.starts_with('\t') || line.starts_with("LOCATION:")) return;
    if (!out.empty()) out += "; ";
    out += line;
  });
  return out;
}

ServerSaid server_said(std::string_view text) {
  constexpr std::size_t kStateBytes = 5;
  ServerSaid said;
  each_line(text, [&](std::string_view line) {
    for (std::size_t at = line.find(":  "); at != std::string_view::npos; at = line.find(":  ", at + 1)) {
      const std::string_view rest = line.substr(at + 3);
      if (!is_sqlstate(rest.substr(0, kStateBytes)) || !rest.substr(kStateBytes).starts_with(": ")) continue;
      said = {std::string(rest.substr(0, kStateBytes)), std::string(rest.substr(kStateBytes + 2))};
    }
  });
  return said;
}

}  // namespace bulk
