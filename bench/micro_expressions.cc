// What expressions cost by themselves, on items of about 450 bytes: finding the attributes, and whole jobs (view,
// condition, update) as a backfill or a transform runs them before it writes. Rows of bench/micro.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/micro_data.h"
#include "bench/null_server/item_text.h"
#include "codecs/expression.h"
#include "io/error.h"

namespace bulk::bench {
namespace {

constexpr std::size_t kItems = 8192;

// The null server's items, an address in each.
const std::vector<std::string>& items() {
  static const std::vector<std::string> kAll = [] {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < kItems; ++i) {
      std::string& item = all.emplace_back();
      append_item_text(42, i, 250, item);
      item.pop_back();
      item += R"(,"version":{"N":"1"},"address":{"M":{"street":{"S":"12 Main Street"},"city":{"S":"Springfield"}}}})";
    }
    return all;
  }();
  return kAll;
}

void count(benchmark::State& state) {
  using benchmark::Counter;
  std::size_t bytes = 0;
  for (const std::string& item : items()) bytes += item.size();
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["seconds"] =
      Counter(rounds * static_cast<double>(kItems) / 1e6, Counter::Flags(Counter::kIsRate | Counter::kInvert));
  state.counters["bytes"] = Counter(rounds * static_cast<double>(bytes), Counter::kIsRate);
}

void view(benchmark::State& state) {
  ItemView view;
  for (auto _ : state) {
    for (const std::string& item : items()) {
      view.reset(item);
      benchmark::DoNotOptimize(view.find("address"));
    }
  }
  count(state);
}

void job(benchmark::State& state, const char* when, const char* change) {
  const Placeholders placeholders = {{{"#l", "location"}},
                                     {{":one", R"({"N":"1"})"}, {":two", R"({"N":"2"})"}, {":zero", R"({"N":"0"})"}}};
  const Condition condition = Condition::parse(when, placeholders);
  const Update update = Update::parse(change, placeholders);
  ItemView view;
  std::vector<Update::Change> changes;
  std::string problem;
  for (auto _ : state) {
    for (const std::string& item : items()) {
      view.reset(item);
      if (!condition.holds(view) || !update.apply(view, changes, problem)) throw Error(ErrorKind::failed, problem);
      benchmark::DoNotOptimize(changes.data());
    }
  }
  count(state);
}

void rename(benchmark::State& state) {
  job(state, "attribute_exists(address) AND attribute_not_exists(#l)", "SET #l = address REMOVE address");
}
void upgrade(benchmark::State& state) {
  job(state, "version < :two", "SET version = :two, changes = if_not_exists(changes, :zero) + :one");
}
void restructure(benchmark::State& state) {
  job(state, "attribute_exists(address.city)", "SET city = address.city, address.version = :two REMOVE address.street");
}

BENCHMARK(view)->Name("item view/jobs");
BENCHMARK(rename)->Name("expression: rename/jobs");
BENCHMARK(upgrade)->Name("expression: upgrade/jobs");
BENCHMARK(restructure)->Name("expression: restructure/jobs");

}  // namespace
}  // namespace bulk::bench
