// What an update makes of an item. The actions that touch one top-level attribute are one tree of its paths, in which
// list indexes mean the list as it was: elements are replaced first, then appended in the order of their indexes, and
// what is removed goes last.
#include <algorithm>
#include <map>

#include "codecs/expression.h"
#include "codecs/expression_values.h"
#include "codecs/item_walk.h"
#include "codecs/update_operands.h"
#include "codecs/update_parser.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

constexpr const char* kWrongPath = "The document path provided in the update expression is invalid for update";

// One action, or steps to several; never both, and steps of one kind: the parser has seen to that.
struct Node {
  const UpdateAction* action = nullptr;
  std::map<std::string, Node> members;
  std::map<std::size_t, Node> elements;
};

struct Target {
  std::string name;
  std::size_t head = 0;
  Node root;
};

class Applier {
 public:
  Applier(ItemValues& values, std::string& problem) : values_(values), operands_(values, problem) {}

  // What the attribute becomes. `listed` false: it is not there, neither before nor afterwards.
  bool apply(const Target& target, std::optional<std::string>& value, bool& listed) {
    const UpdateAction* action = target.root.action;
    const bool exists = !values_.text(target.head).empty();
    listed = exists;
    if (action == nullptr) {
      if (!exists) return operands_.fail(kWrongPath);
      AttributeValue whole = *values_.find({target.head, {}});
      if (!apply_steps(target.root, whole, 1)) return false;
      append_value(value.emplace(), whole);
      return true;
    }
    if (action->kind == UpdateAction::Kind::remove) return true;
    if (action->kind == UpdateAction::Kind::set) {
      listed = true;
      return operands_.evaluate_text(action->operand, value.emplace());
    }
    AttributeValue result;
    Outcome outcome = Outcome::keep;
    if (!act(*action, exists ? values_.find({target.head, {}}) : nullptr, result, outcome)) return false;
    if (outcome == Outcome::put) append_value(value.emplace(), result);
    listed = exists || outcome == Outcome::put;
    return true;
  }

 private:
  enum class Outcome { keep, put, erase };  // `keep`: there was nothing

  bool act(const UpdateAction& action, const AttributeValue* existing, AttributeValue& result, Outcome& outcome) {
    outcome = Outcome::put;
    switch (action.kind) {
      case UpdateAction::Kind::set:
        return operands_.evaluate(action.operand, result);
      case UpdateAction::Kind::add:
        return operands_.add(existing, action.operand.value, result);
      case UpdateAction::Kind::remove:
        outcome = existing != nullptr ? Outcome::erase : Outcome::keep;
        return true;
      case UpdateAction::Kind::take_away:
        break;
    }
    if (existing == nullptr) {
      outcome = Outcome::keep;
      return true;
    }
    if (!operands_.take_away(*existing, action.operand.value, result)) return false;
    if (result.elements.empty()) outcome = Outcome::erase;
    return true;
  }

  // `depth`: of the lists and maps that the parts of `whole` are in.
  bool apply_steps(const Node& node, AttributeValue& whole, int depth) {
    if (!node.members.empty()) return whole.type == Type::map ? apply_members(node, whole, depth) : wrong_path();
    return whole.type == Type::list ? apply_elements(node, whole, depth) : wrong_path();
  }
  bool wrong_path() { return operands_.fail(kWrongPath); }

  // What becomes of one part, which is replaced where it stands when there is one; `existing` may be null.
  bool apply_part(const Node& node, AttributeValue* existing, int depth, AttributeValue& result, Outcome& outcome) {
    outcome = Outcome::keep;
    if (node.action == nullptr) return existing != nullptr ? apply_steps(node, *existing, depth + 1) : wrong_path();
    if (!act(*node.action, existing, result, outcome)) return false;
    if (outcome != Outcome::put) return true;
    if (depth + depth_of(result) > kMaxNesting) return operands_.fail("Nesting Levels have exceeded supported limits");
    if (existing == nullptr) return true;
    *existing = std::move(result);
    outcome = Outcome::keep;
    return true;
  }

  bool apply_members(const Node& node, AttributeValue& map, int depth) {
    for (const auto& [name, child] : node.members) {
      AttributeValue result;
      Outcome outcome = Outcome::keep;
      if (!apply_part(child, map.member(name), depth, result, outcome)) return false;
      if (outcome == Outcome::put) {
        map.names.push_back(name);
        map.elements.push_back(std::move(result));
      } else if (outcome == Outcome::erase) {
        const auto at = std::find(map.names.begin(), map.names.end(), name) - map.names.begin();
        map.names.erase(map.names.begin() + at);
        map.elements.erase(map.elements.begin() + at);
      }
    }
    return true;
  }

  bool apply_elements(const Node& node, AttributeValue& list, int depth) {
    const std::size_t size = list.elements.size();
    std::vector<std::size_t> erased;
    for (const auto& [index, child] : node.elements) {
      AttributeValue result;
      Outcome outcome = Outcome::keep;
      AttributeValue* existing = index < size ? &list.elements[index] : nullptr;
      if (!apply_part(child, existing, depth, result, outcome)) return false;
      if (outcome == Outcome::put) list.elements.push_back(std::move(result));
      if (outcome == Outcome::erase) erased.push_back(index);
    }
    for (auto index = erased.rbegin(); index != erased.rend(); ++index) {
      list.elements.erase(list.elements.begin() + static_cast<std::ptrdiff_t>(*index));
    }
    return true;
  }

  ItemValues& values_;
  UpdateOperands operands_;
};

}  // namespace

struct Update::Parsed {
  ExpressionNames names;
  std::vector<UpdateAction> actions;
  std::vector<Target> targets;  // sorted by name
  std::set<std::string> touched;
};

Update Update::parse(std::string_view text, const Placeholders& placeholders) {
  auto parsed = std::make_unique<Parsed>();
  parsed->actions = parse_update(text, placeholders, parsed->names);
  std::map<std::string, Target> targets;
  for (const UpdateAction& action : parsed->actions) {
    const std::string& name = parsed->names.heads[action.path.head];
    Target& target = targets[name];
    target.name = name;
    target.head = action.path.head;
    Node* node = &target.root;
    for (const PathStep& step : action.path.steps) {
      node = step.by_index() ? &node->elements[step.index] : &node->members[step.name];
    }
    node->action = &action;
  }
  for (auto& [name, target] : targets) {
    parsed->touched.insert(name);
    parsed->targets.push_back(std::move(target));
  }
  return Update(std::move(parsed));
}

Update::Update(std::unique_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
Update::~Update() = default;
Update::Update(Update&&) noexcept = default;
Update& Update::operator=(Update&&) noexcept = default;

bool Update::apply(const ItemView& item, std::vector<Change>& changes, std::string& problem) const {
  changes.clear();
  ItemValues values(item, parsed_->names);
  Applier applier(values, problem);
  for (const Target& target : parsed_->targets) {
    Change& change = changes.emplace_back(Change{target.name, std::nullopt});
    bool listed = true;
    if (!applier.apply(target, change.value, listed)) {
      changes.clear();
      return false;
    }
    if (!listed) changes.pop_back();
  }
  return true;
}

const std::set<std::string>& Update::touched() const {
  return parsed_->touched;
}

const std::set<std::string>& Update::attributes() const {
  return parsed_->names.attributes;
}

const std::set<std::string>& Update::placeholders() const {
  return parsed_->names.placeholders;
}

}  // namespace bulk
