// Changes that a program makes: items go to the co-process as lines, and its answers are compared with what it was
// given. What it does wrong ends the job before anything of the batch is written.
#include <fmt/format.h>

#include <algorithm>

#include "codecs/attribute_value.h"
#include "codecs/lines.h"
#include "io/error.h"
#include "src/backfill/changer_scratch.h"
#include "src/backfill/job_program.h"

namespace bulk {
namespace {

std::vector<std::string> key_names(const KeySchema& key) {
  std::vector<std::string> names{key.partition.name};
  if (key.sort) names.push_back(key.sort->name);
  return names;
}

}  // namespace

Changer::Scratch::Scratch(const ChangeRules& rules, Stop& stop) : keyed(&rules.key()) {
  if (!rules.waits()) return;
  FilterCommand command = job_program(rules.job(), key_names(rules.key()));
  program_name = command.name;
  program.emplace(std::move(command), stop);
}

// A program has seen the whole record, and its result may hang on any attribute that it leaves alone: all are given, if
// a request can say so many (the service takes some 150 comparisons), and the job does not say which.
void Changer::add_read_by_program() {
  constexpr std::size_t kMostGiven = 120;
  Scratch& scratch = *scratch_;
  if (!rules_.waits() || rules_.job_.depends || scratch.before.attributes().size() > kMostGiven) return;
  for (const ItemView::Attribute& attribute : scratch.before.attributes()) {
    const bool is_key =
        attribute.name == rules_.key_.partition.name || (rules_.key_.sort && attribute.name == rules_.key_.sort->name);
    const bool touched = std::any_of(scratch.change.touched.begin(), scratch.change.touched.end(),
                                     [&](const ChangedAttribute& one) { return one.name == attribute.name; });
    if (is_key || touched) continue;
    scratch.change.given.push_back({std::string(attribute.name), json_name_of(attribute.member), attribute.value});
  }
}

void Changer::compute_by_program(std::span<const ChangeInput> items, ChangeSet& set) {
  Scratch& scratch = *scratch_;
  std::vector<std::size_t> asked;
  std::vector<std::string_view> lines;
  for (std::size_t i = 0; i < items.size(); ++i) {
    scratch.before.reset(items[i].item);
    if (is_chosen(scratch.before) && is_meant(scratch.before)) asked.push_back(i);
  }
  for (const std::size_t i : asked) lines.push_back(items[i].item);
  ask_program(lines);

  std::vector<std::string> unsettled;  // changed items that the job would be applied to once more
  for (std::size_t k = 0; k < asked.size(); ++k) {
    const ChangeInput& input = items[asked[k]];
    ChangeResult& result = set.results[asked[k]];
    ItemFacts facts;
    if (!scratch.keyed.scan(input.item, facts)) throw Error(ErrorKind::corrupt, "an item that was read is none");
    const std::string key_text(scratch.keyed.key_text());
    const std::string_view answer = answered_item(k, key_text);
    scratch.before.reset(input.item);
    scratch.after.reset(answer);
    differences(scratch.before, scratch.after);
    if (scratch.change.touched.empty()) continue;
    complete(input, set, result);
    if (result.kind != ChangeResult::Kind::changed || !rules_.marker_json_.empty()) continue;
    scratch.after.reset(scratch.after_text);
    if (is_meant(scratch.after)) unsettled.push_back(scratch.after_text);
  }
  if (unsettled.empty()) return;

  lines.assign(unsettled.begin(), unsettled.end());
  ask_program(lines);
  for (std::size_t k = 0; k < unsettled.size(); ++k) {
    ItemFacts facts;
    if (!scratch.keyed.scan(unsettled[k], facts)) throw Error(ErrorKind::corrupt, "a changed item is none");
    const std::string key_text(scratch.keyed.key_text());
    const std::string_view answer = answered_item(k, key_text);
    scratch.before.reset(unsettled[k]);
    scratch.after.reset(answer);
    differences(scratch.before, scratch.after);
    if (!scratch.change.touched.empty()) refuse_unsettled(key_text);
  }
}

// Items as lines to the program; its answers are in scratch.answers.
void Changer::ask_program(std::span<const std::string_view> items) {
  Scratch& scratch = *scratch_;
  scratch.asked.clear();
  scratch.answers.clear();
  scratch.spans.clear();
  if (items.empty()) return;
  std::vector<std::size_t> ends;
  for (const std::string_view item : items) {
    scratch.asked.append(kItemLinePrefix).append(item).append(kItemLineSuffix);
    ends.push_back(scratch.asked.size());
  }
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    lines.emplace_back(scratch.asked.data() + begin, end - begin);
    begin = end;
  }
  scratch.program->run(lines, scratch.answers, scratch.spans);
}

// The item of an answer, which has to be a record with the key that was asked for. Valid until the next call.
std::string_view Changer::answered_item(std::size_t index, std::string_view key_text) {
  Scratch& scratch = *scratch_;
  const auto [offset, length] = scratch.spans.at(index);
  const std::string_view line = scratch.answers.view(offset, length);
  const std::string& name = scratch.program_name;
  ItemFacts facts;
  std::string_view item = item_of_line(line);
  if (item.empty() || !scratch.keyed.scan(item, facts) || facts.length != item.size() || !facts.one_line) {
    // Perhaps with space between its tokens, as json.dumps() writes it.
    scratch.normal.clear();
    ItemProblem problem;
    if (!normalise_line(line, scratch.keyed, scratch.normal, problem)) {
      throw Error(ErrorKind::failed,
                  fmt::format("{} answered what is no record for {}: {}", name, key_text, problem.text),
                  "it has to write one {\"Item\":{...}} for each that it reads; nothing of this batch was written");
    }
    std::string_view text = scratch.normal.view();
    if (text.ends_with('\n')) text.remove_suffix(1);
    item = item_of_line(text);
  }
  if (scratch.keyed.key_text() != key_text) {
    throw Error(
        ErrorKind::failed,
        fmt::format("{} answered the record {} where {} was asked for", name, scratch.keyed.key_text(), key_text),
        "it must not change keys, and has to answer line for line, in order; nothing of this batch was written");
  }
  return item;
}

// Fills change.touched with what differs between two items of one key.
void Changer::differences(const ItemView& before, const ItemView& after) {
  std::vector<ChangedAttribute>& touched = scratch_->change.touched;
  touched.clear();
  for (const ItemView::Attribute& attribute : before.attributes()) {
    const ItemView::Attribute* const now = after.find(attribute.name);
    if (now != nullptr && same_value_text(attribute.value, now->value)) continue;
    touched.push_back({std::string(attribute.name), json_name_of(attribute.member), attribute.value,
                       now == nullptr ? std::string_view() : now->value});
  }
  for (const ItemView::Attribute& attribute : after.attributes()) {
    if (before.find(attribute.name) != nullptr) continue;
    touched.push_back({std::string(attribute.name), json_name_of(attribute.member), {}, attribute.value});
  }
}

}  // namespace bulk
