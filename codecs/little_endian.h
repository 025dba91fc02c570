// Little-endian integers in byte strings, as zstd's formats have them, whatever the machine's own order is. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace bulk {

inline void append_u32(std::string& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift);
}

// Reads 4 bytes.
inline std::uint32_t read_u32(const char* bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

}  // namespace bulk
