// The steps of a backup and of a restore one by one, on one core: how many CPU seconds a million records cost, and how
// many bytes a second that is. bench/micro builds and runs it.
//
// Each step runs over 4 MiB of lines, the size of a frame, as it does in the program: more than the innermost caches
// hold. What is printed is the median of the repetitions.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>

#include "bench/micro_data.h"
#include "codecs/item.h"
#include "codecs/key_scan.h"
#include "codecs/lines.h"
#include "codecs/scan_page.h"
#include "codecs/zstd_frame.h"
#include "io/error.h"
#include "io/sigv4.h"

namespace bulk::bench {
namespace {

constexpr std::size_t kFrameBytes = 4u << 20;
constexpr std::size_t kRequestRecords = 25;

void count(benchmark::State& state, std::size_t records, std::size_t bytes) {
  using benchmark::Counter;
  const auto rounds = static_cast<double>(state.iterations());
  // Rates are over CPU time.
  state.counters["seconds"] =
      Counter(rounds * static_cast<double>(records) / 1e6, Counter::Flags(Counter::kIsRate | Counter::kInvert));
  state.counters["bytes"] = Counter(rounds * static_cast<double>(bytes), Counter::kIsRate);
}

void split_page(benchmark::State& state, const Lines& lines) {
  const Buffer reply(make_scan_reply(lines));
  ScanPageParser parser;
  ScanPage page;
  Buffer out;
  for (auto _ : state) {
    out.clear();
    parser.parse(reply, out, page);
    benchmark::DoNotOptimize(out.data());
  }
  count(state, lines.lines.size(), reply.size());
}

void split_into_lines(benchmark::State& state, const Lines& lines) {
  std::vector<LineSpan> spans;
  for (auto _ : state) benchmark::DoNotOptimize(split_lines(lines.bytes.view(), spans));
  count(state, lines.lines.size(), lines.bytes.size());
}

void walk_items(benchmark::State& state, const Lines& lines) {
  ItemScanner scanner(&key_schema());
  ItemFacts facts;
  Digest sum;
  for (auto _ : state) {
    for (const std::string_view item : lines.items) {
      if (!scanner.scan(item, facts)) throw Error(ErrorKind::failed, scanner.problem().text);
      sum += facts.digest;
    }
    benchmark::DoNotOptimize(sum);
  }
  count(state, lines.lines.size(), lines.bytes.size());
}

void scan_keys(benchmark::State& state, const Lines& lines) {
  KeyScanner scanner(key_schema());
  KeyFacts facts;
  Digest sum;
  for (auto _ : state) {
    for (const std::string_view line : lines.lines) {
      if (!scanner.scan(line, facts)) throw Error(ErrorKind::failed, scanner.problem().text);
      sum += facts.key_hash;
    }
    benchmark::DoNotOptimize(sum);
  }
  count(state, lines.lines.size(), lines.bytes.size());
}

// What the body of a BatchWriteItem is made of: the lines as they are, and a few bytes around each.
void append_request(Buffer& body, const Lines& lines, std::size_t first) {
  body.append("{\"RequestItems\":{\"pr-5-main-table\":[");
  for (std::size_t i = 0; i < kRequestRecords; ++i) {
    body.append(i == 0 ? "{\"PutRequest\":" : ",{\"PutRequest\":");
    body.append(lines.lines[first + i]);
    body.push_back('}');
  }
  body.append("]},\"ReturnConsumedCapacity\":\"TOTAL\"}");
}

void build_requests(benchmark::State& state, const Lines& lines) {
  Buffer body;
  const std::size_t requests = lines.lines.size() / kRequestRecords;
  for (auto _ : state) {
    for (std::size_t i = 0; i < requests; ++i) {
      body.clear();
      append_request(body, lines, i * kRequestRecords);
      benchmark::DoNotOptimize(body.data());
    }
  }
  count(state, requests * kRequestRecords, lines.bytes.size());
}

void sign_requests(benchmark::State& state, const Lines& lines) {
  const std::size_t requests = lines.lines.size() / kRequestRecords;
  std::vector<Buffer> bodies(requests);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < requests; ++i) {
    append_request(bodies[i], lines, i * kRequestRecords);
    bytes += bodies[i].size();
  }
  Signer signer("eu-west-1", "dynamodb");
  AwsCredentials credentials;
  credentials.access_key_id = "AKIDEXAMPLE";
  credentials.secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  for (auto _ : state) {
    for (const Buffer& body : bodies) {
      const std::string hash = sha256_hex(body.view());
      SigningInput input;
      input.method = "POST";
      input.path = "/";
      input.headers = {{"host", "dynamodb.eu-west-1.amazonaws.com"},
                       {"x-amz-date", "20250125T120000Z"},
                       {"x-amz-target", "DynamoDB_20120810.BatchWriteItem"}};
      input.payload_hash = hash;
      benchmark::DoNotOptimize(signer.authorization(credentials, "20250125T120000Z", input));
    }
  }
  count(state, requests * kRequestRecords, bytes);
}

void hash_bodies(benchmark::State& state, const Lines& lines) {
  for (auto _ : state) benchmark::DoNotOptimize(sha256(lines.bytes.view()));
  count(state, lines.lines.size(), lines.bytes.size());
}

void sum_crc32(benchmark::State& state, const Lines& lines) {
  for (auto _ : state) benchmark::DoNotOptimize(libdeflate_crc32(0, lines.bytes.data(), lines.bytes.size()));
  count(state, lines.lines.size(), lines.bytes.size());
}

void sum_xxh64(benchmark::State& state, const Lines& lines) {
  for (auto _ : state) benchmark::DoNotOptimize(xxh64_low32(lines.bytes.view()));
  count(state, lines.lines.size(), lines.bytes.size());
}

void compress_frame(benchmark::State& state, const Lines& lines) {
  FrameCodec codec;
  Buffer frame;
  for (auto _ : state) {
    frame.clear();
    codec.compress(lines.bytes.view(), frame);
    benchmark::DoNotOptimize(frame.data());
  }
  count(state, lines.lines.size(), lines.bytes.size());
}

void decompress_frame(benchmark::State& state, const Lines& lines) {
  FrameCodec codec;
  Buffer frame;
  codec.compress(lines.bytes.view(), frame);
  Buffer plain;
  for (auto _ : state) {
    codec.decompress(frame.view(), lines.bytes.size(), plain);
    benchmark::DoNotOptimize(plain.data());
  }
  count(state, lines.lines.size(), lines.bytes.size());
}

void hash_frame(benchmark::State& state, const Lines& lines) {
  FrameCodec codec;
  Buffer frame;
  codec.compress(lines.bytes.view(), frame);
  for (auto _ : state) benchmark::DoNotOptimize(sha256(frame.view()));
  count(state, lines.lines.size(), lines.bytes.size());
}

struct Step {
  const char* name;
  void (*run)(benchmark::State&, const Lines&);
};
constexpr Step kSteps[] = {
    {"page split", split_page},
    {"line split", split_into_lines},
    {"item walk", walk_items},
    {"key scan", scan_keys},
    {"request building", build_requests},
    {"body SHA-256", hash_bodies},
    {"body SHA-256 + signing", sign_requests},
    {"crc32", sum_crc32},
    {"XXH64", sum_xxh64},
    {"zstd compress", compress_frame},
    {"zstd decompress", decompress_frame},
    {"stored frame SHA-256", hash_frame},
};

// A row for each step and kind: the median of the repetitions, and the best of them, which on a busy machine is nearer
// to what the step costs.
class Table : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override {
    fmt::print("{:<24} {:<9} {:>14} {:>8} {:>8} {:>12}\n", "step", "data", "CPU s/million", "(best)", "MB/s",
               "CPU ns/KiB");
    return true;
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<double> seconds;
    double bytes_of_record = 0;
    for (const Run& run : runs) {
      if (run.error_occurred) fmt::print("{}: {}\n", run.benchmark_name(), run.error_message);
      if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
      seconds.push_back(run.counters.at("seconds"));
      bytes_of_record = run.counters.at("bytes") * seconds.back() / 1e6;
    }
    if (seconds.empty()) return;
    std::sort(seconds.begin(), seconds.end());
    const double median = seconds[seconds.size() / 2];
    const std::string& name = runs.front().run_name.function_name;
    const std::size_t slash = name.find('/');
    fmt::print("{:<24} {:<9} {:>14.3f} {:>8.3f} {:>8.0f} {:>12.1f}\n", name.substr(0, slash), name.substr(slash + 1),
               median, seconds.front(), bytes_of_record / median, median / bytes_of_record * 1024e3);
    std::fflush(stdout);
  }
};

}  // namespace
}  // namespace bulk::bench

int main(int argc, char** argv) {
  using namespace bulk::bench;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::vector<Lines> data;
  for (const Kind kind : kKinds) data.push_back(make_lines(kind, kFrameBytes));
  for (const Step& step : kSteps) {
    for (const Kind kind : kKinds) {
      const Lines* lines = &data[static_cast<std::size_t>(kind)];
      const std::string name = fmt::format("{}/{}", step.name, name_of(kind));
      benchmark::RegisterBenchmark(name.c_str(),
                                   [run = step.run, lines](benchmark::State& state) { run(state, *lines); });
    }
  }
  Table table;
  benchmark::RunSpecifiedBenchmarks(&table);
  return 0;
}
