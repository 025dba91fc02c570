// Our evaluator against real servers: the same generated expressions over the same items have the same outcome, or an
// error of the same class. Conditions are compared by scans with a filter, each over all items; updates one by one.
//
// Neither server is DynamoDB. Where one differs from what the developer guide says, or from what the suites that were
// run against the service recorded (dynalite's parsers, ScyllaDB's test/alternator), we side with the service; each
// such deviation is named below and counted in the output, and one that is not met any more fails the test. Some
// expressions would end a server or say nothing there; those are named too, and others are generated in their place.
//
// BULK_TEST_EXPRESSIONS=N makes N times as many; BULK_TEST_SEED another beginning.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>

#include "codecs/item.h"
#include "codecs/json_check.h"
#include "io/error.h"
#include "tests/expressions/generator.h"
#include "tests/expressions/server_table.h"
#include "tests/support/dynamodb_servers.h"

namespace bulk::test {
namespace {

constexpr const char* kInvalid = "ValidationException";
constexpr const char* kConditionFailed = "ConditionalCheckFailedException";

// What one expression came to, ours and theirs.
struct Comparison {
  enum class Kind { condition, update, syntax };
  Kind kind = Kind::condition;
  std::string text;
  std::string shown;  // for people
  std::set<std::string> tags;
  std::string error;         // ours: as the server's names
  std::string message;       // ours
  std::string result;        // ours: keys or canonical item
  std::string server_error;  // theirs
  std::string server_message;
  std::string server_result;

