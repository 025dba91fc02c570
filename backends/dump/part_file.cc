#include "backends/dump/part_file.h"

#include <algorithm>

#include "codecs/little_endian.h"
#include "io/sigv4.h"

namespace bulk {
namespace {

constexpr std::size_t kSkippableHeaderBytes = 8;  // magic and length

ReadAt reader_of(const File& file) {
  return [&file](std::uint64_t offset, char* into, std::size_t length) { file.read_at(offset, into, length); };
}

bool has_magic(const File& file, std::uint64_t offset, std::uint64_t file_bytes, std::uint32_t magic,
               std::uint64_t& bytes) {
  if (offset > file_bytes || file_bytes - offset < kSkippableHeaderBytes) return false;
  char head[kSkippableHeaderBytes];
  file.read_at(offset, head, sizeof head);
  return skippable_payload_size({head, sizeof head}, magic, bytes);
}

// The payload of the metadata frame at `offset`, which the seek table says is `stored_bytes` long.
std::string metadata_at(const File& file, std::uint64_t offset, std::uint64_t stored_bytes, std::uint64_t file_bytes,
                        std::uint32_t magic, const char* what) {
  std::uint64_t bytes = 0;
  if (!has_magic(file, offset, file_bytes, magic, bytes) || bytes != stored_bytes) {
    throw corrupt_part(file.path(), std::string("no ") + what + " at byte " + std::to_string(offset));
  }
  if (bytes > kMaxMetadataBytes) {
    throw corrupt_part(file.path(), std::string("the ") + what + " claims " + std::to_string(bytes) + " bytes");
  }
  std::string payload(bytes - kSkippableHeaderBytes, '\0');
  file.read_at(offset + kSkippableHeaderBytes, payload.data(), payload.size());
  return payload;
}

}  // namespace

Error corrupt_part(const std::string& path, const std::string& what) {
  return {ErrorKind::corrupt, path + ": the dump is corrupt: " + what,
          "use another copy, or read what is whole with `zstd -dc`"};
}

bool PartFile::recognise(const File& file) {
  const std::uint64_t file_bytes = file.size();
  std::uint64_t bytes = 0;
  if (has_magic(file, 0, file_bytes, kHeaderMagic, bytes)) return true;
  // A damaged first byte must not turn a dump that can be verified into a foreign file that cannot.
  SeekTable table;
  try {
    if (!decode_seek_table(file_bytes, reader_of(file), table) || table.entries.empty()) return false;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    return false;
  }
  const std::uint64_t last = table.entries.back().stored_bytes;
  return last <= table.table_offset && has_magic(file, table.table_offset - last, file_bytes, kFooterMagic, bytes);
}

PartFile::PartFile(File file) : file_(std::move(file)), file_bytes_(file_.size()) {
  try {
    read_metadata();
  } catch (const Error& error) {
    // What the codecs throw knows no path.
    if (error.kind() != ErrorKind::corrupt || std::string(error.what()).starts_with(path())) throw;
    throw corrupt_part(path(), error.what());
  }
}

void PartFile::read_metadata() {
  SeekTable table;
  if (!decode_seek_table(file_bytes_, reader_of(file_), table)) {
    throw corrupt_part(path(), "it ends at byte " + std::to_string(file_bytes_) + " without its seek table");
  }
  if (!table.has_checksums || table.entries.size() < 2)
    throw corrupt_part(path(), "its seek table is not that of a dump");
  const SeekEntry& first = table.entries.front();
  const SeekEntry& last = table.entries.back();
  if (first.plain_bytes != 0 || last.plain_bytes != 0) {
    throw corrupt_part(path(), "its seek table has no header and footer");
  }
  header_entry_ = first;
  footer_entry_ = last;
  footer_offset_ = table.table_offset - last.stored_bytes;
  header_ = decode_header(header_payload());
  footer_ = decode_footer(footer_payload());

  const std::size_t count = table.entries.size() - 2;
  if (footer_.frame_hashes.size() != count) {
    throw corrupt_part(path(), "its footer counts " + std::to_string(footer_.frame_hashes.size()) +
                                   " frames, its seek table " + std::to_string(count));
  }
  frames_.reserve(count);
  std::uint64_t offset = first.stored_bytes;
  std::uint64_t plain_bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const SeekEntry& entry = table.entries[i + 1];
    frames_.push_back({offset, entry.stored_bytes, entry.plain_bytes, entry.checksum, footer_.frame_hashes[i]});
    offset += entry.stored_bytes;
    plain_bytes += entry.plain_bytes;
  }
  if (plain_bytes != footer_.raw_bytes) {
    throw corrupt_part(path(), "its footer counts " + std::to_string(footer_.raw_bytes) +
                                   " bytes of lines, its seek table " + std::to_string(plain_bytes));
  }
}

std::string PartFile::header_payload() const {
  return metadata_at(file_, 0, header_entry_.stored_bytes, file_bytes_, kHeaderMagic, "header");
}

std::string PartFile::footer_payload() const {
  return metadata_at(file_, footer_offset_, footer_entry_.stored_bytes, file_bytes_, kFooterMagic, "footer");
}

std::string PartFile::fingerprint() const {
  std::string bytes;
  append_u32(bytes, static_cast<std::uint32_t>(file_bytes_));
  append_u32(bytes, static_cast<std::uint32_t>(file_bytes_ >> 32));
  return sha256_hex(bytes + header_payload() + footer_payload());
}

std::string PartFile::where(std::size_t index) const {
  return "frame " + std::to_string(index + 1) + " of " + std::to_string(frames_.size()) + " at byte " +
         std::to_string(frames_[index].offset);
}

bool PartFile::sha256_matches(std::size_t index, Buffer& scratch) const {
  const PartFrame& frame = frames_.at(index);
  scratch.resize(frame.stored_bytes);
  file_.read_at(frame.offset, scratch.data(), frame.stored_bytes);
  return bulk::sha256(scratch.view()) == frame.sha256;
}

void PartFile::read_frame(std::size_t index, FrameScratch& scratch, Buffer& plain) const {
  const PartFrame& frame = frames_.at(index);
  if (!sha256_matches(index, scratch.stored)) {
    throw corrupt_part(path(), where(index) + ": its SHA-256 is not the footer's");
  }
  try {
    scratch.codec.decompress(scratch.stored.view(), frame.plain_bytes, plain);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    throw corrupt_part(path(), where(index) + ": " + error.what());
  }
  const std::optional<std::uint32_t> checked = content_checksum(scratch.stored.view());
  if ((checked ? *checked : xxh64_low32(plain.view())) != frame.checksum) {
    throw corrupt_part(path(), where(index) + ": its checksum is not the seek table's");
  }
  if (!plain.empty() && plain.view().back() != '\n') {
    throw corrupt_part(path(), where(index) + ": its last line has no end");
  }
}

}  // namespace bulk
