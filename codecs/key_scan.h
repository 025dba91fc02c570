// A record line of a dump, looked at only as far as a restore must: its key, and that it is one object with nothing
// around it. For lines that this program has checked when it wrote them, as the frames' hashes prove
// (Source::proven_lines); what an attribute holds is then not read again.
//
// Hashes do not keep out a forger, who can compute them too. Hence what is certain after scan() whatever the line
// holds: it is `{"Item":{...}}`, every bracket in it is closed by one of its kind, every string is closed, no
// control character stands in a string, there is no line break and all is UTF-8. Put into a request it is one member of
// that request and cannot end it or add to it. Whether the item is legal is for the service to say, which reads it
// anyway.
//
// A line whose key is not spelled canonically in plain sight, one that is deeply nested and one that looks wrong are
// given to an ItemScanner, which says what is wrong with them. One scanner per thread, reused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "codecs/bracket_index.h"
#include "codecs/digest.h"
#include "codecs/item.h"
#include "codecs/key_schema.h"

namespace bulk {

struct KeyFacts {
  Digest line_digest;                // hash128 of the line as it stands
  Digest key_hash;                   // as in ItemFacts
  std::uint64_t partition_hash = 0;  // as in ItemFacts
  // Of a legal item never less than what DynamoDB counts; never more than the item's text.
  std::size_t size_bytes = 0;
};

class KeyScanner {
 public:
  explicit KeyScanner(const KeySchema& key);

  // `line`: without its newline. False: see problem().
  bool scan(std::string_view line, KeyFacts& facts);
  // The offset is one in the line.
  const ItemProblem& problem() const noexcept { return problem_; }

 private:
  // A key attribute and where it stands in the line: from its name's opening quote to its value's '}'.
  struct Key {
    std::string head;        // `"pk":{"S":"`
    std::uint64_t word = 0;  // its first 8 bytes
    char type = 'S';
    std::size_t most_bytes = 0;
    std::string_view found;
  };

  void add_key(const KeyAttribute& attribute, std::size_t most_bytes);
  bool look(std::string_view line, std::size_t& overhead);
  bool find_key(const char* begin, const char* end);
  static bool plain_key(const Key& key, const char* line_end);
  bool scan_closely(std::string_view line, KeyFacts& facts);

  Key keys_[2];
  std::size_t key_count_ = 0;
  BracketIndex brackets_;
  ItemScanner scanner_;
  std::string key_text_;
  ItemProblem problem_;
};

}  // namespace bulk
