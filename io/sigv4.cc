#include "io/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <new>

namespace bulk {
namespace {

constexpr std::string_view kUpperHex = "0123456789ABCDEF";
constexpr std::string_view kLowerHex = "0123456789abcdef";

// Fetched once: EVP_sha256() makes OpenSSL 3 look the algorithm up, under a lock, at every digest.
const EVP_MD* sha256() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (algorithm == nullptr) throw std::bad_alloc();
  return algorithm;
}

std::string hex(const unsigned char* bytes, std::size_t size) {
  std::string text(size * 2, '0');
  for (std::size_t i = 0; i < size; ++i) {
    text[2 * i] = kLowerHex[bytes[i] >> 4];
    text[2 * i + 1] = kLowerHex[bytes[i] & 15];
  }
  return text;
}

std::string_view view(const std::array<unsigned char, 32>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void append_encoded(std::string& out, std::string_view text, bool keep_slash) {
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kUpperHex[byte >> 4];
      out += kUpperHex[byte & 15];
    }
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::string normalised_path(std::string_view path) {
  std::vector<std::string_view> segments;
  bool ends_in_slash = false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    ends_in_slash = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    begin = end + 1;
  }
  std::string out;
  for (const std::string_view segment : segments) out.append("/").append(segment);
  if (out.empty() || ends_in_slash) out += '/';
  return out;
}

void append_canonical_query(std::string& out, std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t begin = 0; begin < query.size();) {
    const std::size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view pair = query.substr(begin, end - begin);
    begin = end + 1;
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto& [name, value] = pairs.emplace_back();
    append_encoded(name, decoded(pair.substr(0, equals)), false);
    if (equals < pair.size()) append_encoded(value, decoded(pair.substr(equals + 1)), false);
  }
  std::sort(pairs.begin(), pairs.end());
  bool first = true;
  for (const auto& [name, value] : pairs) {
    if (!first) out += '&';
    first = false;
    out.append(name).append("=").append(value);
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Trims, and turns every run of white space (folded lines too) into one space.
void append_header_value(std::string& out, std::string_view value) {
  bool gap = false;
  const std::size_t start = out.size();
  for (const char c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      gap = true;
      continue;
    }
    if (gap && out.size() > start) out += ' ';
    gap = false;
    out += c;
  }
}

// Name (lower case) and canonical value, sorted; several headers of one name stand joined in the order of sending.
std::vector<std::pair<std::string, std::string>> canonical_headers(const SigningInput& input) {
  std::vector<std::pair<std::string, std::string>> sorted;
  sorted.reserve(input.headers.size());
  for (const auto& [name, value] : input.headers)
    append_header_value(sorted.emplace_back(lower(name), "").second, value);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (kept > 0 && sorted[kept - 1].first == sorted[i].first) {
      sorted[kept - 1].second.append(",").append(sorted[i].second);
    } else {
      if (kept != i) sorted[kept] = std::move(sorted[i]);
      ++kept;
    }
  }
  sorted.resize(kept);
  return sorted;
}

