#include "backends/postgres/url.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>

#include "codecs/json_text.h"
#include "io/error.h"
#include "io/sigv4.h"

namespace bulk {
namespace {

constexpr std::string_view kScheme = "postgresql://";
constexpr std::string_view kShortScheme = "postgres://";
constexpr const char* kForm =
    "the form is postgresql://[user@][host][:port][/database][?parameter=value][#[schema.]table]";
constexpr const char* kFragmentForm =
    "the form is #table or #schema.table; a name with a dot or a double quote stands in double quotes, \"\" for a "
    "quote, "
    "%XX for a byte";

// Never with the URL in it: it may hold a password.
[[noreturn]] void refuse(const std::string& what, const char* next = kForm) {
  throw Error(ErrorKind::usage, "postgresql URL: " + what, next);
}

struct FreeOptions {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
struct FreeText {
  void operator()(char* text) const noexcept { PQfreemem(text); }
};

// What libpq says about a URL it does not understand quotes parts of it, which may be a password: only the name of a
// parameter it does not know is let through.
std::string said_by_libpq(std::string_view message) {
  while (message.ends_with('\n')) message.remove_suffix(1);
  if (!message.starts_with("invalid URI query parameter:")) message = message.substr(0, message.find(": \""));
  return std::string(message);
}

bool is_secret(const std::string& keyword) {
  return keyword == "password" || keyword == "sslpassword";
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) refuse("'%' without two hex digits behind '#'", kFragmentForm);
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (out.find('\0') != std::string::npos || !valid_utf8(out)) {
    refuse("what stands behind '#' is no UTF-8 text", kFragmentForm);
  }
  return out;
}

// Takes one name off the front of `text`.
std::string take_name(std::string_view& text) {
  std::string name;
  if (text.starts_with('"')) {
    std::size_t at = 1;
    for (;; ++at) {
      if (at >= text.size()) refuse("a double quote behind '#' is not closed", kFragmentForm);
      if (text[at] != '"') {
        name += text[at];
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        name += text[at++];
      } else {
        break;
      }
    }
    text.remove_prefix(at + 1);
  } else {
    name = text.substr(0, text.find('.'));
    text.remove_prefix(name.size());
    if (name.find('"') != std::string::npos) {
      refuse("a double quote inside a name behind '#'", kFragmentForm);
    }
  }
  if (name.empty()) refuse("no table is named behind '#'", kFragmentForm);
  return name;
}

PgName parse_fragment(std::string_view fragment) {
  const std::string decoded = percent_decoded(fragment);
  std::string_view rest = decoded;
  PgName name;
  name.name = take_name(rest);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    name.schema = std::move(name.name);
    name.name = take_name(rest);
  }
  if (!rest.empty()) refuse("more than a schema and a table stand behind '#'", kFragmentForm);
  return name;
}

// As itself in the part of a URL between user and path.
bool is_plain_host(const std::string& host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
           c == '_';
  });
}

bool is_ipv6(const std::string& host) {
  return host.find(':') != std::string::npos && host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos;
}

// Quoted as SQL quotes names, so that a quote inside is doubled.
std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote) out += c;
  }
  return out += quote;
}

}  // namespace

bool is_postgres_url(std::string_view endpoint) {
  return endpoint.starts_with(kScheme) || endpoint.starts_with(kShortScheme);
}

PgUrl parse_postgres_url(std::string_view endpoint) {
  const std::size_t mark = endpoint.find('#');
  const std::string base(endpoint.substr(0, mark));
  if (!is_postgres_url(base) || base.find('\0') != std::string::npos) refuse("not a postgresql URL");
  char* problem = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(base.c_str(), &problem));
  const std::unique_ptr<char, FreeText> free_problem(problem);
  if (!options) refuse(problem != nullptr ? said_by_libpq(problem) : "out of memory");

  PgUrl url;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (is_secret(option->keyword) || *option->dispchar == '*') {
      refuse(std::string("it holds a ") + option->keyword + ", and everybody on this machine can read a command line",
             "put the password into PGPASSWORD, ~/.pgpass or a service file");
    }
    if (!valid_utf8(option->val)) refuse(std::string("'") + option->keyword + "' is no UTF-8 text");
    url.parameters.emplace_back(option->keyword, option->val);
    // user:password without @host looks like host:port.
    if (url.parameters.back().first == "port" &&
        url.parameters.back().second.find_first_not_of("0123456789,") != std::string::npos) {
      refuse("the port is no number");
    }
  }
  if (mark != std::string_view::npos) url.table = parse_fragment(endpoint.substr(mark + 1));
  return url;
}

std::string format_postgres_url(const PgUrl& url) {
  const auto value = [&](std::string_view keyword) {
    for (const auto& [name, text] : url.parameters) {
      if (name == keyword) return text;
    }
    return std::string();
  };
  const std::string user = value("user");
  const std::string host = value("host");
  const std::string port = value("port");
  const std::string database = value("dbname");
  // Lists of hosts and folders of sockets are legible as parameters alone.
  const bool authority = host.empty() || is_plain_host(host) || is_ipv6(host);
  const bool port_there = authority && port.find(',') == std::string::npos;
  std::string text(kScheme);
  if (!user.empty()) text += percent_encoded(user) + "@";
  if (authority) text += is_ipv6(host) ? "[" + host + "]" : host;
  if (port_there && !port.empty()) text += ":" + port;
  if (!database.empty()) text += "/" + percent_encoded(database);
  char separator = '?';
  for (const auto& [keyword, given] : url.parameters) {
    const bool stands_before =
        !given.empty() && (keyword == "user" || keyword == "dbname" || (keyword == "host" && authority) ||
                           (keyword == "port" && port_there));
    if (stands_before || is_secret(keyword)) continue;
    if (separator == '?' && database.empty()) text += '/';
    text += separator + keyword + "=" + percent_encoded(given, true);
    separator = '&';
  }
  if (url.table) text += "#" + format_pg_fragment(*url.table);
  return text;
}

std::string format_pg_fragment(const PgName& table) {
  const auto spelled = [](const std::string& name) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    const bool plain = name.find_first_of(".\"") == std::string::npos;
    std::string out;
    for (const char c : plain ? name : quoted(name, '"')) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte > ' ' && byte != 0x7f && c != '%' && c != '#') {
        out += c;
      } else {
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
      }
    }
    return out;
  };
  return table.schema.empty() ? spelled(table.name) : spelled(table.schema) + "." + spelled(table.name);
}

std::string pg_identifier(std::string_view name) {
  return quoted(name, '"');
}

std::string pg_identifier(const PgName& name) {
  return name.schema.empty() ? pg_identifier(name.name) : pg_identifier(name.schema) + "." + pg_identifier(name.name);
}

std::string pg_literal(std::string_view text) {
  return quoted(text, '\'');
}

}  // namespace bulk
