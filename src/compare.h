// Do two stores hold the same records? First by fingerprint: both are read once, counted and hashed into 16,384 buckets
// by key; equal sums prove equality and nothing is remembered per record. Only when they differ are both read again,
// and the records of the differing buckets compared key by key in a ledger of bounded memory: the answer is exact, with
// every key. A table that changes between the two readings is reported as the second one found it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "io/stop.h"
#include "src/record_keys.h"
#include "src/totals.h"

namespace bulk {

enum class Difference { only_in_first, only_in_second, different };

// Per-bucket sums of the records of one source.
struct Fingerprint {
  static constexpr std::size_t kBuckets = 1u << 14;
  static std::size_t bucket_of(const Digest& key_hash) { return key_hash.high >> 50; }

  std::vector<Count> buckets = std::vector<Count>(kBuckets);
};

// Collects a fingerprint; everything is "written".
std::unique_ptr<Sink> make_fingerprint_sink(Fingerprint& fingerprint);

struct Comparison {
  Count first, second;  // all records of either side (of a foreign file: the last of each key)
  std::uint64_t equal = 0, only_in_first = 0, only_in_second = 0, different = 0;

  bool apart = false;  // equal sums, but not table by table

  bool same() const { return first == second && !apart && only_in_first + only_in_second + different == 0; }
};

// One side: `run` reads all its records into a sink and returns what was counted. Called once, or twice when the sides
// differ; `rereadable` is false for a stream.
struct ComparedSide {
  std::string name;
  std::function<Totals(Sink&)> run;
  bool rereadable = true;
};

// `visit` gets every differing key as JSON (src/record_keys.h), in no particular order.
// `stop`, where there is one, ends the walk over the keys too.
// Throws Error(corrupt) when the sides differ and one cannot be read again to say where.
Comparison compare(const ComparedSide& first, const ComparedSide& second, RecordKeys& keys,
                   const std::string& temporary_directory, std::size_t memory_bytes,
                   const std::function<void(Difference, std::string_view key_text)>& visit, const Stop* stop = nullptr);

}  // namespace bulk
