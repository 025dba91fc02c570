// What would be on a disk after a power failure: a model of a folder that is fed with what a program did to it (the
// shim's records) and keeps apart what was made durable.
//
// As strict as POSIX allows: fsync() of a file makes its content durable but not its name; names, new, changed or
// removed, become durable by fsync() of their folder. Content that an fsync() which failed should have saved is lost,
// whatever a later one says (Linux marks such pages clean); names go through the file system's log and are saved by the
// next one that succeeds. What was there at the beginning is durable. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/crash/boundary_log.h"

namespace bulk::test {

class DurableDisk {
 public:
  // The folder as it is, which must hold nothing but folders and regular files.
  explicit DurableDisk(std::filesystem::path root);

  void replay(const std::vector<Boundary>& boundaries);

  // Makes the folder on the real disk what the power failure left: without a seed nothing of what was not synced (the
  // worst case), with one each such change is kept or dropped, and a write also torn, as a seeded coin falls. Files
  // that are right already are not touched.
  void install(std::optional<std::uint64_t> seed = {}) const;

 private:
  struct Node;
  using NodePointer = std::shared_ptr<Node>;
  struct Change {  // of a file: bytes at an offset, or a new length
    std::uint64_t offset = 0;
    std::string data;
    bool cuts = false;
  };
  using NameChange = std::vector<std::pair<std::string, NodePointer>>;  // null: the name is gone
  struct Node {
    bool folder = false;
    std::string content;                       // durable
    std::vector<Change> pending;               // since the last sync
    std::map<std::string, NodePointer> names;  // durable
    std::map<std::string, NodePointer> seen;   // as the program sees them
    std::vector<NameChange> pending_names;
  };
  struct Coin;

  NodePointer snapshot(const std::filesystem::path& path);
  void apply(const Boundary& boundary);
  Node& folder_of(const std::string& path) const;
  NodePointer find(const std::string& path) const;
  void change_names(const std::string& folder_of_path, NameChange change) const;
  static void apply(const NameChange& change, std::map<std::string, NodePointer>& names);
  static void apply(const Change& change, std::string& content);
  static void install(const Node& node, const std::filesystem::path& path, Coin& coin);

  std::filesystem::path root_;
  std::map<ino_t, NodePointer> by_inode_;
  NodePointer tree_;  // after by_inode_, which is filled with it
};

}  // namespace bulk::test
