#include "codecs/canonical_output.h"

#include <algorithm>
#include <cstring>

namespace bulk {

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
