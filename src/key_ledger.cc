#include "src/key_ledger.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace bulk {
namespace {

// An encoded entry: this, then key_bytes of key text.
struct Encoded {
  Digest key_hash;
  Digest digest;
  std::uint64_t order;
  std::uint32_t key_bytes;
};

}  // namespace

KeyLedger::KeyLedger(std::string temporary_directory, std::size_t memory_bytes)
    : temporary_directory_(std::move(temporary_directory)), memory_bytes_(memory_bytes) {}

void KeyLedger::add(const Entry& entry) {
  const Encoded encoded{entry.key_hash, entry.digest, entry.order, static_cast<std::uint32_t>(entry.key_text.size())};
  std::string& waiting = partitions_[entry.key_hash.high >> 56].waiting;
  waiting.append(reinterpret_cast<const char*>(&encoded), sizeof encoded);
  waiting.append(entry.key_text);
  held_bytes_ += sizeof encoded + entry.key_text.size();
  if (held_bytes_ > memory_bytes_) spill();
}

void KeyLedger::spill() {
  if (!file_) file_ = File::temporary(temporary_directory_);
  for (Partition& partition : partitions_) {
    if (partition.waiting.empty()) continue;
    file_->write(partition.waiting);
    partition.chunks.push_back({file_bytes_, partition.waiting.size()});
    file_bytes_ += partition.waiting.size();
    partition.waiting.clear();
    partition.waiting.shrink_to_fit();
  }
  held_bytes_ = 0;
}

void KeyLedger::walk(const std::function<void(std::span<const Entry>)>& visit) {
  for (Partition& partition : partitions_) {
    std::string bytes = std::move(partition.waiting);
    for (const Chunk& chunk : partition.chunks) {
      const std::size_t before = bytes.size();
      bytes.resize(before + chunk.bytes);
      file_->read_at(chunk.offset, bytes.data() + before, chunk.bytes);
    }
    std::vector<Entry> entries;
    for (std::size_t at = 0; at < bytes.size();) {
      Encoded encoded;
      std::memcpy(&encoded, bytes.data() + at, sizeof encoded);
      at += sizeof encoded;
      entries.push_back({encoded.key_hash, encoded.digest, encoded.order, {bytes.data() + at, encoded.key_bytes}});
      at += encoded.key_bytes;
    }
    const auto rank = [](const Entry& entry) {
      return std::tuple(entry.key_hash.high, entry.key_hash.low, entry.order);
    };
    std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
    for (std::size_t first = 0; first < entries.size();) {
      std::size_t end = first + 1;
      while (end < entries.size() && entries[end].key_hash == entries[first].key_hash) ++end;
      visit({entries.data() + first, end - first});
      first = end;
    }
    partition = Partition{};
  }
  held_bytes_ = 0;
  file_.reset();
  file_bytes_ = 0;
}

}  // namespace bulk
