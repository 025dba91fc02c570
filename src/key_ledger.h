// Remembers keys by the hundred million in bounded memory: which records of a foreign file were replaced by a later one
// with the same key, and which keys two tables do not share. Entries are sorted into partitions by their key's hash;
// when the memory is full they go to one unnamed temporary file (hashes and keys only, mode 0600, gone with the
// process). At the end one partition after another is loaded, sorted and walked key by key. A partition that does not
// fit into the memory is partitioned again by the next byte of the hash, and one that holds a single key is walked in
// pieces: a file of nothing but one key takes no more memory than any other.
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
    std::uint64_t order = 0;    // the caller's
    std::string_view key_text;  // may be empty
  };
  // Entries of one key, in the order in which they were added. `more`: the next call goes on with the same key.
  using Visit = std::function<void(std::span<const Entry>, bool more)>;

  // `memory_bytes`: the most that is held; beyond it entries go to a file in `temporary_directory`.
  KeyLedger(std::string temporary_directory, std::size_t memory_bytes);

  void add(const Entry& entry);

  // Visits every key, one after another. Ends the ledger: it is empty afterwards.
  void walk(const Visit& visit);

 private:
  static constexpr std::size_t kPartitions = 256;

  struct Chunk {
    std::uint64_t offset;
    std::size_t bytes;
  };
  struct Partition {
    std::string waiting;        // encoded entries in memory
    std::vector<Chunk> chunks;  // encoded entries in the file, from before those
    std::size_t bytes() const;
  };

  KeyLedger(std::string temporary_directory, std::size_t memory_bytes, unsigned hash_byte);
  std::size_t partition_of(const Digest& key_hash) const;
  std::size_t piece_bytes() const { return memory_bytes_ / 3; }  // decoding takes twice as much again
  void spill();
  // Hands out the entries of a partition of any size, as many at a time as fit; `last`: these are the last ones.
  void stream(const Partition& partition, const std::function<void(std::span<const Entry>, bool last)>& take);
  bool has_one_key(const Partition& partition);
  static std::vector<Entry> decode(std::string_view bytes);
  static void walk_sorted(std::vector<Entry> entries, const Visit& visit);

  std::string temporary_directory_;
  std::size_t memory_bytes_;
  unsigned hash_byte_ = 0;  // of the key's hash, that names the partition
  std::size_t held_bytes_ = 0;
  std::array<Partition, kPartitions> partitions_;
  std::optional<File> file_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace bulk
