#include "tests/fault_server_faults.h"

namespace bulk::test {
namespace {

struct Known {
  const char* name;
  double Faults::*probability;
};

// In the order of FaultKind.
constexpr std::array<Known, kFaultKinds> kKnown = {{{"throttle", &Faults::throttle},
                                                    {"internal_error", &Faults::internal_error},
                                                    {"unavailable", &Faults::unavailable},
                                                    {"error_after", &Faults::error_after},
                                                    {"drop_before", &Faults::drop_before},
                                                    {"drop_after", &Faults::drop_after},
                                                    {"partial_write", &Faults::partial_write},
                                                    {"truncate", &Faults::truncate},
                                                    {"dribble", &Faults::dribble},
                                                    {"hang", &Faults::hang},
                                                    {"stall", &Faults::stall},
                                                    {"wrong_crc", &Faults::wrong_crc},
                                                    {"gzip", &Faults::gzip},
                                                    {"corrupt_gzip", &Faults::corrupt_gzip},
                                                    {"cut_json", &Faults::cut_json},
                                                    {"expire", &Faults::expire},
                                                    {"skew", nullptr},
                                                    {"unprocessed", &Faults::unprocessed},
                                                    {"none_processed", &Faults::none_processed},
                                                    {"empty_page", &Faults::empty_page}}};

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;

// The finaliser of SplitMix64: every bit of the input changes half of the output's.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

const char* fault_name(FaultKind kind) {
  return kKnown.at(static_cast<std::size_t>(kind)).name;
}

double Faults::*Faults::probability_of(FaultKind kind) {
  return kKnown.at(static_cast<std::size_t>(kind)).probability;
}

Dice::Dice(std::uint64_t seed, std::uint64_t request) : base_(mixed(mixed(seed + kGolden) + request * kGolden)) {}

std::uint64_t Dice::draw(FaultKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return mixed(base_ + mixed((index + 1) * kGolden + draws_.at(index)++));
}

bool Dice::happens(FaultKind kind, double probability) {
  if (probability <= 0) return false;
  if (static_cast<double>(draw(kind) >> 11) * 0x1p-53 >= probability) return false;
  note(kind);
  return true;
}

std::size_t Dice::pick(FaultKind kind, std::size_t below) {
  return static_cast<std::size_t>(draw(kind) % below);
}

}  // namespace bulk::test