std::string signed_names(const std::vector<std::pair<std::string, std::string>>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

void append_path(std::string& out, const SigningInput& input) {
  if (input.path.empty() || input.path == "/") {
    out += '/';
  } else if (input.s3_path_rules) {
    append_encoded(out, decoded(input.path), true);
  } else {
    append_encoded(out, normalised_path(input.path), true);
  }
}

// Whether the headers are spelled and ordered as they have to be signed; our own always are.
bool are_canonical(const SigningInput& input) {
  const std::string* last = nullptr;
  for (const auto& [name, value] : input.headers) {
    if (last != nullptr && *last >= name) return false;
    last = &name;
    if (std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) return false;
    if (value.find_first_of("\t\r\n") != std::string::npos || value.find("  ") != std::string::npos) return false;
    if (value.starts_with(' ') || value.ends_with(' ')) return false;
  }
  return true;
}

// Canonical request and names of the signed headers.
template <typename Headers>
std::string canonical_request(const SigningInput& input, const Headers& headers, std::string& names) {
  std::string out;
  out.reserve(1024);
  out.append(input.method).append("\n");
  append_path(out, input);
  out += '\n';
  append_canonical_query(out, input.query);
  out += '\n';
  names = signed_names(headers);
  for (const auto& [name, value] : headers) out.append(name).append(":").append(value).append("\n");
  out.append("\n").append(names).append("\n").append(input.payload_hash);
  return out;
}

std::string canonical_request(const SigningInput& input, std::string& names) {
  if (are_canonical(input)) return canonical_request(input, input.headers, names);
  return canonical_request(input, canonical_headers(input), names);
}

struct FreeHash {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Hash = std::unique_ptr<EVP_MD_CTX, FreeHash>;

Hash new_hash() {
  Hash hash(EVP_MD_CTX_new());
  if (!hash) throw std::bad_alloc();
  return hash;
}

// A hash that has taken in the key, each byte changed by `pad` (RFC 2104).
Hash keyed_hash(const std::array<unsigned char, 32>& key, unsigned char pad) {
  constexpr std::size_t kBlockBytes = 64;
  std::array<unsigned char, kBlockBytes> block{};
  std::copy(key.begin(), key.end(), block.begin());
  for (unsigned char& byte : block) byte ^= pad;
  Hash hash = new_hash();
  const bool fed = EVP_DigestInit_ex(hash.get(), sha256(), nullptr) == 1 &&
                   EVP_DigestUpdate(hash.get(), block.data(), block.size()) == 1;
  OPENSSL_cleanse(block.data(), block.size());
  if (!fed) throw std::bad_alloc();
  return hash;
}

// What `state` becomes with `message` behind it; `state` stays as it is.
std::array<unsigned char, 32> hash_from(const Hash& state, std::string_view message) {
  std::array<unsigned char, 32> digest{};
  const Hash hash = new_hash();
  if (EVP_MD_CTX_copy_ex(hash.get(), state.get()) != 1 ||
      EVP_DigestUpdate(hash.get(), message.data(), message.size()) != 1 ||
      EVP_DigestFinal_ex(hash.get(), digest.data(), nullptr) != 1) {
    throw std::bad_alloc();
  }
  return digest;
}

}  // namespace

std::string percent_encoded(std::string_view text, bool keep_slash) {
  std::string out;
  append_encoded(out, text, keep_slash);
  return out;
}

SignedUrl split_url(std::string_view url) {
  SignedUrl parts;
  std::string_view own_port;
  if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) {
    const std::string name = lower(url.substr(0, scheme));
    own_port = name == "https" ? ":443" : name == "http" ? ":80" : "";
    url.remove_prefix(scheme + 3);
  }
  url = url.substr(0, url.find('#'));
  const std::size_t host_end = std::min(url.find_first_of("/?"), url.size());
  std::string_view host = url.substr(0, host_end);
  if (!own_port.empty() && host.ends_with(own_port)) host.remove_suffix(own_port.size());
  parts.host = host;
  url.remove_prefix(host_end);
  const std::size_t mark = std::min(url.find('?'), url.size());
  if (mark > 0) parts.path = url.substr(0, mark);
  if (mark < url.size()) parts.query = url.substr(mark + 1);
  return parts;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, sha256(), nullptr) != 1) throw std::bad_alloc();
  return hex(digest.data(), digest.size());
}

std::array<unsigned char, 32> hmac_sha256(std::string_view key, std::string_view message) {
  std::array<unsigned char, 32> code{};
  if (HMAC(sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
           message.size(), code.data(), nullptr) == nullptr) {
    throw std::bad_alloc();
  }
  return code;
}

std::string canonical_request(const SigningInput& input) {
  std::string names;
  return canonical_request(input, names);
}

std::string string_to_sign(std::string_view timestamp, std::string_view scope, std::string_view canonical_request) {
  std::string out = "AWS4-HMAC-SHA256\n";
  out.append(timestamp).append("\n").append(scope).append("\n").append(sha256_hex(canonical_request));
  return out;
}

struct Signer::Key {
  AwsCredentials credentials;
  std::string date, scope;
  Hash inner, outer;
};

Signer::Signer(std::string region, std::string service) : region_(std::move(region)), service_(std::move(service)) {}
Signer::~Signer() = default;

std::shared_ptr<const Signer::Key> Signer::key_for(const AwsCredentials& credentials, std::string_view date) {
  const std::lock_guard lock(mutex_);
  if (key_ && key_->date == date && key_->credentials.access_key_id == credentials.access_key_id &&
      key_->credentials.secret_access_key == credentials.secret_access_key) {
    return key_;
  }
  std::array<unsigned char, 32> derived = hmac_sha256("AWS4" + credentials.secret_access_key, date);
  for (const std::string_view part :
       {std::string_view(region_), std::string_view(service_), std::string_view("aws4_request")}) {
    derived = hmac_sha256(view(derived), part);
  }
  auto key = std::make_shared<Key>();
  key->credentials = credentials;
  key->date = date;
  key->scope = std::string(date).append("/").append(region_).append("/").append(service_).append("/aws4_request");
  key->inner = keyed_hash(derived, 0x36);
  key->outer = keyed_hash(derived, 0x5c);
  OPENSSL_cleanse(derived.data(), derived.size());
  key_ = std::move(key);
  return key_;
}

std::string Signer::authorization(const AwsCredentials& credentials, std::string_view timestamp,
                                  const SigningInput& input) {
  const std::shared_ptr<const Key> key = key_for(credentials, timestamp.substr(0, 8));
  std::string names;
  const std::string text = string_to_sign(timestamp, key->scope, canonical_request(input, names));
  const auto signature = hash_from(key->outer, view(hash_from(key->inner, text)));

  std::string out = "AWS4-HMAC-SHA256 Credential=";
  out.reserve(320);
  out.append(credentials.access_key_id).append("/").append(key->scope);
  out.append(", SignedHeaders=").append(names);
  out.append(", Signature=").append(hex(signature.data(), signature.size()));
  return out;
}

}  // namespace bulk
