#include "src/backfill/job.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "codecs/attribute_value.h"
#include "codecs/zstd_frame.h"
#include "io/error.h"
#include "io/file.h"
#include "src/backfill/job_check.h"
#include "src/backfill/job_name.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxJobBytes = 1u << 20;
constexpr std::size_t kMaxProgramBytes = 64u << 20;

void append_json_text(std::string& out, std::string_view text) {
  append_value(out, AttributeValue::string(std::string(text)));
}

class JobReader {
 public:
  JobReader(const std::string& path, const std::string& directory, JobUse use) : use_(use) {
    job_.path = path;
    job_.directory = directory;
  }

  BackfillJob read(const toml::table& file) {
    for (const auto& [key, value] : file) {
      if (key == "name") {
        job_.name = text(value, "name");
      } else if (key == "description") {
        job_.description = any_text(value, "description");
      } else if (key == "table") {
        job_.table = text(value, "table");
      } else if (use_ == JobUse::name_alone) {
        continue;
      } else if (key == "when") {
        job_.when = text(value, "when");
      } else if (key == "update") {
        job_.update = text(value, "update");
      } else if (key == "steps") {
        steps(value);
      } else if (key == "filter") {
        filter(value);
      } else if (key == "module") {
        const fs::path module = text(value, "module");
        job_.module = (fs::path(job_.directory) / module).lexically_normal().string();
      } else if (key == "depends") {
        depends(value);
      } else if (key == "marker") {
        job_.marker = text(value, "marker");
      } else if (key == "names") {
        names(value);
      } else if (key == "values") {
        values(value);
      } else {
        fail(line_of(key.source()), fmt::format("unknown key {}", key.str()),
             "known are name, description, table, when, update, steps, filter, module, depends, marker, [names] and "
             "[values]");
      }
    }
    check();
    return std::move(job_);
  }

  [[noreturn]] void fail(unsigned line, const std::string& what, const std::string& next) const {
    throw Error(ErrorKind::usage, fmt::format("{}, line {}: {}", job_.path, line, what), next);
  }

 private:
  static unsigned line_of(const toml::source_region& region) { return region.begin.line; }

  [[noreturn]] void fail(const std::string& what, const std::string& next) const {
    throw Error(ErrorKind::usage, fmt::format("{}: {}", job_.path, what), next);
  }

  std::string any_text(const toml::node& node, const std::string& where) const {
    const toml::value<std::string>* value = node.as_string();
    if (value == nullptr) fail(line_of(node.source()), where + " has to be a text", "write it in quotes");
    return value->get();
  }

  std::string text(const toml::node& node, const std::string& where) const {
    const toml::value<std::string>* value = node.as_string();
    if (value == nullptr || value->get().empty()) {
      fail(line_of(node.source()), where + " has to be a text that is not empty", "write it in quotes");
    }
    return value->get();
  }

  std::vector<std::string> texts(const toml::node& node, const std::string& where, const char* example) const {
    const toml::array* all = node.as_array();
    if (all == nullptr || all->empty()) {
      fail(line_of(node.source()), where + " has to be a list of texts", fmt::format("write {}", example));
    }
    std::vector<std::string> found;
    for (const toml::node& one : *all) found.push_back(text(one, where));
    return found;
  }

  void steps(const toml::node& node) {
    const toml::array* all = node.as_array();
    if (all == nullptr || all->empty()) {
      fail(line_of(node.source()), "steps has to be a list of steps",
           R"(write steps = [ { rename = ["old", "new"] } ])");
    }
    for (const toml::node& one : *all) {
      const toml::table* step = one.as_table();
      if (step == nullptr || step->size() != 1) {
        fail(line_of(one.source()), "a step is one of rename, copy, set and remove",
             R"(write { rename = ["old", "new"] })");
      }
      for (const auto& [key, value] : *step) job_.steps.push_back(this->step(std::string(key.str()), value));
    }
  }

