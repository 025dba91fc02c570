// The one mapping from a kind of error to the exit status that scripts rely on. Pure.
#pragma once

#include "io/error.h"

namespace bulk {

constexpr int exit_status(ErrorKind kind, int signal) {
  switch (kind) {
    case ErrorKind::failed:
      return 1;
    case ErrorKind::usage:
      return 2;
    case ErrorKind::rejected:
      return 3;
    case ErrorKind::corrupt:
      return 4;
    case ErrorKind::remote:
      return 5;
    case ErrorKind::not_found:
      return 10;
    case ErrorKind::locked:
      return 11;
    case ErrorKind::wrong_key:
      return 12;
    case ErrorKind::refused:
      return 13;
    case ErrorKind::interrupted:
      return 128 + signal;
  }
  return 1;
}

// The kind as the JSON summary names it.
constexpr const char* kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::failed:
      return "failed";
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::rejected:
      return "rejected";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::remote:
      return "remote";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::locked:
      return "locked";
    case ErrorKind::wrong_key:
      return "wrong_key";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::interrupted:
      return "interrupted";
  }
  return "failed";
}

inline int exit_status(const Error& error) {
  return exit_status(error.kind(), error.signal());
}

}  // namespace bulk
