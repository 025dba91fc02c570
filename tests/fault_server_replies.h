// The fault-injecting server on the wire: the errors that it makes up, and everything that can go wrong with a reply on
// its way. Pure functions of their arguments and the dice.
#pragma once

#include <cstdint>
#include <string>

#include "tests/fault_server_faults.h"
#include "tests/support/tiny_http_server.h"

namespace bulk::test {

// The connection ends without a byte, in order or by a reset.
TinyHttpServer::Reply dropped(Dice& dice, FaultKind kind);
TinyHttpServer::Reply throttling_error(const Faults& faults, const std::string& operation, Dice& dice);
// A front end's error, or a proxy's.
TinyHttpServer::Reply unavailable(Dice& dice);

// The reply as it leaves: sealed with its checksum, and spoilt where the dice say so. `flawless` becomes false when the
// client cannot take it for good.
TinyHttpServer::Reply damaged(TinyHttpServer::Reply reply, const Faults& faults, Dice& dice, bool& flawless);

// Who signed the request; empty: nobody.
std::string access_key(const TinyHttpServer::Request& request);
// What the service says of a request signed at another time (x-amz-date) than its own; empty: nothing.
std::string skew_problem(const std::string& signed_at, std::int64_t now_s);
std::string http_date(std::int64_t seconds);

}  // namespace bulk::test
