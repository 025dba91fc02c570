#include "codecs/change.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "codecs/attribute_value.h"
#include "codecs/item.h"
#include "codecs/json_check.h"
#include "codecs/json_text.h"

namespace bulk {

struct ChangeReader::Parts {
  ItemView line, members;
  ItemScanner values;
  std::string problem;
};

ChangeReader::ChangeReader() : parts_(std::make_unique<Parts>()) {}
ChangeReader::~ChangeReader() = default;
ChangeReader::ChangeReader(ChangeReader&&) noexcept = default;
ChangeReader& ChangeReader::operator=(ChangeReader&&) noexcept = default;

const std::string& ChangeReader::problem() const noexcept {
  return parts_->problem;
}

namespace {

constexpr std::string_view kAbsent = "{}";
constexpr std::string_view kMembers[] = {"Key", "Before", "After", "Given", "Void"};

bool same(std::string_view value, const ItemView& item, std::string_view name) {
  const ItemView::Attribute* const found = item.find(name);
  if (found == nullptr || value.empty()) return found == nullptr && value.empty();
  return same_value_text(value, found->value);
}

// ItemView passes over members whose values are neither objects nor lists. True when `view` shows all of `text`.
bool shows_all(std::string_view text, const ItemView& view) {
  const auto only = [](std::string_view part, char mark) {
    return std::all_of(part.begin(), part.end(), [mark](char c) { return c == mark || is_json_space(c); });
  };
  std::size_t at = 1;
  for (const ItemView::Attribute& attribute : view.attributes()) {
    const std::string_view member = attribute.member;
    const auto begin = static_cast<std::size_t>(member.data() - text.data());
    const std::size_t name = json_name_of(member).size();
    if (name + attribute.value.size() > member.size() || !only(text.substr(at, begin - at), ',') ||
        !only(member.substr(name, member.size() - name - attribute.value.size()), ':')) {
      return false;
    }
    at = begin + member.size();
  }
  return only(text.substr(at), '}');
}

void append_members(std::string& out, const char* title, const std::vector<ChangedAttribute>& touched,
                    std::string_view ChangedAttribute::*which) {
  out += title;
  out += '{';
  bool first = true;
  for (const ChangedAttribute& attribute : touched) {
    if ((attribute.*which).empty()) continue;
    if (!first) out += ',';
    first = false;
    out += attribute.name_json;
    out += ':';
    out += attribute.*which;
  }
  out += '}';
}

}  // namespace

bool ChangeReader::read(std::string_view line, Change& change) {
  Parts& parts = *parts_;
  change.touched.clear();
  change.given.clear();
  change.key = {};
  change.void_before = false;
  const auto no_change = [&](std::string why) {
    parts.problem = "it is no change: " + why;
    return false;
  };
  if (const JsonProblem problem = check_json(line); !problem.text.empty()) return no_change(problem.text);
  if (!line.starts_with('{')) return no_change("it is no object");
  parts.line.reset(line);
  if (!shows_all(line, parts.line)) return no_change("it has a member that no change has");
  bool seen[std::size(kMembers)] = {};
  for (const ItemView::Attribute& part : parts.line.attributes()) {
    const auto known = std::find(std::begin(kMembers), std::end(kMembers), part.name);
    if (known == std::end(kMembers)) return no_change("it has a member that no change has");
    if (std::exchange(seen[known - kMembers], true)) return no_change(std::string(part.name) + " stands twice");
    if (!part.value.starts_with('{')) return no_change(std::string(part.name) + " is no object");
    if (part.name == "Key") {
      change.key = part.value;
      continue;
    }
    if (part.name == "Void") {
      change.void_before = true;
      continue;
    }
    if (part.name == "Given") {
      if (!read_given(part.value, change)) return false;
      continue;
    }
    const bool before = part.name == "Before";
    ItemFacts facts;
    if (!parts.values.scan(part.value, facts)) return no_change(parts.values.problem().text);
    parts.members.reset(part.value);
    for (const ItemView::Attribute& attribute : parts.members.attributes()) {
      auto touched = std::find_if(change.touched.begin(), change.touched.end(),
                                  [&](const ChangedAttribute& one) { return one.name == attribute.name; });
      if (touched == change.touched.end()) {
        change.touched.push_back({std::string(attribute.name), json_name_of(attribute.member), {}, {}});
        touched = change.touched.end() - 1;
      }
      (before ? touched->before : touched->after) = attribute.value;
    }
  }
  if (change.key.empty()) return no_change("there is no Key");
  if (change.touched.empty() && !change.void_before) return no_change("nothing is changed");
  return true;
}

bool ChangeReader::read_given(std::string_view given, Change& change) {
  Parts& parts = *parts_;
  parts.members.reset(given);
  ItemFacts facts;
  // Not where one is absent: then each is looked at alone.
  const bool checked = parts.values.scan(given, facts);
  const auto no_change = [&](std::string why) {
    parts.problem = "it is no change: " + why;
    return false;
  };
  if (!checked && !shows_all(given, parts.members)) return no_change("Given holds what is no attribute");
  AttributeValue value;
  for (const ItemView::Attribute& attribute : parts.members.attributes()) {
    const bool absent = attribute.value == kAbsent;
    std::string problem;
    if (!checked && !absent && !parse_value(attribute.value, value, problem)) {
      return no_change("attribute '" + std::string(attribute.name) + "': " + problem);
    }
    change.given.push_back(
        {std::string(attribute.name), json_name_of(attribute.member), absent ? std::string_view() : attribute.value});
  }
  return true;
}

std::string_view json_name_of(std::string_view member) {
  std::size_t end = 1;
  while (end < member.size() && member[end] != '"') end += member[end] == '\\' ? 2 : 1;
  return member.substr(0, end + 1);
}

bool still_as_read(const Change& change, const ItemView& item) {
  return std::all_of(change.touched.begin(), change.touched.end(),
                     [&](const ChangedAttribute& attribute) { return same(attribute.before, item, attribute.name); }) &&
         std::all_of(change.given.begin(), change.given.end(),
                     [&](const GivenAttribute& given) { return same(given.value, item, given.name); });
}

bool is_carried_out(const Change& change, const ItemView& item) {
  return std::all_of(change.touched.begin(), change.touched.end(),
                     [&](const ChangedAttribute& attribute) { return same(attribute.after, item, attribute.name); });
}

void append_changed_item(const Change& change, const ItemView& item, std::string& out) {
  out += '{';
  const std::size_t begin = out.size();
  const auto next = [&] {
    if (out.size() > begin) out += ',';
  };
  const auto changed = [&](const ChangedAttribute& attribute) {
    next();
    out += attribute.name_json;
    out += ':';
    out += attribute.after;
  };
  // Attributes that stay and stand side by side are copied together: of thirty, a change touches one or two.
  std::string_view staying;
  const auto copy_staying = [&] {
    if (staying.empty()) return;
    next();
    out += staying;
    staying = {};
  };
  for (const ItemView::Attribute& attribute : item.attributes()) {
    const auto touched = std::find_if(change.touched.begin(), change.touched.end(),
                                      [&](const ChangedAttribute& one) { return one.name == attribute.name; });
    if (touched == change.touched.end()) {
      const std::string_view member = attribute.member;
      const char* const end = staying.data() + staying.size();
      if (!staying.empty() && member.data() == end + 1 && *end == ',') {
        staying = {staying.data(), staying.size() + 1 + member.size()};
      } else {
        copy_staying();
        staying = member;
      }
      continue;
    }
    copy_staying();
    if (!touched->after.empty()) changed(*touched);
  }
  copy_staying();
  for (const ChangedAttribute& attribute : change.touched) {
    if (!attribute.after.empty() && item.find(attribute.name) == nullptr) changed(attribute);
  }
  out += '}';
}

void append_change_line(std::string& out, const Change& change) {
  out += R"({"Key":)";
  out += change.key;
  if (!change.touched.empty()) {
    append_members(out, R"(,"Before":)", change.touched, &ChangedAttribute::before);
    append_members(out, R"(,"After":)", change.touched, &ChangedAttribute::after);
  }
  if (!change.given.empty()) {
    out += R"(,"Given":{)";
    for (const GivenAttribute& given : change.given) {
      if (&given != &change.given.front()) out += ',';
      out += given.name_json;
      out += ':';
      out += given.value.empty() ? kAbsent : given.value;
    }
    out += '}';
  }
  if (change.void_before) out += R"(,"Void":{})";
  out += '}';
}

}  // namespace bulk
