// What the property test runs: a job, a table and a mix of faults, all drawn from one number, so that a failure is
// repeated by its seed. Pure functions of the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/fault_server_faults.h"
#include "tests/fault_server_items.h"

namespace bulk::test {

enum class MixJob {
  backup,           // table -> dump
  restore_created,  // dump -> table that it creates
  restore_empty,    // dump -> empty table
  restore_missing,  // dump -> table with data, --only-missing
  copy_tables,      // table -> table
  copy_out,         // table -> SQLite
  copy_in,          // SQLite -> table
};
inline constexpr std::size_t kMixJobs = 7;

struct Mix {
  std::uint64_t seed = 0;
  MixJob job = MixJob::backup;
  TableKey key;
  std::size_t items = 0;
  unsigned segments = 1;
  Faults faults;
  bool gives_up = false;    // after the second failure of a request
  bool keys_fixed = false;  // credentials that cannot be fetched anew
  bool heals = false;       // the server, before a run is resumed
  // The same pages, and nothing goes wrong.
  Faults sound() const;
  bool silences() const { return faults.hang > 0 || faults.stall > 0; }

  std::string text() const;  // for the message of a failure
};

// `gives_up`: draw one whose runs end with "gave up" often.
Mix draw_mix(std::uint64_t seed, bool gives_up);

// CreateTable's body for the mix's key; of so much capacity that throttling does not slow a test down.
std::string create_body(const Mix& mix, const std::string& table);

// The items as {"Item":...} lines: all types, mostly some hundred bytes, a few of up to 300 KB.
std::vector<std::string> mix_lines(const Mix& mix);
// The item of this number with the same key and other content.
std::string other_content(const Mix& mix, std::size_t number);

}  // namespace bulk::test
