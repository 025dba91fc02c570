// DynamoDB's condition and update expressions, evaluated here as the service evaluates them: for dry runs, for stores
// that have no expressions of their own, for choosing and changing records on their way. The developer guide's chapter
// "Using expressions in DynamoDB" is the specification; where it is silent, what the service was seen to do (as the
// suites of dynalite and of ScyllaDB's Alternator record it).
//
// An expression is parsed once and then belongs to nobody in particular: const calls may come from any number of
// threads. Only attributes that it mentions are read of an item, and only as deep as it needs.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/item_view.h"

namespace bulk {

inline constexpr std::size_t kMaxExpressionBytes = 4096;

// What `#name` and `:value` stand for; keys with their '#' or ':'. More of them than one expression uses is no error
// here, because a job's expressions share them; see placeholders().
struct Placeholders {
  std::map<std::string, std::string> names;   // "#l" -> "location"
  std::map<std::string, std::string> values;  // ":one" -> {"N":"1"}, DynamoDB JSON text
};

// A ConditionExpression or FilterExpression.
class Condition {
 public:
  // Throws Error(ErrorKind::usage), which says what is wrong and at which character, in the service's words where it
  // has some.
  static Condition parse(std::string_view text, const Placeholders& placeholders);
  ~Condition();
  Condition(Condition&&) noexcept;
  Condition& operator=(Condition&&) noexcept;

  bool holds(const ItemView& item) const;

  // Top-level attributes that it mentions.
  const std::set<std::string>& attributes() const;
  // Those of the placeholders that it uses.
  const std::set<std::string>& placeholders() const;

 private:
  struct Parsed;
  explicit Condition(std::unique_ptr<const Parsed> parsed);
  std::unique_ptr<const Parsed> parsed_;
};

// An UpdateExpression. Whether it may write to key attributes is for the caller to check, who knows them.
class Update {
 public:
  // Throws as Condition::parse() does.
  static Update parse(std::string_view text, const Placeholders& placeholders);
  ~Update();
  Update(Update&&) noexcept;
  Update& operator=(Update&&) noexcept;

  // What becomes of one top-level attribute.
  struct Change {
    std::string_view name;             // lives as long as the Update
    std::optional<std::string> value;  // compact DynamoDB JSON; nothing: there is no such attribute any more
  };

  // What the item becomes: of every top-level attribute that the expression writes to its new value, whether or not it
  // is another one than before; a removed one is listed when it was there. In the order of their names. All values are
  // taken from the item as it was. False: the service would refuse the update of this item; `problem` in its words,
  // `changes` is empty. The item's size is not checked.
  bool apply(const ItemView& item, std::vector<Change>& changes, std::string& problem) const;

  // Top-level attributes that it may write to.
  const std::set<std::string>& touched() const;
  // All that it mentions, read or written.
  const std::set<std::string>& attributes() const;
  // Those of the placeholders that it uses.
  const std::set<std::string>& placeholders() const;

 private:
  struct Parsed;
  explicit Update(std::unique_ptr<const Parsed> parsed);
  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace bulk