  JobStep step(const std::string& kind, const toml::node& value) const {
    if (kind == "remove") return {JobStep::Kind::remove, text(value, "remove"), {}, {}};
    if (kind == "set") {
      const toml::array* pair = value.as_array();
      if (pair == nullptr || pair->size() != 2) {
        fail(line_of(value.source()), "set wants a name and a value",
             use_ == JobUse::rows ? R"(write { set = ["name", "x"] })" : R"(write { set = ["name", { S = "x" }] })");
      }
      if (use_ == JobUse::rows) return {JobStep::Kind::set, text((*pair)[0], "set"), {}, plain_value((*pair)[1])};
      return {JobStep::Kind::set, text((*pair)[0], "set"), {}, attribute_value((*pair)[1], "set")};
    }
    if (kind != "rename" && kind != "copy") {
      fail(line_of(value.source()), fmt::format("unknown step {}", kind), "known are rename, copy, set and remove");
    }
    const std::vector<std::string> names = texts(value, kind, R"(["from", "to"])");
    if (names.size() != 2 || names[0] == names[1]) {
      fail(line_of(value.source()), kind + " wants two names", fmt::format(R"(write {{ {} = ["from", "to"] }})", kind));
    }
    return {kind == "copy" ? JobStep::Kind::copy : JobStep::Kind::rename, names[0], names[1], {}};
  }

  void depends(const toml::node& node) {
    const toml::array* const names = node.as_array();
    job_.depends.emplace();
    if (names == nullptr || !names->empty()) job_.depends = texts(node, "depends", R"(depends = ["address"])");
  }

  void filter(const toml::node& node) { job_.filter = texts(node, "filter", R"(filter = ["node", "migrate.mjs"])"); }

  const toml::table& table_of(const toml::node& node, const char* where) const {
    const toml::table* members = node.as_table();
    if (members == nullptr) {
      fail(line_of(node.source()), fmt::format("{} has to be a table", where), fmt::format("write [{}]", where));
    }
    return *members;
  }

