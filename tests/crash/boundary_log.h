// What the shim wrote down of a run: every call at which the outside world changed, in order (see shim.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bulk::test {

struct Boundary {
  unsigned long number = 0;  // from 1; 0 when its kind was not numbered
  std::string kind;          // create write truncate sync rename link unlink mkdir send output
  bool acted = false;        // something was done to it
  long result = 0;           // of the call; -1 also when the process was killed before it
  int error = 0;             // errno
  ino_t inode = 0;           // of the file or folder that was made, written, cut or synced
  off_t offset = 0;          // of a write; the length of a truncate
  std::string data;          // what was written to a file
  std::string path, other;   // `other`: the second name of rename and link

  // "write x.jsonl.zst.partial", for messages and for sorting boundaries into groups.
  std::string text() const;
};

// The records of `path`; none when there is no such file. A last record that is cut short is left out.
std::vector<Boundary> read_boundaries(const std::string& path);

// The one to which something was done first; nullptr when nothing was.
const Boundary* acted_on(const std::vector<Boundary>& boundaries);

}  // namespace bulk::test
