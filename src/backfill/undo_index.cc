// How several changes of one key come to be in a log, and what they mean together. A conflict's new change says that
// the one before was not carried out (Change::void_before). Two runs of one job may both change a record, when others
// had changed it back in between. Then the first value of an attribute counts as what it was, as long as each change
// began where the one before had ended; else the last one's.
#include "src/backfill/undo_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "codecs/attribute_value.h"
#include "codecs/change.h"
#include "codecs/item.h"
#include "io/error.h"
#include "src/key_ledger.h"

namespace bulk {
namespace {

constexpr std::size_t kLedgerBytes = 16u << 20;
constexpr std::size_t kMostDoubtBytes = 64u << 20;

// Reads a whole log: `wanted` is asked about each block and where it begins, `take` is given each change in it, the
// hash of its key, its line and its place.
template <typename Wanted, typename Take>
UndoIndex read_log(const std::string& path, const KeySchema& key, std::uint64_t least_bytes, const Stop& stop,
                   const Wanted& wanted, const Take& take) {
  UndoLogReader log(path);
  UndoIndex index;
  index.header = log.header();
  ItemScanner scanner(&key);
  ChangeReader reader;
  Change change;
  Buffer lines;
  for (std::uint64_t number = 0;; ++number) {
    stop.check();
    lines.clear();
    const std::uint64_t begin = log.position();
    const std::optional<UndoBlock> block = log.next(lines);
    if (!block) break;
    index.changes += block->records;
    if (!wanted(*block, begin)) continue;
    std::uint32_t position = 0;
    std::string_view rest = lines.view();
    for (; !rest.empty(); ++position) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      ItemFacts facts;
      const bool sound = reader.read(line, change);
      if (!sound || !scanner.scan(change.key, facts)) {
        throw Error(ErrorKind::corrupt, fmt::format("'{}', block {}, line {}: {}", path, number, position + 1,
                                                    sound ? scanner.problem().text : reader.problem()));
      }
      take(facts.key_hash, change, line, number << 32 | position);
    }
  }
  index.sound_bytes = log.position();
  index.torn = log.torn();
  if (index.sound_bytes < least_bytes || (index.torn && log.damaged())) {
    throw Error(ErrorKind::corrupt,
                fmt::format("the undo log '{}' is damaged at byte {}: more than that had been durable", path,
                            index.sound_bytes),
                "nothing was changed; put a sound copy of it back");
  }
  return index;
}

bool same(const std::string& a, std::string_view b) {
  return a.empty() || b.empty() ? a.empty() == b.empty() : same_value_text(a, b);
}

// One change for all of `lines`, which were carried out in this order; empty: nothing is left of them.
std::string merged(const std::vector<std::string>& lines) {
  struct Attribute {
    std::string name, name_json, before, after;
  };
  std::vector<Attribute> attributes;
  ChangeReader reader;
  Change change;
  std::string key;
  for (const std::string& line : lines) {
    if (!reader.read(line, change)) continue;  // it was read before
    key = change.key;
    for (const ChangedAttribute& touched : change.touched) {
      auto known = std::find_if(attributes.begin(), attributes.end(),
                                [&](const Attribute& one) { return one.name == touched.name; });
      if (known == attributes.end()) {
        attributes.push_back({touched.name, std::string(touched.name_json), std::string(touched.before), {}});
        known = attributes.end() - 1;
      } else if (!same(known->after, touched.before)) {
        known->before = touched.before;
      }
      known->after = touched.after;
    }
  }
  Change all;
  all.key = key;
  for (const Attribute& one : attributes) {
    if (!same(one.before, one.after)) all.touched.push_back({one.name, one.name_json, one.before, one.after});
  }
  std::string line;
  if (!all.touched.empty()) append_change_line(line, all);
  return line;
}

}  // namespace

UndoIndex read_doubts(const std::string& path, const KeySchema& key,
                      const std::map<std::uint32_t, std::uint64_t>& settled, std::uint64_t from_bytes,
                      std::uint64_t least_bytes, const Stop& stop) {
  Doubts in_doubt;
  std::size_t bytes = 0;
  const auto wanted = [&](const UndoBlock& block, std::uint64_t begin) {
    if (begin < from_bytes) return false;
    const auto known = settled.find(block.segment);
    return known == settled.end() || block.batch >= known->second;
  };
  UndoIndex index = read_log(path, key, least_bytes, stop, wanted,
                             [&](const Digest& hash, const Change& change, std::string_view line, std::uint64_t) {
                               if (change.void_before) in_doubt.erase(hash);
                               if (change.touched.empty() || bytes > kMostDoubtBytes) return;
                               bytes += line.size();
                               in_doubt.insert_or_assign(hash, std::string(line));
                             });
  index.in_doubt = std::move(in_doubt);
  return index;
}

UndoIndex read_repeated(const std::string& path, const KeySchema& key, const std::string& temporary_directory,
                        std::uint64_t least_bytes, std::uint64_t most_bytes, const Stop& stop) {
  const auto all = [](const UndoBlock&, std::uint64_t) { return true; };
  KeyLedger ledger(temporary_directory, kLedgerBytes);
  UndoIndex index = read_log(path, key, least_bytes, stop, all,
                             [&](const Digest& hash, const Change&, std::string_view, std::uint64_t place) {
                               ledger.add({hash, {}, place, {}});
                             });
  std::uint64_t seen = 0;  // of the key that the walk is at
  ledger.walk([&](std::span<const KeyLedger::Entry> same_key, bool more) {
    stop.check();
    seen += same_key.size();
    if (seen > 1) index.repeated[same_key.back().key_hash].place = same_key.back().order;
    if (!more) seen = 0;
  });
  if (index.repeated.empty()) return index;

  std::unordered_map<Digest, std::vector<std::string>, DigestHash> lines;
  std::uint64_t bytes = 0;
  read_log(path, key, least_bytes, stop, all,
           [&](const Digest& hash, const Change& change, std::string_view line, std::uint64_t) {
             if (!index.repeated.contains(hash)) return;
             std::vector<std::string>& of_key = lines[hash];
             if (change.void_before && !of_key.empty()) {
               bytes -= of_key.back().size();
               of_key.pop_back();
             }
             if (change.touched.empty()) return;
             bytes += line.size();
             if (bytes > most_bytes) {
               throw Error(ErrorKind::failed, fmt::format("'{}' has more repeated changes than fit into memory", path),
                           "give it more with --memory");
             }
             of_key.emplace_back(line);
           });
  for (auto& [hash, of_key] : lines) index.repeated[hash].line = merged(of_key);
  return index;
}

}  // namespace bulk
