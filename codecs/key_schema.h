// Which attributes identify an item, and their types. Values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bulk {

struct KeyAttribute {
  std::string name;
  char type = 'S';  // S, N or B
  friend bool operator==(const KeyAttribute&, const KeyAttribute&) = default;
};

struct KeySchema {
  KeyAttribute partition;
  std::optional<KeyAttribute> sort;
  friend bool operator==(const KeySchema&, const KeySchema&) = default;

  // "pk:S,sk:S", the form of --key; a name may hold anything but ',' and ends at its last ':'.
  std::string text() const;
  // Throws Error(usage) naming what is wrong.
  static KeySchema parse(std::string_view text);
};

}  // namespace bulk
