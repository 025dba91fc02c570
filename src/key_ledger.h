// Remembers keys by the hundred million in bounded memory: which records of a foreign file were replaced by a later one
// with the same key, and which keys two tables do not share. Entries are sorted into partitions by their key's hash;
// when the memory is full they go to one unnamed temporary file (hashes and keys only, mode 0600, gone with the
// process). At the end one partition after another is loaded, sorted and walked key by key.
//
// Not thread-safe: callers add under a lock of their own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/digest.h"
#include "io/file.h"

namespace bulk {

class KeyLedger {
 public:
  struct Entry {
    Digest key_hash;
    Digest digest;
    std::uint64_t order = 0;    // the caller's; entries of one key are walked in ascending order of it
    std::string_view key_text;  // may be empty
  };

  // `memory_bytes`: how much to hold before entries go to a file in `temporary_directory`.
  KeyLedger(std::string temporary_directory, std::size_t memory_bytes);

  void add(const Entry& entry);

  // Calls `visit` once per key with all its entries. Ends the ledger: it is empty afterwards.
  void walk(const std::function<void(std::span<const Entry>)>& visit);

 private:
  static constexpr std::size_t kPartitions = 256;

  struct Chunk {
    std::uint64_t offset;
    std::size_t bytes;
  };
  struct Partition {
    std::string waiting;        // encoded entries in memory
    std::vector<Chunk> chunks;  // encoded entries in the file
  };

  void spill();

  std::string temporary_directory_;
  std::size_t memory_bytes_;
  std::size_t held_bytes_ = 0;
  std::array<Partition, kPartitions> partitions_;
  std::optional<File> file_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace bulk
