// A certificate of the server's own for 127.0.0.1 and localhost, made at its start and forgotten at its end.
#pragma once

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace bulk::bench {

struct FreeTlsContext {
  void operator()(ssl_ctx_st* context) const;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, FreeTlsContext>;

// Writes the certificate as PEM to `path`, for AWS_CA_BUNDLE and the like. Throws std::runtime_error.
TlsContext make_tls_context(const std::string& path);

}  // namespace bulk::bench
