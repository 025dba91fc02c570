// What the null server answers: as much of DynamoDB as a backup, a restore and their checks use, with one table that
// has whatever name is asked for. A source gives the item set to a Scan. A target is empty until every item of the set
// has been written with exactly its bytes, and gives the set from then on, so that a restore can read back what it
// wrote; a target that got anything else stays empty and says so in /stats. A source takes updates of its items, counts
// them and forgets what they said.
//
//   POST /            x-amz-target: DescribeTable, Scan, BatchWriteItem, PutItem, UpdateItem; others get
//                     UnknownOperationException
//   GET  /stats       what has happened since the start or the last reset, as one JSON object
//   POST /reset       forgets what was written, and the statistics
//
// Called from several threads at once; what a request changes is behind one mutex, everything that costs time is not.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <unordered_map>

#include "bench/null_server/capacity.h"
#include "bench/null_server/http.h"
#include "bench/null_server/item_set.h"
#include "bench/null_server/ledger.h"
#include "bench/null_server/puts.h"

namespace bulk::bench {

struct ServiceOptions {
  bool target = false;
  bool on_demand = true;
  CapacityOptions capacity;
};

class Service {
 public:
  using Clock = std::chrono::steady_clock;

  Service(const ItemSet& set, const ServiceOptions& options);

  Reply answer(const Request& request);

  // A request is in flight from its last byte received to its reply's first byte sent.
  void begin() noexcept;
  void end() noexcept { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  Reply describe(const Request& request) const;
  Reply scan(const Request& request);
  Reply put(const Request& request, bool batch);
  Reply update(const Request& request);
  std::string stats();
  void reset();
  double now();  // seconds since the first write
  // Of a page of the set, remembered: a backup is often repeated.
  std::uint32_t page_crc(const Reply& reply, std::uint64_t from, std::uint64_t to);

  const ItemSet& set_;
  const ServiceOptions options_;
  std::atomic<std::uint32_t> in_flight_ = 0;
  std::atomic<std::uint32_t> most_in_flight_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<std::uint64_t> request_bytes_ = 0;
  std::atomic<std::uint64_t> reply_bytes_ = 0;
  std::atomic<std::uint64_t> scanned_items_ = 0;
  std::atomic<std::uint64_t> pages_ = 0;

  std::mutex mutex_;  // of what follows
  Ledger ledger_;
  UpdateLedger updates_;
  Capacity capacity_;
  TimeLine time_line_;
  Clock::time_point first_write_{};
  std::unordered_map<std::string, std::uint32_t> page_crcs_;
};

}  // namespace bulk::bench
