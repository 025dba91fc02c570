#include "io/sigv4.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <filesystem>
#include <sstream>

#include "tests/support/shared.h"

namespace bulk {
namespace {

constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

rapidjson::Document parse(const std::filesystem::path& path) {
  rapidjson::Document document;
  document.Parse(test::read_file(path));
  EXPECT_FALSE(document.HasParseError()) << path;
  return document;
}

// A request as the suite writes it: request line, headers (folded ones too), blank line, body.
struct WireRequest {
  std::string method, path, query, body;
  std::vector<std::pair<std::string, std::string>> headers;
};

WireRequest read_request(const std::string& text) {
  WireRequest request;
  std::size_t at = text.find('\n');
  const std::string line = text.substr(0, at++);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  request.method = line.substr(0, first);
  request.path = line.substr(first + 1, last - first - 1);
  if (const std::size_t mark = request.path.find('?'); mark != std::string::npos) {
    request.query = request.path.substr(mark + 1);
    request.path.resize(mark);
  }
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string header = text.substr(at, end - at);
    at = end + 1;
    if (header.empty()) {
      request.body = at < text.size() ? text.substr(at) : "";
      break;
    }
    if (header[0] == ' ') {
      request.headers.back().second += "\n" + header;
    } else {
      const std::size_t colon = header.find(':');
      request.headers.emplace_back(header.substr(0, colon), header.substr(colon + 1));
    }
  }
  return request;
}

// A canonical request taken apart again: enough to sign what the S3 examples describe.
SigningInput from_canonical(const std::string& text, std::vector<std::string>& lines) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  SigningInput input;
  input.method = lines.at(0);
  input.path = lines.at(1);
  input.query = lines.at(2);
  for (std::size_t i = 3; !lines.at(i).empty(); ++i) {
    const std::size_t colon = lines[i].find(':');
    input.headers.emplace_back(lines[i].substr(0, colon), lines[i].substr(colon + 1));
  }
  input.payload_hash = lines.back();
  input.s3_path_rules = true;
  return input;
}

TEST(SigV4, AgreesWithTheAwsCAuthSuite) {
  BULK_REQUIRE_SHARED("vectors/sigv4/aws-c-auth/v4");
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_file("vectors/sigv4/aws-c-auth/v4"))) {
    SCOPED_TRACE(entry.path().filename().string());
    const auto read = [&](const char* name) { return test::read_file(entry.path() / name); };
    const rapidjson::Document context = parse(entry.path() / "context.json");
    const WireRequest wire = read_request(read("request.txt"));
    AwsCredentials credentials;
    credentials.access_key_id = context["credentials"]["access_key_id"].GetString();
    credentials.secret_access_key = context["credentials"]["secret_access_key"].GetString();
    if (context["credentials"].HasMember("token")) {
      credentials.session_token = context["credentials"]["token"].GetString();
    }
    WallTime time;
    ASSERT_TRUE(parse_utc(context["timestamp"].GetString(), time));
    const std::string timestamp = utc_compact(time);
    const std::string hash = sha256_hex(wire.body);

    SigningInput input;
    input.method = wire.method;
    input.path = wire.path;
    input.query = wire.query;
    input.headers = wire.headers;
    input.headers.emplace_back("X-Amz-Date", timestamp);
    const bool omit_token = context.HasMember("omit_session_token") && context["omit_session_token"].GetBool();
    if (!credentials.session_token.empty() && !omit_token) {
      input.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
    }
    if (context["sign_body"].GetBool()) input.headers.emplace_back("x-amz-content-sha256", hash);
    input.payload_hash = hash;
    input.s3_path_rules = !context["normalize"].GetBool();

    const std::string region = context["region"].GetString();
    const std::string service = context["service"].GetString();
    const std::string scope = timestamp.substr(0, 8) + "/" + region + "/" + service + "/aws4_request";
    EXPECT_EQ(canonical_request(input), read("header-canonical-request.txt"));
    EXPECT_EQ(string_to_sign(timestamp, scope, canonical_request(input)), read("header-string-to-sign.txt"));
    Signer signer(region, service);
    const std::string authorization = signer.authorization(credentials, timestamp, input);
    EXPECT_TRUE(authorization.ends_with("Signature=" + read("header-signature.txt"))) << authorization;
    EXPECT_NE(read("header-signed-request.txt").find("Authorization:" + authorization + "\n"), std::string::npos);
    ++cases;
  }
  EXPECT_EQ(cases, 38);
}

