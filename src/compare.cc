#include "src/compare.h"

#include <optional>

#include "io/error.h"
#include "src/key_ledger.h"

namespace bulk {
namespace {

// A sink that only looks: one session, whole batches.
class LookingSink : public Sink {
 public:
  using Look = std::function<void(const RecordRef&)>;
  explicit LookingSink(Look look) : look_(std::move(look)) {}

  SinkLimits limits() const override {
    SinkLimits limits;
    limits.whole_batches = true;
    return limits;
  }
  std::unique_ptr<SinkSession> open() override { return std::make_unique<Session>(look_); }
  void finish() override {}

 private:
  class Session : public BlockingSession {
   public:
    explicit Session(const Look& look) : look_(look) {}
    WriteResult write(std::span<const RecordRef> records) override {
      for (const RecordRef& record : records) look_(record);
      return {};
    }

   private:
    const Look& look_;
  };

  Look look_;
};

constexpr std::uint64_t kSecondSide = std::uint64_t{1} << 63;

// What each table holds, of those that hold anything. The same row in another table is another record.
std::map<std::uint32_t, Count> by_table(const Totals& totals) {
  std::map<std::uint32_t, Count> held = totals.tables;
  std::erase_if(held, [](const auto& table) { return table.second == Count(); });
  return held;
}

}  // namespace

std::unique_ptr<Sink> make_fingerprint_sink(Fingerprint& fingerprint) {
  return std::make_unique<LookingSink>([&fingerprint](const RecordRef& ref) {
    const Record& record = ref.record();
    fingerprint.buckets[Fingerprint::bucket_of(record.key_hash)].add(record.digest);
  });
}

Comparison compare(const ComparedSide& first, const ComparedSide& second, RecordKeys& keys,
                   const std::string& temporary_directory, std::size_t memory_bytes,
                   const std::function<void(Difference, std::string_view key_text)>& visit, const Stop* stop) {
  Fingerprint first_print;
  Fingerprint second_print;
  Comparison result;
  const Totals first_totals = first.run(*make_fingerprint_sink(first_print));
  const Totals second_totals = second.run(*make_fingerprint_sink(second_print));
  result.first = first_totals.net();
  result.second = second_totals.net();
  const bool doubled = first_totals.superseded.records + second_totals.superseded.records > 0;
  if (result.first == result.second && (doubled || by_table(first_totals) == by_table(second_totals))) {
    result.equal = result.first.records;
    return result;
  }
  for (const ComparedSide* side : {&first, &second}) {
    if (side->rereadable) continue;
    throw Error(ErrorKind::corrupt,
                first.name + " has " + std::to_string(result.first.records) + " records with digest " +
                    result.first.digest.hex() + ", " + second.name + " has " + std::to_string(result.second.records) +
                    " with digest " + result.second.digest.hex(),
                "to learn which keys differ, compare with a file instead of " + side->name);
  }

  // Second reading: remember the keys of differing buckets only. The buckets of a file with doubled keys hold the
  // replaced records too and prove nothing.
  std::vector<bool> differs(Fingerprint::kBuckets);
  std::uint64_t in_equal_buckets = 0;
  for (std::size_t i = 0; i < differs.size(); ++i) {
    differs[i] = doubled || !(first_print.buckets[i] == second_print.buckets[i]);
    if (!differs[i]) in_equal_buckets += first_print.buckets[i].records;
  }
  KeyLedger ledger(temporary_directory, memory_bytes);
  const auto collect = [&](const ComparedSide& side, std::uint64_t side_bit) {
    LookingSink sink([&](const RecordRef& ref) {
      const Record& record = ref.record();
      if (!differs[Fingerprint::bucket_of(record.key_hash)]) return;
      const RecordKeys::Key key = keys.of(ref);
      const std::uint64_t order = ref.batch->sequence << 32 | record.position;
      ledger.add({key.hash, record.digest, order | side_bit, key.text});
    });
    return side.run(sink).net();
  };
  result.apart = !doubled && by_table(first_totals) != by_table(second_totals);
  result.first = collect(first, 0);
  result.second = collect(second, kSecondSide);

  result.equal = in_equal_buckets;
  // The last entry of each side is the one that counts.
  std::optional<Digest> in_first, in_second;
  ledger.walk([&](std::span<const KeyLedger::Entry> same_key, bool more) {
    if (stop != nullptr) stop->check();
    for (const KeyLedger::Entry& entry : same_key) {
      ((entry.order & kSecondSide) != 0 ? in_second : in_first) = entry.digest;
    }
    if (more) return;
    const std::string_view key_text = same_key.front().key_text;
    if (!in_second) {
      ++result.only_in_first;
      visit(Difference::only_in_first, key_text);
    } else if (!in_first) {
      ++result.only_in_second;
      visit(Difference::only_in_second, key_text);
    } else if (*in_first == *in_second) {
      ++result.equal;
    } else {
      ++result.different;
      visit(Difference::different, key_text);
    }
    in_first.reset();
    in_second.reset();
  });
  return result;
}

}  // namespace bulk
