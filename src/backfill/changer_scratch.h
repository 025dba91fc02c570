// What a Changer works with from item to item; for changer.cc and changer_program.cc alone.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codecs/change.h"
#include "codecs/item.h"
#include "io/buffer.h"
#include "src/backfill/changer.h"
#include "src/filter_program.h"

namespace bulk {

struct Changer::Scratch {
  Scratch(const ChangeRules& rules, Stop& stop);

  ItemView before, after;
  Change change;
  std::string key, after_text, before_part, after_part;
  ItemScanner keyed, loose;
  std::vector<Update::Change> updates;

  // Of programs.
  std::optional<FilterProgram> program;
  std::string program_name;
  std::string asked;
  Buffer answers;
  Buffer normal;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> spans;
};

}  // namespace bulk
