// What the fuzz targets share. A target is one file with one LLVMFuzzerTestOneInput: bytes in, one decoder over them,
// and what must hold whatever the bytes are. The same file is linked with libFuzzer (preset `fuzz`, scripts/fuzz) and,
// its function renamed, into the replay test (replay_test.cc), which runs the kept corpus under every compiler.
//
// A decoder may refuse with the project's Error, and with no other exception. What must hold and does not is thrown as
// Broken, which nobody catches: libFuzzer takes it for a crash, the replay test for a failure. Pure; one thread.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

#include "io/error.h"
#include "io/file.h"

namespace bulk::fuzz {

struct Broken : std::logic_error {
  using std::logic_error::logic_error;
};

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The parameters at the front of an input; what they do not take is the decoder's. An input that is too short reads as
// if it went on with zeros.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(text_of(data, size)) {}

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint16_t word() {
    const unsigned low = byte();
    return static_cast<std::uint16_t>(low | unsigned{byte()} << 8);
  }
  // Up to the next 0 byte, which is taken too, or to the end.
  std::string_view part() {
    const std::size_t end = rest_.find('\0');
    const std::string_view part = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return part;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// True when `run` ends without an Error; false when it throws one of these kinds.
template <typename Run>
bool accepted(std::initializer_list<ErrorKind> kinds, Run&& run) {
  try {
    run();
    return true;
  } catch (const Error& error) {
    for (const ErrorKind kind : kinds) {
      if (error.kind() == kind && !std::string_view(error.what()).empty()) return false;
    }
    throw Broken("an error of a kind that this decoder has not: " + error.line());
  }
}

// The bytes as an open file that is nowhere on disk.
inline File memory_file(std::string_view bytes, const std::string& path = "input") {
  File file(memfd_create("fuzz", MFD_CLOEXEC), path);
  if (file.fd() < 0) throw os_error("make a file in memory", errno);
  file.write(bytes);
  if (lseek(file.fd(), 0, SEEK_SET) != 0) throw os_error("go back in a file in memory", errno);
  return file;
}

}  // namespace bulk::fuzz

#define BULK_FUZZ_TEXT(number) #number
#define BULK_FUZZ_LINE(number) BULK_FUZZ_TEXT(number)
// What must hold whatever the input is.
#define HOLDS(condition) \
  if (!(condition)) throw bulk::fuzz::Broken(__FILE__ ":" BULK_FUZZ_LINE(__LINE__) ": broken: " #condition)
