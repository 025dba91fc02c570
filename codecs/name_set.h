// Do the names of an item's attributes all differ? Told from hashes, in one small table that is never cleared but
// numbered anew for each item: sorting the names costs ten times as much. It may answer "not certain", then they are to
// be compared.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bulk {

class NameSet {
 public:
  void clear() {
    ++generation_;
    count_ = 0;
    all_differ_ = true;
  }

  // So many were added. At most 400 may be added before they are counted, and none once it is not certain: the table
  // must not become full.
  void count(std::size_t names) {
    count_ += names;
    if (count_ > kMost) all_differ_ = false;
  }

  // `prefix`: the name's first 8 bytes, zero-filled.
  void add(std::uint64_t prefix, const char* name, std::size_t length) {
    std::uint64_t hash = (prefix ^ length) * kOdd;
    for (std::size_t at = 8; at < length; at += 8) {
      std::uint64_t word = 0;
      // The last 8 bytes overlap those before them.
      std::memcpy(&word, name + (at + 8 <= length ? at : length - 8), 8);
      hash = (hash ^ (hash >> 32) ^ word) * kOdd;
    }
    for (std::size_t i = hash >> kShift;; i = (i + 1) % kSlots) {
      Slot& slot = slots_[i];
      if (slot.generation != generation_) {
        slot = {generation_, hash};
        return;
      }
      if (slot.hash == hash) {
        all_differ_ = false;
        return;
      }
    }
  }
  // False: not certain.
  bool all_differ() const { return all_differ_; }

 private:
  static constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  static constexpr unsigned kShift = 64 - 10;
  static constexpr std::size_t kSlots = 1024;
  static constexpr std::size_t kMost = 512;  // a name beyond that makes it uncertain

  struct Slot {
    std::uint64_t generation = 0;
    std::uint64_t hash = 0;
  };
  std::array<Slot, kSlots> slots_;
  std::uint64_t generation_ = 0;
  std::size_t count_ = 0;
  bool all_differ_ = true;
};

}  // namespace bulk
