// A change to one item as one line of text: which item, what its touched attributes were and what they become. It is
// what a backfill hands to a store's updater and what the undo log keeps (docs/backfill.md, "A change"):
//
//   {"Key":{…},"Before":{…},"After":{…},"Given":{…},"Void":{}}
//
// Attributes stand in Before and After in DynamoDB JSON; one that stands in only one of them is made or removed. Given
// (left out when empty) holds attributes that the change was computed from and leaves alone; `{}`: there was none.
// Void, which means something in a log alone, says that the change of this key before this one was not carried out;
// then Before and After may be missing.
//
// A ChangeReader and what it has read belong to one thread; the texts are views of the line given.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/item_view.h"

namespace bulk {

struct ChangedAttribute {
  std::string name;            // unescaped
  std::string_view name_json;  // as the line spells it, with its quotes
  std::string_view before;     // DynamoDB JSON, `{"S":"x"}`; empty: there was none
  std::string_view after;      // the same; empty: it is removed
};

struct GivenAttribute {
  std::string name;
  std::string_view name_json;
  std::string_view value;  // empty: there was none
};

struct Change {
  std::string_view key;                   // `{"pk":{"S":"a"}}`
  std::vector<ChangedAttribute> touched;  // at least one, unless it is void_before
  std::vector<GivenAttribute> given;
  bool void_before = false;
};

class ChangeReader {
 public:
  ChangeReader();
  ~ChangeReader();
  ChangeReader(ChangeReader&&) noexcept;
  ChangeReader& operator=(ChangeReader&&) noexcept;

  // False when the line is no change: see problem(). The line may be anybody's. What it returns is valid until the next
  // call, as long as the line is there.
  bool read(std::string_view line, Change& change);
  const std::string& problem() const noexcept;

 private:
  struct Parts;
  bool read_given(std::string_view given, Change& change);
  std::unique_ptr<Parts> parts_;
};

// Whether the item, as it is now, is what the change was computed from: touched attributes and given ones have the same
// values (as DynamoDB's `=` compares) or are absent alike.
bool still_as_read(const Change& change, const ItemView& item);
// Whether the touched attributes are as the change leaves them.
bool is_carried_out(const Change& change, const ItemView& item);
// Appends the item's text with the change carried out; attributes keep their order, new ones come last.
void append_changed_item(const Change& change, const ItemView& item, std::string& out);

// The name of an ItemView::Attribute::member as it is spelled there, with its quotes.
std::string_view json_name_of(std::string_view member);

// Appends a change line without its newline. `key` is an object's text. The order of `touched` is kept.
void append_change_line(std::string& out, const Change& change);

}  // namespace bulk
