// A whole undo log. With the first byte's lowest bit the input stands for its parts, up to a NUL each: the header, then
// in turn a block's header (@ in it is the length of what is stored) and its lines, each block a group of its own, so
// that what stands in them is reached; else the bytes stand for themselves. What is read ends within the file, and the
// sound beginning alone says the same.
#include "src/backfill/undo_log.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <vector>

#include "codecs/little_endian.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

std::string frame(std::uint32_t magic, std::string_view payload) {
  std::string bytes;
  append_u32(bytes, magic);
  append_u32(bytes, static_cast<std::uint32_t>(payload.size()));
  return bytes.append(payload);
}

std::string log_of(fuzz::Input& input) {
  std::string log = frame(0x184D2A56, input.part());
  FrameCodec codec;
  while (!input.rest().empty()) {
    std::string header(input.part());
    Buffer stored;
    codec.compress(input.part(), stored);
    if (const std::size_t at = header.find('@'); at != std::string::npos) {
      header.replace(at, 1, std::to_string(stored.size()));
    }
    const std::string group = frame(0x184D2A57, header) + std::string(stored.view());
    log += frame(0x184D2A58, fmt::format(R"({{"blocks":1,"bytes":{},"check":"{:016x}"}})", group.size(),
                                         XXH64(group.data(), group.size(), 0)));
    log += group;
  }
  return log;
}

struct Read {
  UndoHeader header;
  std::uint64_t sound_bytes = 0;
  std::uint64_t size = 0;
  std::vector<std::string> blocks;
};

// False when it is no log.
bool read(std::string_view bytes, Read& found) {
  const File file = fuzz::memory_file(bytes);
  return fuzz::accepted({ErrorKind::corrupt, ErrorKind::usage}, [&] {
    UndoLogReader log(fmt::format("/proc/self/fd/{}", file.fd()));
    found.header = log.header();
    found.size = log.size_bytes();
    std::uint64_t position = log.position();
    Buffer lines;
    while (const std::optional<UndoBlock> block = log.next(lines)) {
      HOLDS(log.position() > position && log.position() <= log.size_bytes());
      HOLDS(block->plain_bytes == lines.size());
      position = log.position();
      found.blocks.push_back(fmt::format("{} {} {} {}", block->segment, block->batch, block->records, lines.view()));
    }
    HOLDS(log.position() == position);
    HOLDS(log.torn() == (position != log.size_bytes()));
    HOLDS(!log.damaged() || log.torn());
    found.sound_bytes = position;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string log = (input.byte() & 1) != 0 ? log_of(input) : std::string(input.rest());
  Read whole;
  if (!read(log, whole)) return 0;
  HOLDS(whole.size == log.size());
  Read sound;
  HOLDS(read(std::string_view(log).substr(0, whole.sound_bytes), sound));
  HOLDS(sound.header == whole.header && sound.blocks == whole.blocks && sound.sound_bytes == whole.sound_bytes);
  return 0;
}
