#include "codecs/row_bytes.h"

#include <bit>

#include "codecs/byte_block.h"
#include "codecs/json_text.h"

namespace bulk::row {

namespace {

const char* digits_end(const char* at, const char* end) {
  while (at != end && *at >= '0' && *at <= '9') ++at;
  return at;
}

const char* string_end(const char* at, const char* end) {
  bool non_ascii = false;
  for (++at;; ++at) {
    at = find_string_stop(at, end, non_ascii);
    if (at == end) return nullptr;
    if (*at == '"') return at + 1;
    if (*at == '\\' && ++at == end) return nullptr;
  }
}

const char* brackets_end(const char* text, const char* at, const char* end) {
  StringTracker tracker;
  std::size_t depth = 0;
  for (; at < end; at += BlockPlace::kBytes) {
    const BlockPlace place(text, at, end);
    const PortableBlock block(place.bytes);
    const std::uint64_t outside = ~tracker.strings(block, place.shift);
    const std::uint64_t open = block.bracket('{') >> place.shift & outside;
    std::uint64_t marks = open | (block.bracket('}') >> place.shift & outside);
    for (; marks != 0; marks &= marks - 1) {
      const int bit = std::countr_zero(marks);
      if ((open >> bit & 1) != 0) {
        ++depth;
      } else if (--depth == 0) {
        return at + bit + 1;
      }
    }
  }
  return nullptr;
}

}  // namespace

const char* number_end(const char* at, const char* end) {
  if (at != end && *at == '-') ++at;
  if (at == end) return nullptr;
  const char* stop = *at == '0' ? at + 1 : digits_end(at, end);
  if (stop == at) return nullptr;
  if (stop != end && *stop == '.') {
    at = stop + 1;
    stop = digits_end(at, end);
    if (stop == at) return nullptr;
  }
  if (stop != end && (*stop == 'e' || *stop == 'E')) {
    at = stop + 1;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    stop = digits_end(at, end);
    if (stop == at) return nullptr;
  }
  return stop;
}

const char* value_end(const char* text, const char* at, const char* end) {
  if (at == end) return nullptr;
  const std::string_view rest(at, static_cast<std::size_t>(end - at));
  switch (*at) {
    case '{':
    case '[':
      return brackets_end(text, at, end);
    case '"':
      return string_end(at, end);
    case 't':
      return rest.starts_with("true") ? at + 4 : nullptr;
    case 'f':
      return rest.starts_with("false") ? at + 5 : nullptr;
    case 'n':
      return rest.starts_with("null") ? at + 4 : nullptr;
    default:
      return number_end(at, end);
  }
}

void Output::grow() {
  buffer_.resize(planned_);
}

}  // namespace bulk::row
