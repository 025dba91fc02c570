#include "codecs/canonical_output.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bulk {

namespace {

std::uint64_t from_big_endian(std::uint64_t word) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

}  // namespace

std::uint64_t name_prefix(const char* name, std::size_t length, const char* limit) {
  std::uint64_t word = 0;
  if (length >= 8) {
    std::memcpy(&word, name, 8);
    return from_big_endian(word);
  }
  if (length == 0) return 0;
  if (limit - name >= 8) {
    std::memcpy(&word, name, 8);
    const unsigned unwanted_bits = 64 - 8 * static_cast<unsigned>(length);
    return from_big_endian(word) >> unwanted_bits << unwanted_bits;
  }
  std::memcpy(&word, name, length);
  return from_big_endian(word);
}

bool part_before(const Part& a, const Part& b) {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  return a.name_view() < b.name_view();
}

bool same_name(const Part& a, const Part& b) {
  return a.prefix == b.prefix && a.name_view() == b.name_view();
}

void CanonicalOutput::rewrite(std::size_t position, const char* to, std::string_view replacement) {
  if (position >= text_.size()) {
    flush(kept_ + (position - text_.size()));
  } else {
    text_.resize(position);
  }
  text_ += replacement;
  kept_ = to;
}

std::string_view CanonicalOutput::finish(const char* at) {
  if (kept_ == begin_ && text_.size() == start_) return {begin_, static_cast<std::size_t>(at - begin_)};
  flush(at);
  return std::string_view(text_).substr(start_);
}

const Part* CanonicalOutput::arrange(Part* parts, std::size_t count, bool in_output, const char* at) {
  if (in_output) flush(at);
  for (Part* part = parts; part != parts + count; ++part) {
    if (part->name != nullptr) continue;
    part->name = text_.data() + part->name_offset;
    part->prefix = name_prefix(part->name, part->name_length, part->name + part->name_length);
  }
  const std::size_t first = parts[0].begin;
  if (std::is_sorted(parts, parts + count, part_before)) {
    const Part* twin = std::adjacent_find(parts, parts + count, same_name);
    return twin == parts + count ? nullptr : twin + 1;
  }
  std::sort(parts, parts + count, part_before);
  if (const Part* twin = std::adjacent_find(parts, parts + count, same_name); twin != parts + count) {
    return twin->at > twin[1].at ? twin : twin + 1;
  }
  if (!in_output) return nullptr;
  moved_.clear();
  for (const Part* part = parts; part != parts + count; ++part) {
    if (part != parts) moved_ += ',';
    moved_ += view(part->begin, part->end - part->begin);
  }
  std::memcpy(text_.data() + first, moved_.data(), moved_.size());
  return nullptr;
}

}  // namespace bulk