  bool agrees() const { return error == server_error && result == server_result; }
  bool says(std::string_view part) const { return message.find(part) != std::string::npos; }
  // Only we refuse it.
  bool refused_by_us() const { return error == kInvalid && server_error != kInvalid; }
  bool refused_by_them() const { return error != kInvalid && server_error == kInvalid; }
  bool differs_in_result() const { return error.empty() && server_error.empty(); }
};

struct Deviation {
  const char* reason;
  bool (*applies)(const Comparison&);
  bool rare = false;  // need not be met
};

struct Avoided {
  const char* tag;
  const char* reason;
};

struct ServerCase {
  const char* program;
  bool without_empty;  // see ExpressionGenerator
  std::vector<Avoided> avoided;
  std::vector<Deviation> deviations;
};

bool is_static_check(const Comparison& comparison) {
  return comparison.refused_by_us() &&
         (comparison.says("Incorrect operand type for operator or function") ||
          comparison.says("The BETWEEN operator requires") || comparison.says("The first operand must be distinct"));
}
bool is_underscore(const Comparison& comparison) {
  return comparison.refused_by_us() && comparison.says("Syntax error; token: \"_\"");
}

const ServerCase kDynoxideCase = {
    kDynoxide,
    false,
    {},
    {{"does not check operands' types, bounds and distinctness before it looks at an item (Alternator: the service "
      "does)",
      is_static_check},
     {"takes names that begin with an underscore (Alternator: the service does not)", is_underscore},
     {"ignores a REMOVE or DELETE whose path leads nowhere (Alternator: \"The document path ... is invalid\")",
      [](const Comparison& comparison) {
        return comparison.refused_by_us() && comparison.says("The document path provided") &&
               (comparison.text.find("REMOVE") != std::string::npos ||
                comparison.text.find("DELETE") != std::string::npos);
      }},
     {"makes what is missing on the way of a SET, behind a list's end or in NULL's place (Alternator: \"The document "
      "path "
      "... is invalid\")",
      [](const Comparison& comparison) {
        return comparison.refused_by_us() && comparison.says("The document path provided");
      }},
     {"fills a list up with NULL when SET names an index behind its end (guide: the value is appended)",
      [](const Comparison& comparison) {
        return comparison.differs_in_result() && comparison.text.find('[') != std::string::npos &&
               comparison.server_result.find("{\"NULL\":true}") != std::string::npos;
      }},
     {"takes no operand in parentheses and no attribute that is called like a function (dynalite: the service does)",
      [](const Comparison& comparison) {
        const auto has = [&](const char* text) { return comparison.server_message.find(text) != std::string::npos; };
        return comparison.kind == Comparison::Kind::syntax && comparison.refused_by_them() &&
               (has("got (") || has("Expected (") || has("Expected comparison operator") ||
                has("Invalid function name") || has("requires a document path") || has("redundant parentheses"));
      }},
     {"does not see all conflicts between paths of different sections (dynalite: the service does)",
      [](const Comparison& comparison) {
        return comparison.refused_by_us() && comparison.says("Two document paths conflict");
      },
      true}}};

const ServerCase kDynaliteCase = {
    kDynalite,
    true,  // takes an empty string and false for a missing value in functions, IN and BETWEEN
    {{"two paths", "takes two missing attributes for equal (Alternator: they are not)"},
     {"list of paths", "ends when a path behind IN or BETWEEN leads nowhere"},
     {"prefix path", "ends when the second path of begins_with leads nowhere"},
     {"document", "takes no list or map for equal to another"},
     {"other contained", "finds only strings, numbers and binaries in a list"},
     {"twice negated", "takes NOT NOT for a syntax error (guide: `NOT condition`)"},
     {"changes what it copies", "copies by reference: `SET a = b ADD b :one` changes both"}},
    {{"does not check the types of values that are compared by order (Alternator: the service does)", is_static_check},
     {"takes names that begin with an underscore (Alternator: the service does not)", is_underscore},
     {"stores sums of more than 38 digits (guide: 38 digits of precision)", [](const Comparison& comparison) {
        return comparison.refused_by_us() && comparison.says("more than 38 significant digits");
      }}}};

unsigned setting(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

std::string canonical(const std::string& item) {
  ItemScanner scanner;
  const std::string text = scanner.canonical(item);
  return text.empty() ? "not an item: " + scanner.problem().text + " " + item : text;
}

std::string changed_item(const ItemView& item, const std::vector<Update::Change>& changes) {
  std::map<std::string, std::string> values;
  for (const auto& attribute : item.attributes()) values[std::string(attribute.name)] = attribute.value;
  for (const auto& change : changes) {
    values.erase(std::string(change.name));
    if (change.value) values[std::string(change.name)] = *change.value;
  }
  std::string text = "{";
  for (const auto& [name, value] : values) text += (text.size() > 1 ? "," : "") + json_quoted(name) + ":" + value;
  return canonical(text + "}");
}

std::string shown(const GeneratedExpression& expression) {
  std::string text = expression.text;
  for (const auto& [key, name] : expression.placeholders.names) text += "\n    " + key + " = " + name;
  for (const auto& [key, value] : expression.placeholders.values) text += "\n    " + key + " = " + value;
  return text;
}

class Servers : public testing::TestWithParam<const ServerCase*> {
 protected:
  void SetUp() override {
    auto started = DynamoDbServer::start(GetParam()->program);
    if (!started) GTEST_SKIP() << GetParam()->program << " is not installed";
    server_.emplace(std::move(*started));
    table_ = std::make_unique<ServerTable>(server_->endpoint(), "expressions");
  }

  template <typename Make>
  GeneratedExpression made(Make make) {
    for (;;) {
      GeneratedExpression expression = make();
      const auto avoided = std::find_if(GetParam()->avoided.begin(), GetParam()->avoided.end(),
                                        [&](const Avoided& one) { return expression.tags.contains(one.tag); });
      if (avoided == GetParam()->avoided.end()) return expression;
      ++counts_[std::string("not asked: ") + avoided->reason];
    }
  }
  GeneratedExpression condition(unsigned first = 0) {
    return made([&] { return generator_.condition(first); });
  }
  GeneratedExpression update() {
    return made([&] { return generator_.update(); });
  }

  Comparison begin(Comparison::Kind kind, const GeneratedExpression& expression) const {
    Comparison comparison;
    comparison.kind = kind;
    comparison.text = expression.text;
    comparison.shown = shown(expression);
    comparison.tags = expression.tags;
    return comparison;
  }
  template <typename Run>
  static void ours(Comparison& comparison, Run run) {
    try {
      run();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      comparison.error = kInvalid;
      comparison.message = error.what();
    }
  }
  static void theirs(Comparison& comparison, const ServerTable::Outcome& outcome) {
    comparison.server_error = outcome.error;
    comparison.server_message = outcome.message;
  }

  void settle(const Comparison& comparison) {
    ++counts_[comparison.agrees() ? "agree" : "differ"];
    if (comparison.error == kInvalid) ++counts_["refused"];
    if (comparison.agrees()) return;
    for (const Deviation& deviation : GetParam()->deviations) {
      if (!deviation.applies(comparison)) continue;
      ++counts_[deviation.reason];
      return;
    }
    ADD_FAILURE() << comparison.shown << "\n  ours:   " << comparison.error << " " << comparison.message << " "
                  << comparison.result << "\n  theirs: " << comparison.server_error << " " << comparison.server_message
                  << " " << comparison.server_result;
  }

  void compare_conditions(unsigned number) {
    std::map<std::string, std::string> items;
    std::vector<std::string> texts;
    for (int i = 0; i < 50; ++i) {
      const std::string key = "scanned" + std::to_string(i);
      texts.push_back(items[key] = generator_.item(key));
    }
    table_->put(texts);
    ItemView view;
    for (unsigned i = 0; i < number; ++i) {
      const GeneratedExpression expression = condition();
      Comparison comparison = begin(Comparison::Kind::condition, expression);
      ours(comparison, [&] {
        const Condition parsed = Condition::parse(expression.text, expression.placeholders);
        for (const auto& [key, item] : items) {
          view.reset(item);
          if (parsed.holds(view)) comparison.result += key + " ";
        }
      });
      const auto outcome = table_->scan(expression.text, expression.placeholders);
      theirs(comparison, outcome);
      for (const std::string& key : outcome.keys) comparison.server_result += key + " ";
      settle(comparison);
    }
  }

  void compare_updates(unsigned number) {
    constexpr unsigned kBatch = 25;
    ItemView view;
    for (unsigned first = 0; first < number; first += kBatch) {
      std::vector<std::string> items;
      for (unsigned i = 0; i < kBatch; ++i) items.push_back(generator_.item("updated" + std::to_string(first + i)));
      table_->put(items);
      for (unsigned i = 0; i < kBatch; ++i) {
        view.reset(items[i]);
        compare_update(view, "updated" + std::to_string(first + i), items[i], i % 4 == 0);
      }
    }
  }

  void compare_update(const ItemView& view, const std::string& key, const std::string& item, bool conditional) {
    GeneratedExpression expression = update();
    Comparison comparison = begin(Comparison::Kind::update, expression);
    GeneratedExpression when;
    if (conditional) {
      when = condition(100);
      comparison.shown += "\n  when " + shown(when);
      expression.placeholders.names.insert(when.placeholders.names.begin(), when.placeholders.names.end());
      expression.placeholders.values.insert(when.placeholders.values.begin(), when.placeholders.values.end());
    }
    comparison.shown += "\n  item " + item;
    ours(comparison, [&] {
      const Update parsed = Update::parse(expression.text, expression.placeholders);
      if (conditional && !Condition::parse(when.text, expression.placeholders).holds(view)) {
        comparison.error = kConditionFailed;
        return;
      }
      std::vector<Update::Change> changes;
      if (parsed.apply(view, changes, comparison.message)) {
        comparison.result = changed_item(view, changes);
      } else {
        comparison.error = kInvalid;
      }
    });
    const auto outcome = table_->update(key, expression.text, when.text, expression.placeholders);
    theirs(comparison, outcome);
    if (outcome.error.empty()) comparison.server_result = canonical(outcome.item);
    settle(comparison);
  }

  // Is it an expression at all? Asked of a table without items: what would be said of them does not matter here.
  void compare_syntax(unsigned number) {
    ServerTable empty(server_->endpoint(), "empty");
    for (unsigned i = 0; i < number; ++i) {
      const bool is_update = i % 2 == 0;
      const GeneratedExpression expression =
          made([&] { return generator_.damaged(is_update ? update() : condition()); });
      Comparison comparison = begin(Comparison::Kind::syntax, expression);
      ours(comparison, [&] {
        if (is_update) {
          Update::parse(expression.text, expression.placeholders);
        } else {
          Condition::parse(expression.text, expression.placeholders);
        }
      });
      theirs(comparison, is_update ? table_->update("damaged", expression.text, "", expression.placeholders)
                                   : empty.scan(expression.text, expression.placeholders));
      if (comparison.server_message.find("Invalid ") == std::string::npos) comparison.server_error.clear();
      settle(comparison);
    }
  }

  std::optional<DynamoDbServer> server_;
  std::unique_ptr<ServerTable> table_;
  ExpressionGenerator generator_{setting("BULK_TEST_SEED", 1), GetParam()->without_empty};
  std::map<std::string, unsigned> counts_;
};

TEST_P(Servers, AgreeWithUs) {
  const unsigned times = setting("BULK_TEST_EXPRESSIONS", 1);
  compare_conditions(300 * times);
  compare_updates(600 * times);
  compare_syntax(400 * times);
  for (const auto& [what, count] : counts_) std::cout << "  " << count << " " << what << '\n';
  EXPECT_GT(counts_["agree"], 900u * times);
  // Another seed may miss one.
  if (std::getenv("BULK_TEST_SEED") != nullptr) return;
  for (const Deviation& deviation : GetParam()->deviations) {
    if (deviation.rare) continue;
    EXPECT_GT(counts_[deviation.reason], 0u) << "no longer met: " << deviation.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(Expressions, Servers, testing::Values(&kDynoxideCase, &kDynaliteCase),
                         [](const auto& info) { return info.param->program; });

}  // namespace
}  // namespace bulk::test
