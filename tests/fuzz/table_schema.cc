// A table's schema: as a dump holds it, and as DescribeTable answers (the first byte chooses). What is accepted has a
// sound key, makes a CreateTable request that is JSON, and is read again to the same.
#include "backends/dynamodb/table_schema.h"

#include "backends/schema.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

void use(const TableSchema& schema) {
  HOLDS(!schema.key.partition.name.empty());
  HOLDS(schema_from_json(schema.json).key == schema.key);
  differing_settings(schema, schema);
  settings_not_copied(schema);
  fuzz::accepted({ErrorKind::corrupt}, [&] {
    const CreateRequest request = make_create_request(schema, {"table", "eu-west-1", "123456789012"});
    HOLDS(check_json(request.body).text.empty());
  });
  fuzz::accepted({ErrorKind::corrupt}, [&] { read_late_settings(schema); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const bool described = (input.byte() & 1) != 0;
  const std::string_view text = input.rest();
  TableSchema schema;
  if (!described) {
    if (fuzz::accepted({ErrorKind::corrupt}, [&] { schema = schema_from_json(text); })) use(schema);
    return 0;
  }
  rapidjson::Document reply;
  std::string problem;
  if (!parse_json_object(text, reply, problem)) {
    HOLDS(!problem.empty());
    return 0;
  }
  fuzz::accepted({ErrorKind::failed}, [&] { read_description(reply); });
  SideSettings side;
  side.ttl_attribute = "expires";
  side.tags = {{"a", "b"}};
  if (fuzz::accepted({ErrorKind::failed, ErrorKind::corrupt}, [&] { schema = read_schema(reply, side); })) use(schema);
  return 0;
}
