#include "tests/fault_server_mix.h"

#include <fmt/format.h>

#include <random>
#include <utility>

namespace bulk::test {
namespace {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  bool chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1p-53 < probability; }
  template <typename T>
  const T& one_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  std::mt19937_64 random_;
};

constexpr const char* kJobNames[kMixJobs] = {"backup",
                                             "restore --create",
                                             "restore into an empty table",
                                             "restore --only-missing",
                                             "copy table to table",
                                             "copy table to SQLite",
                                             "copy SQLite to table"};

double probability(FaultKind kind, Draw& draw) {
  switch (kind) {
    case FaultKind::hang:
    case FaultKind::stall:
      return draw.one_of<double>({0.01, 0.02});  // each costs a stall timeout
    case FaultKind::expire:
      return draw.one_of<double>({0.01, 0.03});  // each costs a process
    case FaultKind::dribble:
      return 0.05;  // each costs 50 ms
    default:
      return draw.one_of<double>({0.02, 0.05, 0.1, 0.2});
  }
}

std::string padding(std::size_t size, std::size_t number) {
  // Characters that JSON escapes, and others of more than one byte.
  static const std::string kPattern = "plain text, \\\"quoted\\\", \\\\ \\u0001 \\n Zoë 渡邊 ";
  std::string text = std::to_string(number) + " ";
  while (text.size() < size) text += kPattern;
  return text;
}

std::string key_text(const Mix& mix, std::size_t number) {
  std::string text;
  for (const auto& [name, type] : mix.key) {
    const std::size_t part = mix.key.size() == 1 ? number : &name == &mix.key[0].first ? number / 7 : number % 7;
    // Six digits and two zeros are eight characters of base64: six whole bytes.
    const std::string value = type == 'B'   ? fmt::format("{:06}00", part)
                              : type == 'N' ? (part % 2 == 1 ? "-" : "") + std::to_string(part)
                                            : "CUSTOMER#" + std::to_string(part);
    text += fmt::format(R"("{}":{{"{}":"{}"}},)", name, type, value);
  }
  return text;
}

std::string item(const Mix& mix, std::size_t number, std::size_t size, const char* version) {
  return "{" + key_text(mix, number) +
         fmt::format(
             R"("version":{{"S":"{}"}},"number":{{"N":"-{}.5"}},"raw":{{"B":"AAEC"}},"paid":{{"BOOL":{}}},)"
             R"("none":{{"NULL":true}},"tags":{{"SS":["a","b{}"]}},"codes":{{"NS":["1","2.5"]}},)"
             R"("details":{{"M":{{"lines":{{"L":[{{"N":"12345678901234567890123456789012345678"}},{{"S":""}},{{"M":{{}}}}]}}}}}},)"
             R"("text":{{"S":"{}"}}}})",
             version, number, number % 2 == 0, number, padding(size, number));
}

}  // namespace

std::string Mix::text() const {
  std::string list;
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    const auto member = Faults::probability_of(kind);
    if (member != nullptr && faults.*member > 0) list += fmt::format(" {}={}", fault_name(kind), faults.*member);
  }
  if (faults.clock_offset_s != 0) list += fmt::format(" clock_offset_s={}", faults.clock_offset_s);
  std::string names;
  for (const auto& [name, type] : key) names += fmt::format(" {}:{}", name, type);
  return fmt::format("seed {}: {}, {} items, key{}, {} segments, pages of {} items{}{}{}; faults:{}", seed,
                     kJobNames[static_cast<std::size_t>(job)], items, names, segments, faults.page_items,
                     gives_up ? ", gives up early" : "", keys_fixed ? ", fixed credentials" : "",
                     heals ? ", heals" : "", list);
}

Faults Mix::sound() const {
  Faults none;
  none.page_items = faults.page_items;
  none.page_bytes = faults.page_bytes;
  return none;
}

Mix draw_mix(std::uint64_t seed, bool gives_up) {
  Draw draw(seed * 2 + (gives_up ? 1 : 0));
  Mix mix;
  mix.seed = seed;
  mix.gives_up = gives_up;
  mix.job = static_cast<MixJob>(draw.below(kMixJobs));
  mix.key =
      draw.one_of<TableKey>({{{"pk", 'S'}}, {{"pk", 'S'}, {"sk", 'N'}}, {{"pk", 'B'}}, {{"id", 'N'}, {"at", 'S'}}});
  mix.items = 100 + draw.below(draw.chance(0.2) ? 3'000 : 500);
  mix.segments = static_cast<unsigned>(1 + draw.below(6));
  mix.keys_fixed = draw.chance(0.3);
  mix.heals = draw.chance(0.5);
  mix.faults.seed = seed;
  mix.faults.page_items = 5 + draw.below(60);
  mix.faults.page_bytes = draw.one_of<std::size_t>({20'000, 100'000, 600'000});
  if (draw.chance(0.2)) mix.faults.expire = probability(FaultKind::expire, draw);
  // A run that gives up early is repeated often, and each run should still get somewhere.
  for (std::size_t left = 1 + draw.below(gives_up ? 2 : 7); left > 0; --left) {
    const auto kind = static_cast<FaultKind>(draw.below(kFaultKinds));
    if (const auto member = Faults::probability_of(kind)) {
      mix.faults.*member = probability(kind, draw);
    } else {
      mix.faults.clock_offset_s = draw.one_of<std::int64_t>({-86'400, -1'000, 1'000, 7'200});
    }
  }
  if (gives_up) mix.faults.unavailable = mix.faults.error_after = 0.15;
  return mix;
}

std::string create_body(const Mix& mix, const std::string& table) {
  std::string schema;
  std::string definitions;
  for (const auto& [name, type] : mix.key) {
    schema += fmt::format(R"({}{{"AttributeName":"{}","KeyType":"{}"}})", schema.empty() ? "" : ",", name,
                          schema.empty() ? "HASH" : "RANGE");
    definitions +=
        fmt::format(R"({}{{"AttributeName":"{}","AttributeType":"{}"}})", definitions.empty() ? "" : ",", name, type);
  }
  return fmt::format(R"({{"TableName":"{}","KeySchema":[{}],"AttributeDefinitions":[{}],"BillingMode":"PROVISIONED",)"
                     R"("ProvisionedThroughput":{{"ReadCapacityUnits":1000000,"WriteCapacityUnits":1000000}}}})",
                     table, schema, definitions);
}

std::vector<std::string> mix_lines(const Mix& mix) {
  Draw draw(mix.seed);
  std::vector<std::string> lines;
  std::size_t large = 3;
  for (std::size_t number = 0; number < mix.items; ++number) {
    std::size_t size = draw.below(400);
    if (draw.chance(0.01)) size = 20'000;
    if (large > 0 && draw.chance(0.01)) {
      --large;
      size = 50'000 + draw.below(250'000);
    }
    lines.push_back("{\"Item\":" + item(mix, number, size, "new") + "}");
  }
  return lines;
}

std::string other_content(const Mix& mix, std::size_t number) {
  return item(mix, number, 10, "old");
}

}  // namespace bulk::test
