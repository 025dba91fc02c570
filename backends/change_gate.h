// What DynamoDB does with the UpdateItem that a change stands for (codecs/change.h), for the local stores: it refuses
// what the service refuses, finds out whether the item still is what the change was computed from, and makes the item
// that it becomes. So a backfill tried out locally does not fail later in the cloud, and the reasons read alike. Holds
// scratch memory: one per thread.
#pragma once

#include <string>
#include <string_view>

#include "backends/item_gate.h"
#include "codecs/change.h"
#include "codecs/item_view.h"
#include "codecs/key_schema.h"

namespace bulk {

class ChangeGate {
 public:
  explicit ChangeGate(const KeySchema& key) : key_(key), gate_(key) {}
  ChangeGate(const ChangeGate&) = delete;
  ChangeGate& operator=(const ChangeGate&) = delete;

  // Reads a change line, which stays where it is while it is looked at. False when the service would refuse it whatever
  // the item is: see reason().
  bool admit(std::string_view line);
  const std::string& reason() const noexcept { return reason_; }

  // Of the change admitted last.
  const KeyValues& key_values() const noexcept { return gate_.key_values(); }
  std::string_view key_text() const noexcept { return gate_.key_text(); }

  enum class Outcome { changed, conflict, refused };
  // What becomes of the item with its key (empty: there is none). `changed` is the item with the change carried out;
  // `refused`: see reason().
  Outcome carry_out(std::string_view item, std::string& changed);

 private:
  bool refuse(std::string_view why);

  KeySchema key_;
  ItemGate gate_;
  ChangeReader reader_;
  Change change_;
  ItemView view_;
  std::string reason_;
};

}  // namespace bulk
