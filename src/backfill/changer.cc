#include "src/backfill/changer.h"

#include <fmt/format.h>

#include <algorithm>

#include "codecs/attribute_value.h"
#include "codecs/change.h"
#include "codecs/item.h"
#include "io/error.h"
#include "src/backfill/changer_scratch.h"
#include "src/backfill/where.h"

namespace bulk {
namespace {

constexpr std::uint64_t kMostBatchBytes = 1u << 30;

std::string json_name(std::string_view name) {
  std::string value;
  append_value(value, AttributeValue::string(std::string(name)));  // {"S":"name"}
  return value.substr(5, value.size() - 6);
}

}  // namespace

ChangeRules::ChangeRules(BackfillJob job, const KeySchema& key, const std::string& where, bool also_items,
                         std::uint64_t most_bytes)
    : job_(std::move(job)),
      key_(key),
      also_items_(also_items),
      most_bytes_(std::min<std::uint64_t>(most_bytes, kMostBatchBytes)) {
  const auto mention = [this](const std::set<std::string>& names) {
    for (const std::string& name : names) mentioned_.emplace(name, json_name(name));
  };
  const auto is_key = [this](const std::string& name) {
    return name == key_.partition.name || (key_.sort && name == key_.sort->name);
  };
  const auto writes = [&](const std::string& name) {
    if (!is_key(name)) return;
    throw Error(ErrorKind::usage,
                fmt::format("{}: it would change the attribute '{}', which is part of the key", job_.path, name),
                "a record with another key is another record: copy the table with --transform instead");
  };
  if (!job_.when.empty()) {
    when_ = Condition::parse(job_.when, job_.placeholders);
    mention(when_->attributes());
  }
  if (!where.empty()) {
    where_ = parse_where(where);
    mention(where_->attributes());
  }
  if (!job_.update.empty()) {
    update_ = Update::parse(job_.update, job_.placeholders);
    mention(update_->attributes());
    for (const std::string& name : update_->touched()) writes(name);
  }
  for (const JobStep& step : job_.steps) {
    mention({step.name});
    if (!step.to.empty()) mention({step.to});
    if (step.kind != JobStep::Kind::copy) writes(step.name);
    if (!step.to.empty()) writes(step.to);
  }
  if (job_.depends) mention({job_.depends->begin(), job_.depends->end()});
  mentioned_.erase(key_.partition.name);
  if (key_.sort) mentioned_.erase(key_.sort->name);
  if (!job_.marker.empty()) {
    writes(job_.marker);
    marker_json_ = json_name(job_.marker);
    append_value(marker_value_, AttributeValue::string(job_.name));
  }
}

ChangeRules::~ChangeRules() = default;
ChangeRules::ChangeRules(ChangeRules&&) noexcept = default;

Changer::Changer(const ChangeRules& rules, Stop& stop)
    : rules_(rules), scratch_(std::make_unique<Scratch>(rules, stop)) {}

Changer::~Changer() = default;

void Changer::compute(std::span<const ChangeInput> items, ChangeSet& set) {
  set.lines.clear();
  set.items.clear();
  set.results.assign(items.size(), {});
  if (rules_.waits()) {
    compute_by_program(items, set);
  } else {
    compute_here(items, set);
  }
}

void Changer::finish() {
  if (scratch_->program) scratch_->program->finish();
}

void Changer::compute_here(std::span<const ChangeInput> items, ChangeSet& set) {
  Scratch& scratch = *scratch_;
  for (std::size_t i = 0; i < items.size(); ++i) {
    ChangeResult& result = set.results[i];
    scratch.before.reset(items[i].item);
    if (!is_chosen(scratch.before) || !is_meant(scratch.before)) continue;
    if (!apply(scratch.before, result.problem)) {
      result.kind = ChangeResult::Kind::problem;
      continue;
    }
    if (scratch.change.touched.empty()) continue;
    complete(items[i], set, result);
    if (result.kind != ChangeResult::Kind::changed || !rules_.marker_json_.empty()) continue;
    scratch.after.reset(scratch.after_text);
    if (!is_meant(scratch.after)) continue;
    std::string problem;
    if (!apply(scratch.after, problem) || !scratch.change.touched.empty()) refuse_unsettled(scratch.key);
  }
}

// --where is of this run alone: whether the job is settled does not hang on it.
bool Changer::is_chosen(const ItemView& item) const {
  return !rules_.where_ || rules_.where_->holds(item);
}

bool Changer::is_meant(const ItemView& item) const {
  if (rules_.when_ && !rules_.when_->holds(item)) return false;
  if (rules_.marker_json_.empty()) return true;
  const ItemView::Attribute* const mark = item.find(rules_.job_.marker);
  return mark == nullptr || !same_value_text(mark->value, rules_.marker_value_);
}

// Fills change.touched with what differs afterwards.
bool Changer::apply(const ItemView& item, std::string& problem) {
  Scratch& scratch = *scratch_;
  scratch.change.touched.clear();
  if (!rules_.update_) {
    apply_steps(item);
    return true;
  }
  if (!rules_.update_->apply(item, scratch.updates, problem)) return false;
  for (const Update::Change& update : scratch.updates) {
    const ItemView::Attribute* const before = item.find(update.name);
    if (before == nullptr ? !update.value : update.value && same_value_text(before->value, *update.value)) continue;
    const auto& [name, json] = *rules_.mentioned_.find(std::string(update.name));
    scratch.change.touched.push_back({name, json, before == nullptr ? std::string_view() : before->value,
                                      update.value ? std::string_view(*update.value) : std::string_view()});
  }
  return true;
}

void Changer::apply_steps(const ItemView& item) {
  std::vector<ChangedAttribute>& touched = scratch_->change.touched;
  const auto state = [&](const std::string& name) -> ChangedAttribute& {
    for (ChangedAttribute& attribute : touched) {
      if (attribute.name == name) return attribute;
    }
    const ItemView::Attribute* const found = item.find(name);
    const std::string_view value = found == nullptr ? std::string_view() : found->value;
    return touched.emplace_back(ChangedAttribute{name, rules_.mentioned_.find(name)->second, value, value});
  };
  for (const JobStep& step : rules_.job_.steps) {
    switch (step.kind) {
      case JobStep::Kind::set:
        state(step.name).after = step.value;
        break;
      case JobStep::Kind::remove:
        state(step.name).after = {};
        break;
      case JobStep::Kind::copy:
      case JobStep::Kind::rename: {
        const std::string_view value = rules_.mentioned_.contains(step.name) ? state(step.name).after
                                       : item.find(step.name) != nullptr     ? item.find(step.name)->value
                                                                             : "";
        if (value.empty()) break;
        state(step.to).after = value;
        if (step.kind == JobStep::Kind::rename) state(step.name).after = {};
        break;
      }
    }
  }
  std::erase_if(touched, [](const ChangedAttribute& attribute) {
    if (attribute.before.empty() || attribute.after.empty()) return attribute.before.empty() == attribute.after.empty();
    return same_value_text(attribute.before, attribute.after);
  });
}

// From change.touched of the item in scratch.before to the whole change: key, marker, given attributes, size, texts.
void Changer::complete(const ChangeInput& input, ChangeSet& set, ChangeResult& result) {
  Scratch& scratch = *scratch_;
  Change& change = scratch.change;
  if (!rules_.marker_json_.empty()) {
    const auto same_name = [&](const ChangedAttribute& attribute) { return attribute.name == rules_.job_.marker; };
    std::erase_if(change.touched, same_name);
    const ItemView::Attribute* const mark = scratch.before.find(rules_.job_.marker);
    change.touched.push_back({rules_.job_.marker, rules_.marker_json_,
                              mark == nullptr ? std::string_view() : mark->value, rules_.marker_value_});
  }
  scratch.key = "{";
  scratch.key += scratch.before.find(rules_.key_.partition.name)->member;
  if (rules_.key_.sort) scratch.key.append(",").append(scratch.before.find(rules_.key_.sort->name)->member);
  scratch.key += '}';
  change.key = scratch.key;
  change.void_before = input.replaces;
  change.given.clear();
  add_read_by_program();
  for (const auto& [name, json] : rules_.mentioned_) {
    const bool touched = std::any_of(change.touched.begin(), change.touched.end(),
                                     [&](const ChangedAttribute& attribute) { return attribute.name == name; });
    const bool given = std::any_of(change.given.begin(), change.given.end(),
                                   [&](const GivenAttribute& attribute) { return attribute.name == name; });
    if (touched || given) continue;
    const ItemView::Attribute* const found = scratch.before.find(name);
    change.given.push_back({name, json, found == nullptr ? std::string_view() : found->value});
  }

  // The service's size and its rules for values, of the touched attributes alone.
  scratch.before_part = scratch.after_part = "{";
  const auto add = [](std::string& part, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    if (part.size() > 1) part += ',';
    part.append(name).append(":").append(value);
  };
  for (const ChangedAttribute& attribute : change.touched) {
    add(scratch.before_part, attribute.name_json, attribute.before);
    add(scratch.after_part, attribute.name_json, attribute.after);
  }
  scratch.before_part += '}';
  scratch.after_part += '}';
  ItemFacts removed, added;
  if (!scratch.loose.scan(scratch.before_part, removed) || !scratch.loose.scan(scratch.after_part, added)) {
    result.kind = ChangeResult::Kind::problem;
    result.problem = scratch.loose.problem().text;
    return;
  }
  const std::size_t size = input.size_bytes + added.size_bytes - removed.size_bytes;
  if (size > kMaxItemBytes) {
    result.kind = ChangeResult::Kind::problem;
    result.problem =
        fmt::format("the item would have {} bytes, more than the {} that an item may have", size, kMaxItemBytes);
    return;
  }
  result.kind = ChangeResult::Kind::changed;
  result.size_bytes = static_cast<std::uint32_t>(std::max(size, input.size_bytes));
  result.line_offset = static_cast<std::uint32_t>(set.lines.size());
  append_change_line(set.lines, change);
  result.line_length = static_cast<std::uint32_t>(set.lines.size() - result.line_offset);
  scratch.after_text.clear();
  append_changed_item(change, scratch.before, scratch.after_text);
  // A literal of some KB in thousands of tiny records; also, offsets have 32 bits.
  if (set.lines.size() + set.items.size() + scratch.after_text.size() > rules_.most_bytes_) {
    throw Error(
        ErrorKind::failed,
        fmt::format("the changes to one batch of records take more than {} MiB of memory", rules_.most_bytes_ >> 20),
        "give it more with --memory");
  }
  if (!rules_.also_items_) return;
  result.item_offset = static_cast<std::uint32_t>(set.items.size());
  set.items += scratch.after_text;
  result.item_length = static_cast<std::uint32_t>(scratch.after_text.size());
}

void Changer::refuse_unsettled(std::string_view key) const {
  throw Error(
      ErrorKind::refused,
      fmt::format("the job {} would apply again to its own result: it would change the record {} once more",
                  rules_.job_.name, key),
      "give it a `when` that no longer holds afterwards, or name an attribute that marks what is done: marker = "
      "\"migrated_by\"");
}

}  // namespace bulk
