// What PostgreSQL and libpq say to people, fit for one line of ours. Pure.
#pragma once

#include <string>
#include <string_view>

namespace bulk {

// Without libpq's indented guesses ("Is the server running?") and places in PostgreSQL's source; line breaks become
// "; ".
std::string one_line(std::string_view text);

// Of a message in libpq's verbose form, "FATAL:  3D000: database ... does not exist": the last SQLSTATE and what stands
// behind it; empty where the server has said nothing. The only way to learn why a connection was refused in a form that
// does not depend on the server's language.
struct ServerSaid {
  std::string sqlstate, message;
};
ServerSaid server_said(std::string_view text);

}  // namespace bulk
