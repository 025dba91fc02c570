// What has been written to the table, compared with the set that is expected: how many puts, how many different keys of
// the set, and the sum of the fingerprints of the texts. Equal means that the table holds the set: every item came with
// exactly its bytes, and nothing else did. It does not mean once: a put may be repeated, and `duplicates` counts those
// that were. Whoever measures a client where nothing makes it repeat wants both, equal and no duplicates.
//
// Of updates, how many there were and how many different keys of the set they named: not what they said.
//
// Beside it the time line: units accepted and refused in slots of a tenth of a second, altogether, of the hot partition
// and per access key, which tells one process from another. Not synchronised.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/null_server/item_set.h"

namespace bulk::bench {

class Ledger {
 public:
  explicit Ledger(const ItemSet& set) : set_(&set), seen_((set.size() + 63) / 64) {}

  bool has(std::uint64_t index) const noexcept { return (seen_[index / 64] >> (index % 64) & 1) != 0; }
  // Of an item of the set; a repeated put must have the same text.
  void add(std::uint64_t index, const Fingerprint& print, std::string_view text);
  void add_unknown() noexcept { ++unknown_; }

  bool empty() const noexcept { return distinct_ + unknown_ == 0; }
  // Every item of the set is there, byte for byte, and nothing else.
  bool equal() const noexcept;
  std::string json() const;  // members of an object, without its braces

 private:
  const ItemSet* set_;
  std::vector<std::uint64_t> seen_;  // a bit per item
  Fingerprint sum_;                  // of first puts
  std::uint64_t distinct_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t unknown_ = 0;
};

class UpdateLedger {
 public:
  explicit UpdateLedger(const ItemSet& set) : seen_((set.size() + 63) / 64) {}

  void add(std::uint64_t index, bool conditional);
  void add_unknown() noexcept { ++unknown_; }
  std::string json() const;  // members of an object, without its braces

 private:
  std::vector<std::uint64_t> seen_;  // a bit per item
  std::uint64_t updates_ = 0;
  std::uint64_t distinct_ = 0;
  std::uint64_t conditional_ = 0;
  std::uint64_t unknown_ = 0;
};

class TimeLine {
 public:
  static constexpr double kSlotSeconds = 0.1;

  // What became of a request. `accepted_hot`: of the units accepted, those of the hot partition.
  void record(std::string_view client, double now, double accepted, double accepted_hot, double refused);
  std::string json() const;

 private:
  struct Slots {
    std::vector<double> accepted;
    std::vector<double> refused;
  };
  using Clients = std::map<std::string, Slots, std::less<>>;
  static void add(Slots& slots, std::size_t slot, double accepted, double refused);

  static std::string json(const Clients& clients, std::vector<double> Slots::*which);

  Slots all_;
  Slots hot_;
  Clients clients_;
  double accepted_ = 0;
  double refused_ = 0;
  std::uint64_t requests_refused_ = 0;
};

}  // namespace bulk::bench
