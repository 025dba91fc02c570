// Is this base64 in the one spelling that DynamoDB takes: standard alphabet, padded, unused bits zero? Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace bulk {

// `decoded_bytes` is set when it is.
bool is_canonical_base64(std::string_view text, std::size_t& decoded_bytes);

}  // namespace bulk
