// The footer of a dump: what was accepted adds up, and comes back the same through the encoder.
#include "codecs/dump_part.h"
#include "codecs/little_endian.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kFrameHeaderBytes = 8;
  fuzz::Input input(data, size);
  std::string payload;
  // The first byte's lowest bit: the length before the JSON text is right, and so many hashes follow as the next byte
  // says. Else the bytes stand for themselves.
  if ((input.byte() & 1) != 0) {
    const std::size_t hashes = input.byte() % 8;
    append_u32(payload, static_cast<std::uint32_t>(input.rest().size()));
    payload += input.rest();
    payload.append(hashes * sizeof(Sha256), 'h');
  } else {
    payload = input.rest();
  }
  DumpFooter footer;
  if (!fuzz::accepted({ErrorKind::corrupt, ErrorKind::usage}, [&] { footer = decode_footer(payload); })) return 0;
  HOLDS(footer.frame_hashes.size() <= payload.size() / sizeof(Sha256));
  SegmentTotals sum;
  for (const auto& [segment, totals] : footer.segments) {
    sum.records += totals.records;
    sum.digest += totals.digest;
  }
  HOLDS(footer.segments.empty() || (sum.records == footer.records && sum.digest == footer.digest));

  const std::string frame = encode_footer(footer);
  const DumpFooter again = decode_footer(std::string_view(frame).substr(kFrameHeaderBytes));
  HOLDS(again.ended == footer.ended && again.records == footer.records && again.raw_bytes == footer.raw_bytes);
  HOLDS(again.digest == footer.digest && again.consistent == footer.consistent);
  HOLDS(again.frame_hashes == footer.frame_hashes && again.segments.size() == footer.segments.size());
  HOLDS(encode_footer(again) == frame);
  return 0;
}
