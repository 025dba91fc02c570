// The header of a dump: what was accepted comes back the same through the encoder.
#include "codecs/dump_part.h"
#include "codecs/json_check.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kFrameHeaderBytes = 8;
  const std::string_view payload = fuzz::text_of(data, size);
  DumpHeader header;
  if (!fuzz::accepted({ErrorKind::corrupt, ErrorKind::usage}, [&] { header = decode_header(payload); })) return 0;
  HOLDS(header.schema_json.empty() || check_json(header.schema_json).text.empty());

  const std::string frame = encode_header(header);
  std::uint64_t frame_bytes = 0;
  HOLDS(skippable_payload_size(frame, kHeaderMagic, frame_bytes) && frame_bytes == frame.size());
  DumpHeader again = decode_header(std::string_view(frame).substr(kFrameHeaderBytes));
  HOLDS(again.tool == header.tool && again.dialect == header.dialect && again.started == header.started);
  HOLDS(again.source == header.source && again.stage == header.stage && again.distinct_keys == header.distinct_keys);
  HOLDS(again.table.name == header.table.name && again.table.id == header.table.id);
  HOLDS(again.table.created == header.table.created && again.table.arn == header.table.arn);
  // Of a number of hundreds of digits, which no schema has, the last ones may differ from copy to copy.
  HOLDS(again.schema_json.empty() == header.schema_json.empty());
  header.schema_json.clear();
  again.schema_json.clear();
  HOLDS(encode_header(again) == encode_header(header));
  return 0;
}
