// Brackets outside strings are matched by a stack of bits, and each time the depth is back at the item's own, the first
// bytes of the attribute that ended there are compared with those of the key attributes.
#include "codecs/key_scan.h"

#include "codecs/base64.h"
#include "codecs/hash128.h"
#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "codecs/lines.h"
#include "codecs/number.h"
#include "codecs/token.h"

namespace bulk {

namespace {

constexpr std::string_view kFront = "{\"Item\":{";
constexpr unsigned kItemDepth = 2;
constexpr unsigned kTooDeep = 64;  // the stack has no more bits
// Of the 8 bytes of `{"S":""}`: those that never count. `{"N":"1"}` and its comma in a list are counted as 3.
constexpr std::size_t kScalarOverhead = 6;
// What tells { } [ ] apart.
constexpr char kCurlyBit = 0x20;
constexpr char kOpenBit = 0x02;

}  // namespace

KeyScanner::KeyScanner(const KeySchema& key) : scanner_(&key) {
  add_key(key.partition, kMaxPartitionKeyBytes);
  if (key.sort) add_key(*key.sort, kMaxSortKeyBytes);
}

void KeyScanner::add_key(const KeyAttribute& attribute, std::size_t most_bytes) {
  Key& key = keys_[key_count_++];
  key.head = json_quoted(attribute.name) + ":{\"" + attribute.type + "\":\"";
  const Token first = token(std::string_view(key.head).substr(0, 8));
  key.word = first.word;
  key.type = attribute.type;
  key.most_bytes = most_bytes;
}

bool KeyScanner::scan(std::string_view line, KeyFacts& facts) {
  std::size_t overhead = 0;
  if (!look(line, overhead)) return scan_closely(line, facts);
  const std::size_t item_bytes = line.size() - kItemLinePrefix.size() - kItemLineSuffix.size();
  if (overhead > item_bytes) return scan_closely(line, facts);  // things like `[""]`, which are no values
  key_text_ = '{';
  for (std::size_t i = 0; i < key_count_; ++i) {
    if (!plain_key(keys_[i], line.data() + line.size())) return scan_closely(line, facts);
    if (i > 0) key_text_ += ',';
    key_text_ += keys_[i].found;
  }
  key_text_ += '}';
  facts.line_digest = hash128_inline(line);
  facts.key_hash = hash128_inline(key_text_);
  facts.partition_hash = hash128_inline(keys_[0].found).low;
  facts.size_bytes = item_bytes - overhead;
  return true;
}

// False: not certain.
bool KeyScanner::look(std::string_view line, std::size_t& overhead) {
  for (std::size_t i = 0; i < key_count_; ++i) keys_[i].found = {};
  if (!line.starts_with(kFront)) return false;
  const char* const end = line.data() + line.size();
  const char* attribute = line.data() + kFront.size();  // that is being read at the item's depth
  std::uint64_t stack = 0;                              // a bit for each open bracket: is it curly?
  std::uint64_t wrong = 0;                              // bit 0: a bracket was closed by one of the other kind
  unsigned depth = 0;
  unsigned deepest = 0;
  std::size_t scalars = 0;
  brackets_.begin(line);
  while (!brackets_.at_end()) {
    const char* base = nullptr;
    for (const std::uint16_t offset : brackets_.next(base)) {
      const char* const bracket = base + offset;
      const std::uint64_t curly = (*bracket & kCurlyBit) != 0 ? 1 : 0;
      if ((*bracket & kOpenBit) != 0) {
        stack = stack << 1 | curly;
        deepest |= ++depth;
        continue;
      }
      wrong |= stack ^ curly;
      stack >>= 1;
      scalars += bracket[-1] == '"' ? 1 : 0;
      if (--depth > kItemDepth) continue;
      if (depth == kItemDepth) {
        if (!find_key(attribute, bracket + 1)) return false;
        const bool last = bracket + 1 < end && bracket[1] == '}';
        if (!last && !(bracket + 2 < end && bracket[1] == ',' && bracket[2] == '"')) return false;
        attribute = bracket + 2;                // behind the comma
      } else if (bracket != end - 1 - depth) {  // the item's own end and the line's are the last two bytes
        return false;
      }
    }
  }
  if ((wrong & 1) != 0 || depth != 0 || deepest >= kTooDeep || brackets_.strings().broken() ||
      brackets_.strings().in_string())
    return false;
  overhead = scalars * kScalarOverhead;
  return !brackets_.strings().non_ascii() || valid_utf8(line);
}

// Is the attribute [begin, end) one of the key's? False: it stands there twice.
inline bool KeyScanner::find_key(const char* begin, const char* end) {
  if (end - begin < 8) return true;
  const std::uint64_t word = word_at(begin);
  for (std::size_t i = 0; i < key_count_; ++i) {
    Key& key = keys_[i];
    const std::string_view attribute(begin, static_cast<std::size_t>(end - begin));
    if (key.word != word || !attribute.starts_with(key.head)) continue;
    if (!key.found.empty()) return false;
    key.found = attribute;
  }
  return true;
}

// Is it `"name":{"T":"content"}` with nothing in the content that would have to be repaired or refused?
bool KeyScanner::plain_key(const Key& key, const char* line_end) {
  if (key.found.size() < key.head.size() + 3) return false;  // at least one character, and `"}`
  const char* const content = key.found.data() + key.head.size();
  const char* const close = key.found.data() + key.found.size() - 2;
  bool non_ascii = false;
  // The line goes on with at least the item's end: it is looked at in wide steps.
  if (find_string_stop(content, line_end, non_ascii) != close || *close != '"') return false;
  const std::string_view text(content, static_cast<std::size_t>(close - content));
  std::size_t bytes = text.size();
  if (key.type == 'N' && !plain_number_size(text, line_end, bytes)) return false;
  if (key.type == 'B' && (!is_canonical_base64(text, bytes) || bytes == 0)) return false;
  return bytes <= key.most_bytes;
}

bool KeyScanner::scan_closely(std::string_view line, KeyFacts& facts) {
  problem_ = {};
  ItemFacts item_facts;
  const std::string_view item = item_of_line(line);
  if (item.empty()) {
    problem_.text = "not a record line";
    return false;
  }
  if (!scanner_.scan(item, item_facts)) {
    problem_ = scanner_.problem();
  } else if (item_facts.length != item.size()) {
    problem_ = {"text behind the item", item_facts.length};
  } else if (!item_facts.one_line) {
    problem_ = {"a line break stands between the item's tokens", 0};
  }
  if (!problem_.text.empty()) {
    problem_.offset += kItemLinePrefix.size();
    return false;
  }
  facts.line_digest = hash128_inline(line);
  facts.key_hash = item_facts.key_hash;
  facts.partition_hash = item_facts.partition_hash;
  facts.size_bytes = item_facts.size_bytes;
  return true;
}

}  // namespace bulk
