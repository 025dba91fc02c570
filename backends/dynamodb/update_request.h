// The UpdateItem that a change stands for: what it touches is set and removed, on condition that the item is there and
// that what it touches, and what it was computed from, still has the values that were read. Names and values are
// spliced as the change spells them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "codecs/change.h"
#include "io/buffer.h"

namespace bulk {

// Appends the request's body; the texts are JSON. Empty: done; else why one request cannot say it.
std::string append_update_request(Buffer& body, std::string_view table_json, std::string_view partition_name_json,
                                  const Change& change);

}  // namespace bulk
