// Which parameters of zstd compress record lines for the least CPU: for four kinds of data, parameter sets and frame
// sizes, the ratio and the CPU time of compressing and decompressing. bench/zstd_parameters builds and runs it.
//
// A row is one parameter set; `cpu` is the best of the repetitions relative to stock level 3 at 4 MiB frames, `ratio`
// likewise: below 1 of cpu is faster, above 1 of ratio is smaller.
#include <fmt/format.h>
#include <sys/resource.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <vector>

#include "bench/micro_data.h"

namespace bulk::bench {
namespace {

constexpr std::size_t kDataBytes = 16u << 20;
constexpr Kind kMeasured[] = {Kind::mixed, Kind::text, Kind::numbers, Kind::nested};

struct Set {
  std::string name;
  int level = 3;
  std::size_t frame_bytes = 4u << 20;
  int strategy = 0, window_log = 0, hash_log = 0, chain_log = 0, min_match = 0;
  bool checksum = true;
};

struct Figures {
  double ratio = 0;
  double compress_s = 0;
  double decompress_s = 0;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

std::size_t checked(std::size_t result) {
  if (ZSTD_isError(result)) throw std::runtime_error(ZSTD_getErrorName(result));
  return result;
}

Figures measure(const Set& set, std::string_view plain, int rounds) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> decoder(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  const auto parameter = [&](ZSTD_cParameter which, int value) {
    if (value != 0) checked(ZSTD_CCtx_setParameter(context.get(), which, value));
  };
  parameter(ZSTD_c_compressionLevel, set.level);
  parameter(ZSTD_c_checksumFlag, set.checksum ? 1 : 0);
  parameter(ZSTD_c_strategy, set.strategy);
  parameter(ZSTD_c_windowLog, set.window_log);
  parameter(ZSTD_c_hashLog, set.hash_log);
  parameter(ZSTD_c_chainLog, set.chain_log);
  parameter(ZSTD_c_minMatch, set.min_match);
  std::vector<char> stored(ZSTD_compressBound(set.frame_bytes));
  std::vector<char> again(set.frame_bytes);
  Figures best{0, 1e9, 1e9};
  for (int round = 0; round < rounds; ++round) {
    std::size_t bytes = 0;
    Figures figures;
    for (std::size_t at = 0; at < plain.size(); at += set.frame_bytes) {
      const std::string_view frame = plain.substr(at, set.frame_bytes);
      const double begin = cpu_seconds();
      const std::size_t length =
          checked(ZSTD_compress2(context.get(), stored.data(), stored.size(), frame.data(), frame.size()));
      const double middle = cpu_seconds();
      checked(ZSTD_decompressDCtx(decoder.get(), again.data(), again.size(), stored.data(), length));
      figures.compress_s += middle - begin;
      figures.decompress_s += cpu_seconds() - middle;
      bytes += length;
    }
    best.ratio = static_cast<double>(plain.size()) / static_cast<double>(bytes);
    best.compress_s = std::min(best.compress_s, figures.compress_s);
    best.decompress_s = std::min(best.decompress_s, figures.decompress_s);
  }
  return best;
}

std::vector<Set> sets() {
  std::vector<Set> all;
  for (const int level : {3, 1, 2, 4, 5}) all.push_back({.name = fmt::format("stock level {}", level), .level = level});
  for (const std::size_t frame : {256u << 10, 1u << 20, 2u << 20, 8u << 20}) {
    all.push_back({.name = fmt::format("stock level 3, frames of {} KiB", frame >> 10), .frame_bytes = frame});
  }
  all.push_back({.name = "stock level 3, no checksum", .checksum = false});
  all.push_back({.name = "stock level 3, windowLog 22", .window_log = 22});
  struct Dfast {
    int min_match, hash_log, chain_log;
  };
  constexpr Dfast kDfast[] = {{5, 17, 12}, {5, 16, 14}, {6, 17, 16}, {6, 17, 14}, {6, 17, 12}, {6, 17, 10},
                              {5, 17, 10}, {5, 17, 11}, {6, 17, 11}, {6, 16, 14}, {6, 16, 12}, {6, 18, 14},
                              {6, 15, 13}, {7, 17, 12}, {7, 17, 14}, {7, 16, 14}};
  for (const auto& [min_match, hash_log, chain_log] : kDfast) {
    all.push_back({.name = fmt::format("dfast minMatch {} hashLog {} chainLog {}", min_match, hash_log, chain_log),
                   .strategy = ZSTD_dfast,
                   .hash_log = hash_log,
                   .chain_log = chain_log,
                   .min_match = min_match});
  }
  all.push_back({.name = "fast minMatch 6 hashLog 15", .strategy = ZSTD_fast, .hash_log = 15, .min_match = 6});
  return all;
}

void run(int rounds, std::string_view pattern) {
  std::vector<Lines> data;
  fmt::print("zstd {}\n{:<42}", ZSTD_versionString(), "");
  for (const Kind kind : kMeasured) {
    data.push_back(make_lines(kind, kDataBytes));
    fmt::print(" | {:^22}", name_of(kind));
  }
  fmt::print("\n{:<42}", "parameters");
  for (std::size_t i = 0; i < data.size(); ++i) fmt::print(" | {:>6} {:>7} {:>7}", "cpu", "ratio", "decomp");
  fmt::print("\n");
  std::vector<Figures> stock;
  for (const Set& set : sets()) {
    if (!stock.empty() && set.name.find(pattern) == std::string::npos) continue;
    fmt::print("{:<42}", set.name);
    for (std::size_t i = 0; i < data.size(); ++i) {
      const Figures figures = measure(set, data[i].bytes.view(), rounds);
      if (stock.size() <= i) stock.push_back(figures);
      fmt::print(" | {:>6.2f} {:>7.3f} {:>7.2f}", figures.compress_s / stock[i].compress_s,
                 figures.ratio / stock[i].ratio, figures.decompress_s / stock[i].decompress_s);
      std::fflush(stdout);
    }
    fmt::print("\n");
  }
  fmt::print("\nstock level 3 at 4 MiB frames:\n");
  for (std::size_t i = 0; i < data.size(); ++i) {
    const double megabytes = static_cast<double>(data[i].bytes.size()) / 1e6;
    fmt::print("  {:<8} {:.0f} MB/s, ratio {:.2f}, decompression {:.0f} MB/s\n", name_of(kMeasured[i]),
               megabytes / stock[i].compress_s, stock[i].ratio, megabytes / stock[i].decompress_s);
  }
}

}  // namespace
}  // namespace bulk::bench

int main(int argc, char** argv) {
  bulk::bench::run(argc > 1 ? std::atoi(argv[1]) : 5, argc > 2 ? argv[2] : "");
  return 0;
}
