// What rows of PostgreSQL cost between COPY text and lines, in both directions, on 4 MiB of COPY text of several kinds.
// Rows of bench/micro; the bytes that are counted are those of the COPY text.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "codecs/row_text.h"
#include "io/error.h"

namespace bulk::bench {
namespace {

constexpr std::size_t kBytes = 4u << 20;

struct Rows {
  std::vector<RowColumn> columns;
  std::vector<std::string> rows;
  std::vector<std::string> lines;
  std::size_t bytes = 0;  // of the rows
};

using Random = std::mt19937_64;

std::string words(Random& random, std::size_t count) {
  static constexpr const char* kWords[] = {"order", "customer", "shipped", "Größe",  "invoice", "pending",
                                           "blue",  "large",    "café",    "summer", "payment", "of"};
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : " ") + std::string(kWords[random() % 12]);
  return text;
}

std::string hex(Random& random, std::size_t digits) {
  std::string text;
  while (text.size() < digits) text += fmt::format("{:016x}", random());
  text.resize(digits);
  return text;
}

std::string uuid(Random& random) {
  std::string text = hex(random, 36);
  for (const std::size_t at : {8, 13, 18, 23}) text[at] = '-';
  return text;
}

std::string timestamp(Random& random) {
  return fmt::format("2025-{:02}-{:02} {:02}:{:02}:{:02}.{:06}+00", 1 + random() % 12, 1 + random() % 28, random() % 24,
                     random() % 60, random() % 60, random() % 1'000'000);
}

// About 260 bytes of every type, a NULL and an escape now and then.
std::string mixed_row(Random& random, std::size_t number) {
  std::string text = words(random, 3 + random() % 8);
  if (random() % 8 == 0) text += " \"so\\nit is\"";
  return fmt::format(
      "{}\t{}\t{}\t{}.{:02}\t{{\"sku\": \"{}\", \"tags\": [\"{}\", \"{}\"], \"count\": {}}}\t{}\t\\\\x{}\t{{{},{},{}}}",
      1'000'000 + number, uuid(random), text, random() % 100'000, random() % 100, hex(random, 8), words(random, 1),
      words(random, 1), random() % 50, random() % 8 == 0 ? "\\N" : timestamp(random), hex(random, 32), random() % 1000,
      random() % 1000, random() % 100'000);
}

// An article of about 1.5 KB, with line breaks and quotes.
std::string text_row(Random& random, std::size_t number) {
  std::string text = words(random, 12);
  for (int i = 0; i < 15; ++i) text += "\\n" + words(random, 14) + (i % 3 == 0 ? " \"quoted\"" : ".");
  return fmt::format("{}\t{}\t{}", number, words(random, 5), text);
}

// 20 numbers, integers and decimals.
std::string number_row(Random& random, std::size_t number) {
  std::string row = std::to_string(number);
  for (int i = 1; i < 20; ++i) {
    row += i % 2 == 0 ? fmt::format("\t{}", random() % 1'000'000'000)
                      : fmt::format("\t{}.{:02}", random() % 10'000, random() % 100);
  }
  return row;
}

// One document of about 1 KB.
std::string json_row(Random& random, std::size_t number) {
  std::string row = fmt::format("{}\t{{\"id\": {}, \"lines\": [", number, number);
  for (int i = 0; i < 10; ++i) {
    row += fmt::format("{}{{\"sku\": \"{}\", \"name\": \"{}\", \"price\": {}.5, \"note\": \"\\\\\"{}\\\\\"\"}}",
                       i == 0 ? "" : ", ", hex(random, 8), words(random, 4), random() % 500, words(random, 1));
  }
  return row + "]}";
}

// Text in which every eighth character is escaped: JSON kept as text.
std::string escaped_row(Random& random, std::size_t number) {
  std::string row = fmt::format("{}\t{{", number);
  for (int i = 0; i < 40; ++i) row += fmt::format("\"{}\":\"{}\",", words(random, 1), words(random, 1));
  return row + "}";
}

struct Kind {
  const char* name;
  std::vector<RowColumn> columns;
  std::string (*row)(Random&, std::size_t);
};

const std::vector<Kind>& kinds() {
  const auto number = [](const char* name) { return RowColumn{name, "", RowKind::number}; };
  const auto text = [](const char* name) { return RowColumn{name, "", RowKind::text}; };
  static const std::vector<Kind> kKinds = [&] {
    std::vector<RowColumn> numbers;
    numbers.reserve(20);
    for (int i = 0; i < 20; ++i) numbers.push_back(number(("value_" + std::to_string(i)).c_str()));
    const RowColumn doc{"doc", "", RowKind::json};
    return std::vector<Kind>{{"mixed",
                              {number("id"), text("reference"), text("description"), number("price"), doc,
                               text("created_at"), text("checksum"), text("sizes")},
                              mixed_row},
                             {"text", {number("id"), text("title"), text("body")}, text_row},
                             {"numbers", numbers, number_row},
                             {"json", {number("id"), doc}, json_row},
                             {"escapes", {number("id"), text("doc")}, escaped_row}};
  }();
  return kKinds;
}

const Rows& rows_of(std::size_t kind) {
  static const std::vector<Rows> kAll = [] {
    std::vector<Rows> all;
    for (const Kind& one : kinds()) {
      Rows& rows = all.emplace_back();
      rows.columns = one.columns;
      Random random(42);
      RowWriter writer(rows.columns);
      Buffer line;
      while (rows.bytes < kBytes) {
        rows.rows.push_back(one.row(random, rows.rows.size()));
        rows.bytes += rows.rows.back().size() + 1;
        line.clear();
        writer.append(rows.rows.back(), line);
        rows.lines.emplace_back(line.view().substr(0, line.size() - 1));
      }
    }
    return all;
  }();
  return kAll[kind];
}

void count(benchmark::State& state, const Rows& rows) {
  using benchmark::Counter;
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["seconds"] = Counter(rounds * static_cast<double>(rows.rows.size()) / 1e6,
                                      Counter::Flags(Counter::kIsRate | Counter::kInvert));
  state.counters["bytes"] = Counter(rounds * static_cast<double>(rows.bytes), Counter::kIsRate);
}

void write_rows(benchmark::State& state, std::size_t kind) {
  const Rows& rows = rows_of(kind);
  RowWriter writer(rows.columns);
  Buffer out;
  for (auto _ : state) {
    out.clear();
    for (const std::string& row : rows.rows) writer.append(row, out);
    benchmark::DoNotOptimize(out.data());
  }
  count(state, rows);
}

void read_rows(benchmark::State& state, std::size_t kind) {
  const Rows& rows = rows_of(kind);
  RowReader reader(rows.columns);
  Buffer out;
  for (auto _ : state) {
    out.clear();
    for (const std::string& line : rows.lines) {
      if (!reader.append(line, out)) throw Error(ErrorKind::failed, reader.problem());
    }
    benchmark::DoNotOptimize(out.data());
  }
  count(state, rows);
}

void check_rows(benchmark::State& state, std::size_t kind) {
  const Rows& rows = rows_of(kind);
  std::string lines;
  for (const std::string& line : rows.lines) lines += line + '\n';
  for (auto _ : state) RowWriter::check_utf8(lines);
  count(state, rows);
}

const bool kRegistered = [] {
  const std::pair<const char*, void (*)(benchmark::State&, std::size_t)> steps[] = {
      {"row to line", write_rows}, {"line to row", read_rows}, {"lines' UTF-8", check_rows}};
  for (const auto& [name, run] : steps) {
    for (std::size_t kind = 0; kind < kinds().size(); ++kind) {
      benchmark::RegisterBenchmark(fmt::format("{}/{}", name, kinds()[kind].name).c_str(),
                                   [run = run, kind](benchmark::State& state) { run(state, kind); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace bulk::bench
