// AWS Signature Version 4, header form (rules: the published SigV4 specification; checked against the aws-c-auth test
// suite). Pure functions plus a cache of the derived key.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/clock.h"

namespace bulk {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty for long-lived keys
  std::string account_id;     // empty when unknown
  std::optional<WallTime> expires;
};

// Everything but A-Z a-z 0-9 - . _ ~ (and "/" when kept) as %XX: for paths, queries and form bodies.
std::string percent_encoded(std::string_view text, bool keep_slash = false);

// What of a URL is signed: the Host header as libcurl sends it (without the scheme's own port), path and query.
struct SignedUrl {
  std::string host;
  std::string path = "/";
  std::string query;
};
SignedUrl split_url(std::string_view url);

std::string sha256_hex(std::string_view bytes);
std::array<unsigned char, 32> hmac_sha256(std::string_view key, std::string_view message);

struct SigningInput {
  std::string_view method;
  std::string_view path;                                     // as on the wire
  std::string_view query;                                    // without '?'
  std::vector<std::pair<std::string, std::string>> headers;  // all to be signed; host and x-amz-date among them
  std::string_view payload_hash;                             // lower-case hex, or one of S3's words
  bool s3_path_rules = false;                                // no normalisation, single encoding
};

// The intermediate texts, exposed for the test vectors.
std::string canonical_request(const SigningInput& input);
std::string string_to_sign(std::string_view timestamp, std::string_view scope, std::string_view canonical_request);

// Signs requests for one region and service. The derived key is that of a day and of one pair of credentials; the HMAC
// states that it leads to are kept, so that a signature costs three hashes. Thread-safe.
class Signer {
 public:
  Signer(std::string region, std::string service);
  ~Signer();
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  // The value of the Authorization header. `timestamp` is the x-amz-date that `input.headers` holds.
  std::string authorization(const AwsCredentials& credentials, std::string_view timestamp, const SigningInput& input);

  const std::string& region() const noexcept { return region_; }

 private:
  struct Key;
  std::shared_ptr<const Key> key_for(const AwsCredentials& credentials, std::string_view date);

  std::string region_;
  std::string service_;
  std::mutex mutex_;
  std::shared_ptr<const Key> key_;
};

}  // namespace bulk
