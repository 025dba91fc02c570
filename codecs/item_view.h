// The top-level attributes of an item's JSON text: their names, and where their values stand. Nothing inside a value is
// read, so that whoever looks at two attributes of thirty pays for two.
//
// Takes the text of an item that an ItemScanner has accepted, or one that is spelled like it (`{"pk":{"S":"a"}}`). Text
// that is not an item's shows fewer attributes, or none; it is never read beyond its end. Holds scratch memory (8 KiB):
// one per thread, reused for millions of items; const calls may come from several threads. Can be moved, views and
// all; what is left can only be assigned to.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/bracket_index.h"

namespace bulk {

class ItemView {
 public:
  struct Attribute {
    std::string_view name;    // unescaped, UTF-8
    std::string_view value;   // {"S":"x"} as in the text
    std::string_view member;  // "name":{"S":"x"} as in the text
  };

  // From here on the views of the item before are void; those of this one live as long as `item` and the next reset().
  void reset(std::string_view item);

  // In the order of the text.
  std::span<const Attribute> attributes() const { return attributes_; }
  // Null when there is none of that name.
  const Attribute* find(std::string_view name) const;

 private:
  void add(const char* from, const char* open, const char* end);

  std::unique_ptr<BracketIndex> brackets_ = std::make_unique<BracketIndex>();
  std::vector<Attribute> attributes_;
  std::deque<std::string> unescaped_;  // names that are not spelled plainly
};

}  // namespace bulk
