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

constexpr unsigned kHashBytes = 16;

// How many of the bytes are whole entries.
std::size_t whole_entries(std::string_view bytes) {
  std::size_t at = 0;
  while (bytes.size() - at >= sizeof(Encoded)) {
    Encoded encoded;
    std::memcpy(&encoded, bytes.data() + at, sizeof encoded);
    const std::size_t size = sizeof encoded + encoded.key_bytes;
    if (bytes.size() - at < size) break;
    at += size;
  }
  return at;
}

}  // namespace

KeyLedger::KeyLedger(std::string temporary_directory, std::size_t memory_bytes)
    : KeyLedger(std::move(temporary_directory), memory_bytes, 0) {}

KeyLedger::KeyLedger(std::string temporary_directory, std::size_t memory_bytes, unsigned hash_byte)
    : temporary_directory_(std::move(temporary_directory)), memory_bytes_(memory_bytes), hash_byte_(hash_byte) {}

std::size_t KeyLedger::Partition::bytes() const {
  std::size_t sum = waiting.size();
  for (const Chunk& chunk : chunks) sum += chunk.bytes;
  return sum;
}

std::size_t KeyLedger::partition_of(const Digest& key_hash) const {
  const std::uint64_t half = hash_byte_ < kHashBytes / 2 ? key_hash.high : key_hash.low;
  return half >> (56 - 8 * (hash_byte_ % (kHashBytes / 2))) & 0xff;
}

void KeyLedger::add(const Entry& entry) {
  const Encoded encoded{entry.key_hash, entry.digest, entry.order, static_cast<std::uint32_t>(entry.key_text.size())};
  std::string& waiting = partitions_[partition_of(entry.key_hash)].waiting;
  waiting.append(reinterpret_cast<const char*>(&encoded), sizeof encoded);
  waiting.append(entry.key_text);
  held_bytes_ += sizeof encoded + entry.key_text.size();
  if (held_bytes_ > memory_bytes_ / 2) spill();  // strings grow to twice what they hold
}

void KeyLedger::spill() {
  if (!file_) file_ = File::temporary(temporary_directory_);
  for (Partition& partition : partitions_) {
    if (partition.waiting.empty()) continue;
    file_->write(partition.waiting);
    partition.chunks.push_back({file_bytes_, partition.waiting.size()});
    file_bytes_ += partition.waiting.size();
    partition.waiting = {};
  }
  held_bytes_ = 0;
}

std::vector<KeyLedger::Entry> KeyLedger::decode(std::string_view bytes) {
  std::vector<Entry> entries;
  entries.reserve(bytes.size() / sizeof(Encoded));
  while (!bytes.empty()) {
    Encoded encoded;
    std::memcpy(&encoded, bytes.data(), sizeof encoded);
    entries.push_back(
        {encoded.key_hash, encoded.digest, encoded.order, bytes.substr(sizeof encoded, encoded.key_bytes)});
    bytes.remove_prefix(sizeof encoded + encoded.key_bytes);
  }
  return entries;
}

void KeyLedger::stream(const Partition& partition, const std::function<void(std::span<const Entry>, bool)>& take) {
  std::string bytes;
  std::vector<Chunk> left(partition.chunks.rbegin(), partition.chunks.rend());
  do {
    // Fill up behind what was no whole entry. At least one entry always fits: twice as much is read where it does not.
    std::size_t room = std::max(piece_bytes(), 2 * bytes.size() + 4096) - bytes.size();
    while (room > 0 && !left.empty()) {
      Chunk& chunk = left.back();
      const std::size_t part = std::min(room, chunk.bytes);
      const std::size_t before = bytes.size();
      bytes.resize(before + part);
      file_->read_at(chunk.offset, bytes.data() + before, part);
      chunk.offset += part;
      chunk.bytes -= part;
      room -= part;
      if (chunk.bytes == 0) left.pop_back();
    }
    if (left.empty()) bytes += partition.waiting;
    const std::size_t whole = whole_entries(bytes);
    const std::vector<Entry> entries = decode(std::string_view(bytes).substr(0, whole));
    if (!entries.empty()) take(entries, left.empty());
    bytes.erase(0, whole);
  } while (!left.empty());
}

bool KeyLedger::has_one_key(const Partition& partition) {
  std::optional<Digest> key;
  bool one = true;
  stream(partition, [&](std::span<const Entry> entries, bool) {
    if (!key) key = entries.front().key_hash;
    one = one && std::all_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.key_hash == *key; });
  });
  return one;
}

void KeyLedger::walk_sorted(std::vector<Entry> entries, const Visit& visit) {
  const auto rank = [](const Entry& entry) { return std::tuple(entry.key_hash.high, entry.key_hash.low); };
  std::stable_sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
  for (std::size_t first = 0; first < entries.size();) {
    std::size_t end = first + 1;
    while (end < entries.size() && entries[end].key_hash == entries[first].key_hash) ++end;
    visit({entries.data() + first, end - first}, false);
    first = end;
  }
}

void KeyLedger::walk(const Visit& visit) {
  // What is in memory must leave room for the partition that is walked.
  if (held_bytes_ > piece_bytes()) spill();
  for (Partition& partition : partitions_) {
    if (partition.bytes() <= piece_bytes()) {
      stream(partition, [&](std::span<const Entry> all, bool) { walk_sorted({all.begin(), all.end()}, visit); });
    } else if (hash_byte_ + 1 == kHashBytes || has_one_key(partition)) {
      stream(partition, [&](std::span<const Entry> some, bool last) { visit(some, !last); });
    } else {
      KeyLedger finer(temporary_directory_, memory_bytes_, hash_byte_ + 1);
      stream(partition, [&](std::span<const Entry> some, bool) {
        for (const Entry& entry : some) finer.add(entry);
      });
      finer.walk(visit);
    }
    partition = Partition{};
  }
  held_bytes_ = 0;
  file_.reset();
  file_bytes_ = 0;
}

}  // namespace bulk
