#include "tests/crash/durable_disk.h"

#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <set>
#include <stdexcept>

#include "tests/support/shared.h"

namespace bulk::test {
namespace fs = std::filesystem;

struct DurableDisk::Coin {
  std::optional<std::mt19937_64> random;
  // 0: dropped, 1: kept, 2: torn.
  unsigned throw_it() { return random ? static_cast<unsigned>((*random)() % 5) % 3 : 0; }
};

DurableDisk::DurableDisk(fs::path root) : root_(std::move(root)), tree_(snapshot(root_)) {}

DurableDisk::NodePointer DurableDisk::snapshot(const fs::path& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) throw std::runtime_error("cannot look at " + path.string());
  auto node = std::make_shared<Node>();
  by_inode_[status.st_ino] = node;
  node->folder = S_ISDIR(status.st_mode);
  if (!node->folder) {
    node->content = read_file(path);
    return node;
  }
  for (const auto& entry : fs::directory_iterator(path)) {
    node->names[entry.path().filename().string()] = snapshot(entry.path());
  }
  node->seen = node->names;
  return node;
}

void DurableDisk::replay(const std::vector<Boundary>& boundaries) {
  for (const Boundary& boundary : boundaries) {
    if (boundary.result >= 0 || boundary.kind == "sync") apply(boundary);
  }
}

DurableDisk::NodePointer DurableDisk::find(const std::string& path) const {
  NodePointer node = tree_;
  for (const fs::path& name : fs::path(path).lexically_relative(root_)) {
    if (name == ".") continue;
    const auto found = node->seen.find(name.string());
    if (found == node->seen.end()) throw std::runtime_error("the model has no " + path);
    node = found->second;
  }
  return node;
}

DurableDisk::Node& DurableDisk::folder_of(const std::string& path) const {
  return *find(fs::path(path).parent_path().string());
}

void DurableDisk::change_names(const std::string& folder_of_path, NameChange change) const {
  Node& folder = folder_of(folder_of_path);
  apply(change, folder.seen);
  folder.pending_names.push_back(std::move(change));
}

void DurableDisk::apply(const Boundary& boundary) {
  const std::string& kind = boundary.kind;
  const auto name = [](const std::string& path) { return fs::path(path).filename().string(); };
  if (kind == "create" || kind == "mkdir") {
    auto node = std::make_shared<Node>();
    node->folder = kind == "mkdir";
    by_inode_[boundary.inode] = node;
    change_names(boundary.path, {{name(boundary.path), node}});
  } else if (kind == "write" || kind == "truncate") {
    by_inode_.at(boundary.inode)
        ->pending.push_back({static_cast<std::uint64_t>(boundary.offset), boundary.data, kind == "truncate"});
  } else if (kind == "sync") {
    Node& node = *by_inode_.at(boundary.inode);
    if (boundary.result < 0 && (boundary.error == 0 || boundary.error == EINTR)) return;  // it did not come to it
    if (boundary.result == 0) {
      for (const Change& change : node.pending) apply(change, node.content);
      for (const NameChange& change : node.pending_names) apply(change, node.names);
      node.pending_names.clear();
    }
    node.pending.clear();
  } else if (kind == "rename") {
    const NodePointer node = find(boundary.path);
    if (fs::path(boundary.path).parent_path() == fs::path(boundary.other).parent_path()) {
      change_names(boundary.path, {{name(boundary.path), nullptr}, {name(boundary.other), node}});
    } else {
      change_names(boundary.path, {{name(boundary.path), nullptr}});
      change_names(boundary.other, {{name(boundary.other), node}});
    }
  } else if (kind == "link") {
    change_names(boundary.other, {{name(boundary.other), find(boundary.path)}});
  } else if (kind == "unlink") {
    change_names(boundary.path, {{name(boundary.path), nullptr}});
  }
}

void DurableDisk::apply(const NameChange& change, std::map<std::string, NodePointer>& names) {
  for (const auto& [name, node] : change) {
    if (node) {
      names[name] = node;
    } else {
      names.erase(name);
    }
  }
}

void DurableDisk::apply(const Change& change, std::string& content) {
  const std::size_t end = change.offset + change.data.size();
  if (change.cuts || content.size() < end) content.resize(end);
  content.replace(change.offset, change.data.size(), change.data);
}

void DurableDisk::install(std::optional<std::uint64_t> seed) const {
  Coin coin;
  if (seed) coin.random.emplace(*seed);
  install(*tree_, root_, coin);
}

void DurableDisk::install(const Node& node, const fs::path& path, Coin& coin) {
  if (!node.folder) {
    std::string content = node.content;
    for (Change change : node.pending) {
      const unsigned fate = coin.throw_it();
      if (fate == 2) change.data.resize(change.data.size() / 2);
      if (fate != 0) apply(change, content);
    }
    if (fs::is_regular_file(path) && read_file(path) == content) return;
    fs::remove_all(path);
    std::ofstream out(path, std::ios::binary);
    out << content;
    if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return;
  }
  std::map<std::string, NodePointer> names = node.names;
  for (const NameChange& change : node.pending_names) {
    if (coin.throw_it() != 0) apply(change, names);
  }
  if (!fs::is_directory(path)) {
    fs::remove_all(path);
    fs::create_directory(path);
    fs::permissions(path, fs::perms::owner_all);
  }
  std::set<fs::path> others;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (!names.contains(entry.path().filename().string())) others.insert(entry.path());
  }
  for (const fs::path& other : others) fs::remove_all(other);
  for (const auto& [name, target] : names) install(*target, path / name, coin);
}

}  // namespace bulk::test