  void names(const toml::node& node) {
    for (const auto& [key, value] : table_of(node, "names")) {
      const std::string name(key.str());
      if (!name.starts_with('#') || name.size() < 2) {
        fail(line_of(key.source()), fmt::format("{} cannot stand for a name", name), R"(write "#l" = "location")");
      }
      job_.placeholders.names[name] = text(value, name);
    }
  }

  void values(const toml::node& node) {
    for (const auto& [key, value] : table_of(node, "values")) {
      const std::string name(key.str());
      if (!name.starts_with(':') || name.size() < 2) {
        fail(line_of(key.source()), fmt::format("{} cannot stand for a value", name), R"(write ":one" = { N = "1" })");
      }
      job_.placeholders.values[name] = attribute_value(value, name);
    }
  }

  // Of a column: a text, number, true or false.
  std::string plain_value(const toml::node& node) const {
    if (const auto* one = node.as_string()) return one->get();
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
    if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
    fail(line_of(node.source()), "a column is set to a text, a number, true or false",
         R"(write { set = ["name", "x"] }; anything else is a text as PostgreSQL reads it)");
  }

  // TOML as DynamoDB JSON: { N = "1" }.
  std::string attribute_value(const toml::node& node, const std::string& where) const {
    std::string json;
    if (node.as_table() == nullptr) {
      fail(line_of(node.source()), where + " has to be a value with its type",
           R"(write { S = "text" }, { N = "1" }, { BOOL = true }, { NULL = true }, { L = [] } or { M = {} })");
    }
    append_toml(json, node);
    AttributeValue value;
    std::string problem;
    if (!parse_value(json, value, problem)) {
      fail(line_of(node.source()), fmt::format("{} is no attribute value: {}", where, problem),
           "write a number as { N = \"1\" }, with quotes");
    }
    return json;
  }

  void append_toml(std::string& out, const toml::node& node) const {
    if (const auto* one = node.as_string()) {
      std::string value;
      append_json_text(value, one->get());  // {"S":"..."}
      out += std::string_view(value).substr(5, value.size() - 6);
    } else if (const auto* flag = node.as_boolean()) {
      out += flag->get() ? "true" : "false";
    } else if (const toml::array* list = node.as_array()) {
      out += '[';
      for (const toml::node& element : *list) {
        if (&element != &list->front()) out += ',';
        append_toml(out, element);
      }
      out += ']';
    } else if (const toml::table* members = node.as_table()) {
      out += '{';
      bool first = true;
      for (const auto& [key, value] : *members) {
        if (!first) out += ',';
        first = false;
        std::string name;
        append_json_text(name, key.str());
        out += std::string_view(name).substr(5, name.size() - 6);
        out += ':';
        append_toml(out, value);
      }
      out += '}';
    } else {
      fail(line_of(node.source()), "a value holds what is neither text, list, table nor true or false",
           "write numbers as { N = \"1\" }");
    }
  }

  void check() {
    if (job_.name.empty()) fail("it has no name", "write name = \"20250125-add-metadata\"");
    if (!is_job_name(job_.name)) fail(fmt::format("\"{}\" cannot be the name of a job", job_.name), kJobNameRule);
    if (use_ == JobUse::name_alone) return;
    const int ways = (job_.update.empty() ? 0 : 1) + (job_.steps.empty() ? 0 : 1) + (job_.filter.empty() ? 0 : 1) +
                     (job_.module.empty() ? 0 : 1);
    if (ways != 1) {
      fail(ways == 0 ? "it does not say what to do" : "it says what to do in more than one way",
           "give exactly one of update, steps, filter and module");
    }
    if (job_.depends && !job_.is_program()) {
      fail("depends is for filter and module", "leave it out: expressions and steps say themselves what they read");
    }
    use_ == JobUse::rows ? check_job_sql(job_) : check_job_expressions(job_);
  }

  const JobUse use_;
  BackfillJob job_;
};

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

// Names and contents of the files, each with its length, so that no two sets of files have the same text.
std::string checksum_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string all;
  for (const auto& [name, content] : files) {
    all += fmt::format("{} {}\n{}", name, content.size(), content);
  }
  const Sha256 sum = sha256(all);
  return hex({reinterpret_cast<const char*>(sum.data()), sum.size()});
}

}  // namespace

BackfillJob parse_job(std::string_view text, const std::string& path, const std::string& directory, JobUse use) {
  JobReader reader(path, directory, use);
  try {
    BackfillJob job = reader.read(toml::parse(text, path));
    job.text = text;
    job.checksum = checksum_of({{"job", std::string(text)}});
    return job;
  } catch (const toml::parse_error& error) {
    reader.fail(error.source().begin.line, std::string(error.description()), "correct the file");
  }
}

BackfillJob read_job(const std::string& path, JobUse use) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw Error(ErrorKind::not_found, "no job file '" + path + "'", "bulk backfill create NAME writes one");
  }
  const std::string text = read_text_file(path, kMaxJobBytes);
  const fs::path folder = fs::absolute(path).parent_path();
  BackfillJob job = parse_job(text, path, folder.string(), use);
  if (use == JobUse::name_alone) return job;
  std::vector<std::pair<std::string, std::string>> files{{"job", text}};
  std::vector<std::string> programs = job.filter;
  if (!job.module.empty()) {
    if (!fs::is_regular_file(job.module, ignored)) {
      throw Error(ErrorKind::usage, path + ": there is no module '" + job.module + "'", "correct module");
    }
    programs.push_back(job.module);
  }
  for (const std::string& program : programs) {
    const fs::path file = folder / program;
    if (!fs::is_regular_file(file, ignored) || fs::file_size(file, ignored) > kMaxProgramBytes) continue;
    const fs::path within = fs::absolute(file).lexically_relative(folder);
    if (within.empty() || *within.begin() == "..") continue;
    files.emplace_back(within.string(), read_text_file(file.string(), kMaxProgramBytes));
  }
  job.checksum = checksum_of(files);
  return job;
}

}  // namespace bulk
