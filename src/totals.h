// What a run counted. The proof of completeness is arithmetic over these values (promise 1 of docs/design.md):
// read = written + filtered + rejected + superseded, per segment, and the same sum for the digests. Plain values.
#pragma once

#include <cstdint>
#include <map>

#include "codecs/digest.h"

namespace bulk {

struct Count {
  std::uint64_t records = 0;
  Digest digest;

  void add(const Digest& record) {
    ++records;
    digest += record;
  }
  Count& operator+=(const Count& other) {
    records += other.records;
    digest += other.digest;
    return *this;
  }
  Count& operator-=(const Count& other) {
    records -= other.records;
    digest -= other.digest;
    return *this;
  }
  friend bool operator==(const Count&, const Count&) = default;
};

struct Tally {
  Count read, written, filtered, rejected;
  std::uint64_t raw_bytes = 0;

  Tally& operator+=(const Tally& other) {
    read += other.read;
    written += other.written;
    filtered += other.filtered;
    rejected += other.rejected;
    raw_bytes += other.raw_bytes;
    return *this;
  }
};

struct Totals {
  std::map<std::uint32_t, Tally> segments;
  Count superseded;  // of `written`: records that a later one with the same key replaced (foreign files only)

  Tally all() const {
    Tally sum;
    for (const auto& [index, tally] : segments) sum += tally;
    return sum;
  }
  // What the target holds of this run: written without superseded.
  Count net() const {
    Count net = all().written;
    net -= superseded;
    return net;
  }
};

}  // namespace bulk
