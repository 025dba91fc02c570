#include "codecs/dump_part.h"

#include <cstring>

#include "codecs/little_endian.h"
#include "codecs/metadata.h"
#include "io/error.h"

namespace bulk {

namespace {

constexpr std::size_t kFrameHeaderBytes = 8;  // magic and size of a skippable frame

std::string skippable_frame(std::uint32_t magic, std::string_view payload) {
  if (payload.size() > kMaxMetadataBytes) {
    throw Error(ErrorKind::failed, "the dump's metadata of " + std::to_string(payload.size()) + " bytes is too big");
  }
  std::string frame;
  frame.reserve(kFrameHeaderBytes + payload.size());
  append_u32(frame, magic);
  append_u32(frame, static_cast<std::uint32_t>(payload.size()));
  frame += payload;
  return frame;
}

std::string_view view(const rapidjson::StringBuffer& buffer) {
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

std::string encode_header(const DumpHeader& header) {
  rapidjson::StringBuffer buffer;
  MetadataWriter writer(buffer);
  write_begin(writer, "header");
  write_origin(writer, header);
  writer.EndObject();
  return skippable_frame(kHeaderMagic, view(buffer));
}

std::string encode_footer(const DumpFooter& footer) {
  rapidjson::StringBuffer buffer;
  MetadataWriter writer(buffer);
  write_begin(writer, "footer");
  write_text(writer, "ended", footer.ended);
  writer.Key("records");
  writer.Uint64(footer.records);
  writer.Key("raw_bytes");
  writer.Uint64(footer.raw_bytes);
  writer.Key("frames");
  writer.Uint64(footer.frame_hashes.size());
  write_text(writer, "digest", footer.digest.hex());
  writer.Key("consistent");
  writer.Bool(footer.consistent);
  writer.Key("segments");
  writer.StartArray();
  for (const auto& [segment, totals] : footer.segments) {
    writer.StartObject();
    writer.Key("segment");
    writer.Uint(segment);
    writer.Key("records");
    writer.Uint64(totals.records);
    write_text(writer, "digest", totals.digest.hex());
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();

  std::string payload;
  payload.reserve(4 + buffer.GetSize() + footer.frame_hashes.size() * sizeof(Sha256));
  append_u32(payload, static_cast<std::uint32_t>(buffer.GetSize()));
  payload += view(buffer);
  for (const Sha256& hash : footer.frame_hashes)
    payload.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  return skippable_frame(kFooterMagic, payload);
}

bool skippable_payload_size(std::string_view bytes, std::uint32_t magic, std::uint64_t& frame_bytes) {
  if (bytes.size() < kFrameHeaderBytes || read_u32(bytes.data()) != magic) return false;
  frame_bytes = kFrameHeaderBytes + std::uint64_t{read_u32(bytes.data() + 4)};
  return true;
}

DumpHeader decode_header(std::string_view payload) {
  return read_origin(Metadata("header", payload));
}

DumpFooter decode_footer(std::string_view payload) {
  const auto cut_short = [] { throw Error(ErrorKind::corrupt, "dump footer: it is cut short"); };
  if (payload.size() < 4) cut_short();
  const std::size_t json_bytes = read_u32(payload.data());
  if (json_bytes > payload.size() - 4) cut_short();
  const Metadata metadata("footer", payload.substr(4, json_bytes));
  const rapidjson::Value& root = metadata.root();
  DumpFooter footer;
  footer.ended = metadata.text(root, "ended");
  footer.records = metadata.number(root, "records");
  footer.raw_bytes = metadata.number(root, "raw_bytes");
  footer.digest = metadata.digest(root, "digest");
  footer.consistent = metadata.boolean(root, "consistent");

  const std::string_view hashes = payload.substr(4 + json_bytes);
  const std::uint64_t frames = metadata.number(root, "frames");
  if (hashes.size() % sizeof(Sha256) != 0 || hashes.size() / sizeof(Sha256) != frames) {
    metadata.corrupt("it names " + std::to_string(frames) + " frames but holds " + std::to_string(hashes.size()) +
                     " bytes of SHA-256 values");
  }
  footer.frame_hashes.resize(frames);
  for (std::size_t i = 0; i < frames; ++i) {
    std::memcpy(footer.frame_hashes[i].data(), hashes.data() + i * sizeof(Sha256), sizeof(Sha256));
  }

  const rapidjson::Value* segments = metadata.find(root, "segments");
  if (segments == nullptr) return footer;
  if (!segments->IsArray()) metadata.wrong_type("segments", "an array");
  SegmentTotals sum;
  for (const rapidjson::Value& entry : segments->GetArray()) {
    if (!entry.IsObject()) metadata.wrong_type("segments", "an array of objects");
    const std::uint64_t segment = metadata.number(entry, "segment");
    if (segment > UINT32_MAX) metadata.wrong_type("segment", "a segment number");
    const SegmentTotals totals{metadata.number(entry, "records"), metadata.digest(entry, "digest")};
    if (!footer.segments.emplace(static_cast<std::uint32_t>(segment), totals).second) {
      metadata.corrupt("segment " + std::to_string(segment) + " stands twice");
    }
    sum.records += totals.records;
    sum.digest += totals.digest;
  }
  if (!footer.segments.empty() && (sum.records != footer.records || sum.digest != footer.digest)) {
    metadata.corrupt("its segments do not add up to the whole");
  }
  return footer;
}

}  // namespace bulk
