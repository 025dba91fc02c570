// What credential_process prints and what STS, SSO, container and instance services answer: JSON and XML into
// credentials, times, and their text made fit for a message (the first part of the input is a secret).
#include <chrono>

#include "io/aws_credential_context.h"
#include "io/aws_sts.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view secret = input.part();
  const std::string_view reply = input.rest();
  for (const char* inside : {static_cast<const char*>(nullptr), "roleCredentials"}) {
    fuzz::accepted({ErrorKind::remote}, [&] {
      const auto texts = json_texts(reply, "test", inside);
      const AwsCredentials credentials = credentials_from(texts, "SessionToken", "test");
      HOLDS(!credentials.access_key_id.empty() && !credentials.secret_access_key.empty());
    });
  }
  for (const char* name : {"Code", "AccessKeyId"}) {
    const std::optional<std::string> text = xml_text(reply, name);
    HOLDS(!text || text->size() <= reply.size());
  }

  WallTime time;
  if (parse_utc(std::string(reply), time)) {
    WallTime again;
    HOLDS(parse_utc(utc_iso8601(time), again));
    HOLDS(again == std::chrono::floor<std::chrono::seconds>(time));
  }

  const std::string message = quotable(reply, {secret});
  HOLDS(message.size() <= 300 + 3);
  for (const char c : message) HOLDS(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  // What stands for a secret is three stars; a blank may come from a control character.
  const bool tellable = secret.size() > 3 && secret.find_first_of("* .") == std::string_view::npos;
  HOLDS(!tellable || message.find(secret) == std::string::npos);
  return 0;
}
