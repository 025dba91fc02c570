#include "bench/null_server/ledger.h"

#include <fmt/format.h>

namespace bulk::bench {

void Ledger::add(std::uint64_t index, const Fingerprint& print, std::string_view text) {
  if (has(index)) {
    const auto kept = set_->joined(index, index + 1);  // a copy only where the set has no slice
    if (kept ? text == *kept : text == set_->item(index)) {
      ++duplicates_;
    } else {
      ++unknown_;
    }
    return;
  }
  seen_[index / 64] |= std::uint64_t{1} << (index % 64);
  ++distinct_;
  sum_.add(print);
}

bool Ledger::equal() const noexcept {
  return unknown_ == 0 && distinct_ == set_->size() && sum_ == set_->total();
}

std::string Ledger::json() const {
  return fmt::format(
      R"("items":{},"distinct":{},"duplicates":{},"unknown":{},"expected":{},"sum":"{}","expected_sum":"{}","equal":{})",
      distinct_ + duplicates_ + unknown_, distinct_, duplicates_, unknown_, set_->size(), sum_.hex(),
      set_->total().hex(), equal());
}

void UpdateLedger::add(std::uint64_t index, bool conditional) {
  std::uint64_t& seen = seen_[index / 64];
  const std::uint64_t bit = std::uint64_t{1} << (index % 64);
  if ((seen & bit) == 0) ++distinct_;
  seen |= bit;
  ++updates_;
  if (conditional) ++conditional_;
}

std::string UpdateLedger::json() const {
  return fmt::format(R"("updates":{},"updated":{},"updates_conditional":{},"updates_unknown":{})", updates_, distinct_,
                     conditional_, unknown_);
}

void TimeLine::add(Slots& slots, std::size_t slot, double accepted, double refused) {
  if (slots.accepted.size() <= slot) {
    slots.accepted.resize(slot + 1);
    slots.refused.resize(slot + 1);
  }
  slots.accepted[slot] += accepted;
  slots.refused[slot] += refused;
}

void TimeLine::record(std::string_view client, double now, double accepted, double accepted_hot, double refused) {
  const auto slot = static_cast<std::size_t>(now / kSlotSeconds);
  add(all_, slot, accepted, refused);
  add(hot_, slot, accepted_hot, 0);
  auto found = clients_.find(client);
  if (found == clients_.end()) found = clients_.emplace(client, Slots()).first;
  add(found->second, slot, accepted, refused);
  accepted_ += accepted;
  refused_ += refused;
  if (accepted == 0 && refused > 0) ++requests_refused_;
}

std::string TimeLine::json(const Clients& clients, std::vector<double> Slots::*which) {
  std::string out;
  for (const auto& [name, slots] : clients) {
    if (!out.empty()) out += ',';
    out += fmt::format(R"("{}":[{:.0f}])", name, fmt::join(slots.*which, ","));
  }
  return out;
}

std::string TimeLine::json() const {
  std::string out = fmt::format(R"("units":{:.1f},"units_refused":{:.1f},"requests_refused":{},"slot_seconds":{})",
                                accepted_, refused_, requests_refused_, kSlotSeconds);
  out += fmt::format(R"(,"accepted":[{:.0f}],"refused":[{:.0f}],"accepted_hot":[{:.0f}])",
                     fmt::join(all_.accepted, ","), fmt::join(all_.refused, ","), fmt::join(hot_.accepted, ","));
  out += fmt::format(R"(,"clients":{{{}}},"clients_refused":{{{}}})", json(clients_, &Slots::accepted),
                     json(clients_, &Slots::refused));
  return out;
}

}  // namespace bulk::bench