TEST(SigV4, AgreesWithThePublishedS3Examples) {
  BULK_REQUIRE_SHARED("vectors/sigv4/s3_examples.json");
  const rapidjson::Document examples = parse(test::shared_file("vectors/sigv4/s3_examples.json"));
  const AwsCredentials credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", "", {}};
  const std::string timestamp = "20130524T000000Z";
  Signer signer("us-east-1", "s3");
  const auto check = [&](const std::string& canonical, const std::string& signature) {
    std::vector<std::string> lines;
    const SigningInput input = from_canonical(canonical, lines);
    EXPECT_EQ(canonical_request(input), canonical);
    EXPECT_TRUE(signer.authorization(credentials, timestamp, input).ends_with(", Signature=" + signature));
  };
  for (const auto& example : examples["cases"].GetArray()) {
    SCOPED_TRACE(example["name"].GetString());
    check(example["canonical_request"].GetString(), example["signature"].GetString());
    EXPECT_EQ(string_to_sign(timestamp, "20130524/us-east-1/s3/aws4_request", example["canonical_request"].GetString()),
              example["string_to_sign"].GetString());
  }
  EXPECT_EQ(examples["cases"].Size(), 6U);
  const auto& streaming = examples["streaming_put_65KiB_of_a"];
  check(streaming["seed_canonical_request"].GetString(), streaming["seed_signature"].GetString());
}

TEST(SigV4, HashesAndAuthenticatesAsPublished) {
  EXPECT_EQ(sha256_hex(""), kEmptyHash);
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test case 2.
  const auto code = hmac_sha256("Jefe", "what do ya want for nothing?");
  EXPECT_EQ(code[0], 0x5b);
  EXPECT_EQ(code[31], 0x43);
}

TEST(SigV4, EncodesByteByByte) {
  EXPECT_EQ(percent_encoded("aZ0-._~ +/%\xc3\xa9"), "aZ0-._~%20%2B%2F%25%C3%A9");
  EXPECT_EQ(percent_encoded("a/b c", true), "a/b%20c");
}

TEST(SigV4, TakesFromAUrlWhatIsSigned) {
  const auto joined = [](const char* url) {
    const SignedUrl parts = split_url(url);
    return parts.host + " " + parts.path + " " + parts.query;
  };
  EXPECT_EQ(joined("https://dynamodb.eu-west-1.amazonaws.com"), "dynamodb.eu-west-1.amazonaws.com / ");
  EXPECT_EQ(joined("https://h:443/a/b?c=d&e#f"), "h /a/b c=d&e");
  EXPECT_EQ(joined("HTTP://h:80?c"), "h / c");
  EXPECT_EQ(joined("http://127.0.0.1:8000/"), "127.0.0.1:8000 / ");
  EXPECT_EQ(joined("http://[::1]:443/x"), "[::1]:443 /x ");
}

TEST(SigV4, EncodesThePathTwiceExceptForS3) {
  SigningInput input;
  input.method = "GET";
  input.path = "/a%20b//./c/../!(x)*'%2f";
  input.payload_hash = kEmptyHash;
  EXPECT_TRUE(canonical_request(input).starts_with("GET\n/a%2520b/%21%28x%29%2A%27%252f\n"));
  input.s3_path_rules = true;
  EXPECT_TRUE(canonical_request(input).starts_with("GET\n/a%20b//./c/../%21%28x%29%2A%27/\n"));
  input.path = "";
  EXPECT_TRUE(canonical_request(input).starts_with("GET\n/\n"));
}

TEST(SigV4, SortsTheQueryAfterEncodingAndKeepsMalformedEscapes) {
  SigningInput input;
  input.method = "GET";
  input.path = "/";
  input.query = "b=2&B=1&lifecycle&&a=x%2fy&a=%zz&c=1+1=2";
  input.payload_hash = kEmptyHash;
  EXPECT_TRUE(canonical_request(input).starts_with("GET\n/\nB=1&a=%25zz&a=x%2Fy&b=2&c=1%2B1%3D2&lifecycle=\n"));
}

TEST(Signer, DerivesAnotherKeyForAnotherDayOrSecret) {
  Signer signer("us-east-1", "dynamodb");
  AwsCredentials credentials{"AKID", "one", "", "", {}};
  SigningInput input;
  input.method = "POST";
  input.path = "/";
  input.payload_hash = kEmptyHash;
  const std::string first = signer.authorization(credentials, "20250101T000000Z", input);
  EXPECT_EQ(signer.authorization(credentials, "20250101T000000Z", input), first);
  EXPECT_NE(signer.authorization(credentials, "20250102T000000Z", input), first);
  credentials.secret_access_key = "two";
  EXPECT_NE(signer.authorization(credentials, "20250101T000000Z", input), first);
  credentials.secret_access_key = "one";
  EXPECT_EQ(signer.authorization(credentials, "20250101T000000Z", input), first);
}

}  // namespace
}  // namespace bulk
