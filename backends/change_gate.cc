#include "backends/change_gate.h"

namespace bulk {

bool ChangeGate::refuse(std::string_view why) {
  reason_ = "ValidationException: ";
  reason_ += why;
  return false;
}

bool ChangeGate::admit(std::string_view line) {
  if (!reader_.read(line, change_)) {
    reason_ = reader_.problem();
    return false;
  }
  if (!gate_.admit_item(change_.key)) {
    reason_ = gate_.reason();
    return false;
  }
  view_.reset(change_.key);
  if (view_.attributes().size() != (key_.sort ? 2u : 1u)) {
    return refuse("The provided key element does not match the schema");
  }
  for (const ChangedAttribute& attribute : change_.touched) {
    if (attribute.name == key_.partition.name || (key_.sort && attribute.name == key_.sort->name)) {
      return refuse("One or more parameter values were invalid: Cannot update attribute " + attribute.name +
                    ". This attribute is part of the key");
    }
  }
  return true;
}

ChangeGate::Outcome ChangeGate::carry_out(std::string_view item, std::string& changed) {
  if (item.empty()) return Outcome::conflict;
  view_.reset(item);
  if (!still_as_read(change_, view_)) return Outcome::conflict;
  changed.clear();
  append_changed_item(change_, view_, changed);
  if (gate_.admit_item(changed)) return Outcome::changed;
  reason_ = gate_.reason();
  return Outcome::refused;
}

}  // namespace bulk
