// The walk behind ItemScanner (codecs/item.h): tokens, strings and typed values of one item, in one pass forwards.
// Everything that a value needs checked is checked where it is read; what is not canonical is repaired in the output on
// the way. Recursion goes as deep as lists and maps may nest, 32 levels. One thread; reused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/canonical_output.h"
#include "codecs/item.h"
#include "codecs/key_schema.h"
#include "codecs/name_set.h"
#include "codecs/plain_value.h"
#include "codecs/quote_index.h"

namespace bulk {

inline constexpr std::size_t kMaxNameBytes = 65'535;

class ItemWalk {
 public:
  enum class Type : unsigned char { unknown, s, n, b, boolean, null, ss, ns, bs, list, map };

  explicit ItemWalk(const KeySchema* keys);

  // The two walks; false: see problem(). The attributes one by one, each hashed, keys picked out ...
  bool scan(std::string_view text, ItemFacts& facts, std::string& key_text);
  // ... and the whole as one canonical text (errors do not name the attribute).
  bool canonical(std::string_view text, std::string& out);

  const ItemProblem& problem() const { return problem_; }

 private:
  // One of the key attributes and what was found of it.
  struct Key {
    std::string canonical_name;
    std::uint64_t prefix = 0;  // its first 8 bytes, zero-filled
    char type = 'S';
    std::size_t most_bytes = 0;
    std::string name;        // for messages
    std::string_view text;   // canonical text of the attribute; empty: not seen
    std::string kept;        // holds it when the item does not
    std::uint64_t hash = 0;  // low half of hash128(text)
  };

  // A string that was read; `content` is canonical and valid until the output changes.
  struct String {
    std::string_view content;
    std::size_t decoded_bytes = 0;  // UTF-8, escapes resolved
    std::size_t position = 0;       // of the content in the output
    const char* raw = nullptr;      // content in the text
    const char* raw_end = nullptr;
    bool repaired = false;  // then `content` lies in the output
  };

  void begin(std::string_view text);
  bool attributes();
  bool plain_attributes();
  bool attribute();
  Key* key_of(std::uint64_t prefix, std::string_view canonical_name) {
    for (Key& key : keys_) {
      if (key.prefix != prefix || key.canonical_name.size() != canonical_name.size()) continue;
      if (canonical_name.size() <= sizeof prefix || key.canonical_name == canonical_name) return &key;
    }
    return nullptr;
  }
  void add_key(const KeyAttribute& attribute, std::size_t most_bytes);
  bool plain_key(Key& key, char type, std::size_t value_bytes, std::string_view text, std::uint64_t hash);
  bool check_key(Key& key, Type type, std::size_t value_bytes, std::string_view text);
  bool keys_complete(std::string& key_text);

  // Tokens.
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  bool expect(char c);
  bool colon();  // with space around it
  void space() {
    if (static_cast<unsigned char>(peek()) <= ' ') skip_space();
  }
  void skip_space();
  bool read_string(String& string);
  bool repair_string(String& string, bool non_ascii);
  bool fail(const char* at, const std::string& text);
  bool fail_syntax(const char* wanted);

  // Values.
  bool value(int depth, Type* type = nullptr);
  bool read_type(Type& type);
  bool content(Type type, int depth);
  bool number(String& string);
  bool binary(String& string);
  bool literal(bool null_type);
  bool set(Type type);
  bool list(int depth);
  bool map(int depth);
  bool member_name(String& name);
  void add_part(std::size_t first, const String& name, std::size_t begin, bool& ascending);
  bool close_parts(std::size_t first, bool ascending, bool in_output, const char* what);

  std::vector<Key> keys_;
  std::size_t keys_left_ = 0;  // that were not yet seen; a second sight of one shows in names_
  QuoteIndex quotes_;
  PlainValue plain_;
  NameSet names_;         // of the attributes
  bool careful_ = false;  // the names are compared, nothing is taken the fast way
  ItemProblem problem_;
  CanonicalOutput output_;
  std::vector<Part> parts_;  // of all containers that are open, innermost last
  std::string number_;       // scratch
  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::string_view attribute_name_;  // as it stands in the text; for messages
  bool in_attribute_ = false;
  Digest sum_;  // of the attributes
  std::size_t size_bytes_ = 0;
  bool one_line_ = true;
};

}  // namespace bulk
