// What a run counted. The proof of completeness is arithmetic over these values (promise 1 of docs/design.md):
// read = written + filtered + rejected + superseded, per segment, and the same sum for the digests, where a record that
// was changed on the way counts as taken from what was read and made of it. Plain values.
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
  Count taken, made;  // as many records, by what they were read as and by what they went on as
  std::uint64_t raw_bytes = 0;

  Tally& operator+=(const Tally& other) {
    read += other.read;
    written += other.written;
    filtered += other.filtered;
    rejected += other.rejected;
    taken += other.taken;
    made += other.made;
    raw_bytes += other.raw_bytes;
    return *this;
  }
  // What the sink has to have settled as written, when everything else is accounted for.
  Count left_to_write() const {
    Count left = read;
    left += made;
    left -= taken;
    left -= filtered;
    left -= rejected;
    return left;
  }
};

struct Totals {
  std::map<std::uint32_t, Tally> segments;
  std::map<std::uint32_t, Count> tables;  // written, by Segment::table
  Count superseded;  // of `written`: records that a later one with the same key replaced (foreign files only)
  Count skipped;     // of `filtered`: left alone by the sink because their key was there

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
