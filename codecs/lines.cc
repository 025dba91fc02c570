#include "codecs/lines.h"

#include <cstring>

#include "codecs/json_check.h"
#include "codecs/json_text.h"

namespace bulk {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kMember = "\"Item\"";

void skip_space(std::string_view text, std::size_t& at) {
  while (at < text.size() && is_json_space(text[at])) ++at;
}

bool take(std::string_view text, std::size_t& at, std::string_view token) {
  skip_space(text, at);
  if (!text.substr(at).starts_with(token)) return false;
  at += token.size();
  return true;
}

}  // namespace

bool split_lines(std::string_view text, std::vector<LineSpan>& lines) {
  lines.clear();
  std::size_t begin = 0;
  while (begin < text.size()) {
    const void* newline = std::memchr(text.data() + begin, '\n', text.size() - begin);
    if (newline == nullptr) return false;
    const auto end = static_cast<std::size_t>(static_cast<const char*>(newline) - text.data());
    lines.push_back({begin, end - begin});
    begin = end + 1;
  }
  return true;
}

void append_compact(std::string_view json, Buffer& out) {
  bool in_string = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (!in_string && is_json_space(c)) continue;
    out.push_back(c);
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\' && ++at < json.size()) out.push_back(json[at]);
  }
}

bool normalise_line(std::string_view line, ItemScanner& scanner, Buffer& out, ItemProblem& problem) {
  problem = {};
  std::size_t at = line.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  const std::size_t begin = at;
  ItemFacts facts;
  std::string_view item;
  bool record = take(line, at, "{") && take(line, at, kMember) && take(line, at, ":");
  if (record) {
    skip_space(line, at);
    record = at < line.size() && line[at] == '{';
  }
  if (record) {
    if (!scanner.scan(line.substr(at), facts)) {
      problem = scanner.problem();
      problem.offset += at;
      return false;
    }
    item = line.substr(at, facts.length);
    at += facts.length;
    record = take(line, at, "}");
    skip_space(line, at);
    record = record && at == line.size();
  }
  if (!record) {
    // Bad JSON and good JSON of another shape have different remedies.
    const JsonProblem json = check_json(line.substr(begin));
    if (!json.text.empty()) {
      problem = {"not JSON: " + json.text, begin + json.offset};
    } else {
      problem = {"not a record: expected {\"Item\":{...}}", begin};
    }
    return false;
  }
  out.append(kItemLinePrefix);
  if (facts.one_line) {
    out.append(item);
  } else {
    append_compact(item, out);
  }
  out.append("}\n");
  return true;
}

}  // namespace bulk
