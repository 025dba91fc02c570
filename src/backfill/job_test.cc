#include "src/backfill/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/error.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::Pair;

std::string error_of(const std::string& text) {
  try {
    parse_job(text, "m/j.toml", "/m");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.line();
  }
  return "no error";
}

// Of a job whose second line is this one.
std::string line_error(const std::string& line) {
  return error_of("name = 'j'\n" + line + "\n");
}

TEST(JobFile, SaysWhatToDoWithExpressions) {
  const BackfillJob job = parse_job(R"(
    name = "20250125-add.location_2"
    description = "why"
    table = "main"
    when = "attribute_exists(address) AND #l <> :x"
    update = "SET #l = address"
    marker = "migrated_by"
    [names]
    "#l" = "location"
    [values]
    ":x" = { M = { "a\"b" = { L = [{ N = "1" }, { BOOL = true }, { NULL = true }, { SS = ["x", "y"] }] } } }
  )",
                                    "m/j.toml", "/m");
  EXPECT_EQ(job.path, "m/j.toml");
  EXPECT_EQ(job.directory, "/m");
  EXPECT_EQ(job.name, "20250125-add.location_2");
  EXPECT_EQ(job.description, "why");
  EXPECT_EQ(job.table, "main");
  EXPECT_EQ(job.when, "attribute_exists(address) AND #l <> :x");
  EXPECT_EQ(job.update, "SET #l = address");
  EXPECT_EQ(job.marker, "migrated_by");
  EXPECT_FALSE(job.is_program());
  EXPECT_THAT(job.placeholders.names, ElementsAre(Pair("#l", "location")));
  EXPECT_THAT(
      job.placeholders.values,
      ElementsAre(Pair(":x", R"({"M":{"a\"b":{"L":[{"N":"1"},{"BOOL":true},{"NULL":true},{"SS":["x","y"]}]}}})")));
}

TEST(JobFile, SaysWhatToDoInSteps) {
  const BackfillJob job = parse_job(R"(
    name = "j"
    steps = [
      { rename = ["a", "b"] },
      { copy = ["c", "d"] },
      { set = ["e", { S = "" }] },
      { remove = "f" },
    ]
  )",
                                    "j.toml", "/m");
  ASSERT_EQ(job.steps.size(), 4u);
  EXPECT_EQ(job.steps[0].kind, JobStep::Kind::rename);
  EXPECT_EQ(job.steps[0].name, "a");
  EXPECT_EQ(job.steps[0].to, "b");
  EXPECT_EQ(job.steps[1].kind, JobStep::Kind::copy);
  EXPECT_EQ(job.steps[2].kind, JobStep::Kind::set);
  EXPECT_EQ(job.steps[2].value, R"({"S":""})");
  EXPECT_EQ(job.steps[3].kind, JobStep::Kind::remove);
  EXPECT_EQ(job.steps[3].name, "f");
}

TEST(JobFile, NamesAProgramOrAModuleOfItsFolder) {
  const BackfillJob filter = parse_job("name = 'j'\nfilter = ['jq', '-c', '.']", "j.toml", "/m");
  EXPECT_THAT(filter.filter, ElementsAre("jq", "-c", "."));
  EXPECT_TRUE(filter.is_program());
  EXPECT_EQ(parse_job("name = 'j'\nmodule = './x.mjs'", "j.toml", "/m").module, "/m/x.mjs");
  EXPECT_EQ(parse_job("name = 'j'\nmodule = '../x.mjs'", "j.toml", "/m/n").module, "/m/x.mjs");
  EXPECT_EQ(parse_job("name = 'j'\nmodule = '/o/x.mjs'", "j.toml", "/m").module, "/o/x.mjs");
}

TEST(JobFile, SaysWhatIsWrongAndInWhichLine) {
  const std::string two = "m/j.toml, line 2: ";
  EXPECT_EQ(line_error("update = "),
            two + "Error while parsing key-value pair: expected value, saw '\\n'; correct the file");
  EXPECT_EQ(line_error("updat = 'REMOVE a'"),
            two +
                "unknown key updat; known are name, description, table, when, update, steps, filter, module, "
                "depends, marker, [names] and [values]");
  EXPECT_EQ(line_error("description = 1"), two + "description has to be a text; write it in quotes");
  for (const char* key : {"table", "when", "update", "module", "marker"}) {
    const std::string problem = " has to be a text that is not empty; write it in quotes";
    EXPECT_EQ(line_error(std::string(key) + " = 1"), two + key + problem);
    EXPECT_EQ(line_error(std::string(key) + " = ''"), two + key + problem);
  }
  EXPECT_EQ(error_of("\n\nname = ''"), "m/j.toml, line 3: name has to be a text that is not empty; write it in quotes");
}

TEST(JobFile, SaysWhatIsWrongWithSteps) {
  const std::string two = "m/j.toml, line 2: ";
  for (const char* steps : {"steps = 'remove a'", "steps = []", "[steps]"}) {
    EXPECT_EQ(line_error(steps),
              two + R"(steps has to be a list of steps; write steps = [ { rename = ["old", "new"] } ])");
  }
  for (const char* step : {"'remove a'", "{}", "{ remove = 'a', copy = ['b', 'c'] }"}) {
    EXPECT_EQ(error_of("name = 'j'\nsteps = [\n  { remove = 'a' },\n  " + std::string(step) + ",\n]"),
              R"(m/j.toml, line 4: a step is one of rename, copy, set and remove; write { rename = ["old", "new"] })");
  }
  EXPECT_EQ(line_error("steps = [{ delete = 'a' }]"),
            two + "unknown step delete; known are rename, copy, set and remove");
  EXPECT_EQ(line_error("steps = [{ remove = ['a'] }]"),
            two + "remove has to be a text that is not empty; write it in quotes");
  for (const char* names : {"['a']", "['a', 'b', 'c']", "['a', 'a']"}) {
    EXPECT_EQ(line_error("steps = [{ rename = " + std::string(names) + " }]"),
              two + R"(rename wants two names; write { rename = ["from", "to"] })");
  }
  EXPECT_EQ(line_error("steps = [{ copy = 'a' }]"), two + R"(copy has to be a list of texts; write ["from", "to"])");
  EXPECT_EQ(line_error("steps = [{ copy = ['a', 1] }]"),
            two + "copy has to be a text that is not empty; write it in quotes");
  for (const char* pair : {"'a'", "['a']", "['a', { S = 'x' }, 1]"}) {
    EXPECT_EQ(line_error("steps = [{ set = " + std::string(pair) + " }]"),
              two + R"(set wants a name and a value; write { set = ["name", { S = "x" }] })");
  }
  EXPECT_EQ(line_error("steps = [{ set = ['a', 'x'] }]"),
            two +
                "set has to be a value with its type; write { S = \"text\" }, { N = \"1\" }, { BOOL = true }, { NULL "
                "= true }, { L = [] } or { M = {} }");
}

TEST(JobFile, SaysWhatIsWrongWithAProgram) {
  const std::string wanted =
      R"(m/j.toml, line 2: filter has to be a list of texts; write filter = ["node", "migrate.mjs"])";
  EXPECT_EQ(line_error("filter = 'jq -c .'"), wanted);
  EXPECT_EQ(line_error("filter = []"), wanted);
  EXPECT_EQ(line_error("filter = ['jq', '']"),
            "m/j.toml, line 2: filter has to be a text that is not empty; write it in quotes");
}

TEST(JobFile, SaysWhatAProgramDependsOn) {
  const std::string job = "name = 'j'\nfilter = ['jq']\n";
  EXPECT_FALSE(parse_job(job, "j.toml", "/").depends.has_value());
  EXPECT_THAT(*parse_job(job + "depends = []", "j.toml", "/").depends, ElementsAre());
  EXPECT_THAT(*parse_job(job + "depends = ['a', 'b']", "j.toml", "/").depends, ElementsAre("a", "b"));
  EXPECT_EQ(line_error("depends = 'a'"),
            R"(m/j.toml, line 2: depends has to be a list of texts; write depends = ["address"])");
  EXPECT_EQ(line_error("depends = ['a']\nupdate = 'REMOVE a'"),
            "m/j.toml: depends is for filter and module; leave it out: expressions and steps say themselves what they "
            "read");
}

TEST(JobFile, SaysWhatIsWrongWithPlaceholders) {
  EXPECT_EQ(line_error("names = 'l'"), "m/j.toml, line 2: names has to be a table; write [names]");
  EXPECT_EQ(line_error("values = []"), "m/j.toml, line 2: values has to be a table; write [values]");
  const std::string three = "m/j.toml, line 3: ";
  for (const char* name : {"l", "#", ":l"}) {
    EXPECT_EQ(line_error("[names]\n'" + std::string(name) + "' = 'location'"),
              three + name + R"( cannot stand for a name; write "#l" = "location")");
  }
  EXPECT_EQ(line_error("[names]\n'#l' = ''"), three + "#l has to be a text that is not empty; write it in quotes");
  for (const char* name : {"one", ":", "#one"}) {
    EXPECT_EQ(line_error("[values]\n'" + std::string(name) + "' = { N = '1' }"),
              three + name + R"( cannot stand for a value; write ":one" = { N = "1" })");
  }
  EXPECT_EQ(line_error("[values]\n':one' = '1'"),
            three +
                ":one has to be a value with its type; write { S = \"text\" }, { N = \"1\" }, { BOOL = true }, { "
                "NULL = true }, { L = [] } or { M = {} }");
  EXPECT_EQ(line_error("[values]\n':one' = { N = 1 }"),
            three +
                "a value holds what is neither text, list, table nor true or false; write numbers as { N = \"1\" "
                "}");
  EXPECT_EQ(line_error("[values]\n':one' = { N = 'x' }"),
            three +
                ":one is no attribute value: The parameter cannot be converted to a numeric value: x; write a number "
                "as { N = \"1\" }, with quotes");
  EXPECT_EQ(line_error("[values]\n':one' = { SS = [] }"),
            three + ":one is no attribute value: a set is empty; write a number as { N = \"1\" }, with quotes");
}

TEST(JobFile, WantsOneNameAndOneWay) {
  EXPECT_EQ(error_of("update = 'REMOVE a'"), R"(m/j.toml: it has no name; write name = "20250125-add-metadata")");
  for (const std::string& name : {std::string("a/b"), std::string(".hidden"), std::string("-rf"), std::string("a b"),
                                  std::string("é"), std::string(101, 'x')}) {
    EXPECT_EQ(error_of("name = '" + name + "'\nupdate = 'REMOVE a'"),
              "m/j.toml: \"" + name +
                  "\" cannot be the name of a job; use up to 100 letters, digits, '.', '_' and "
                  "'-'");
  }
  EXPECT_EQ(parse_job("name = '" + std::string(100, 'x') + "'\nupdate = 'REMOVE a'", "j", "/").name.size(), 100u);
  EXPECT_EQ(line_error("when = 'a = b'"),
            "m/j.toml: it does not say what to do; give exactly one of update, steps, filter and module");
  EXPECT_EQ(line_error("update = 'REMOVE a'\nsteps = [{ remove = 'b' }]"),
            "m/j.toml: it says what to do in more than one way; give exactly one of update, steps, filter and module");
}

TEST(JobFile, ChecksItsExpressions) {
  EXPECT_EQ(line_error("when = 'a ='\nupdate = 'REMOVE a'"),
            "m/j.toml: when: condition, character 4: Syntax error; token: \"<EOF>\", near: \"=\"; correct the "
            "condition `a =`");
  EXPECT_EQ(line_error("update = 'SET a'"),
            "m/j.toml: update: update expression, character 6: Syntax error; token: \"<EOF>\", near: \"a\"; correct "
            "the update expression `SET a`");
  EXPECT_EQ(line_error("when = '#l = b'\nupdate = 'REMOVE a'"),
            "m/j.toml: when: condition, character 1: An expression attribute name used in the document path is not "
            "defined; attribute name: #l; define it among the names");
  EXPECT_EQ(line_error("update = 'REMOVE a'\n[names]\n'#l' = 'location'"),
            "m/j.toml: #l is defined and not used; remove it, or correct the expression");
  EXPECT_EQ(line_error("update = 'REMOVE a'\n[values]\n':x' = { S = 'x' }"),
            "m/j.toml: :x is defined and not used; remove it, or correct the expression");
}

// ---- files ----------------------------------------------------------------------------------------------------------

class JobOnDisk : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = dir_.file(name);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return path;
  }
  std::string checksum(const std::string& path) { return read_job(path).checksum; }

  const test::TempDir dir_;
};

TEST_F(JobOnDisk, HasTheChecksumOfItsText) {
  const std::string text = "name = 'j'\nupdate = 'REMOVE a'\n";
  const std::string path = write("m/j.toml", text);
  const BackfillJob job = read_job(path);
  EXPECT_EQ(job.directory, dir_.file("m"));
  EXPECT_EQ(job.checksum.size(), 64u);
  EXPECT_EQ(job.checksum, parse_job(text, "elsewhere", "/").checksum);
  write("m/j.toml", text + "# a remark\n");
  EXPECT_NE(checksum(path), job.checksum);
}

TEST_F(JobOnDisk, HasTheChecksumOfItsModuleToo) {
  const std::string path = write("m/j.toml", "name = 'j'\nmodule = 'x.mjs'\n");
  write("m/x.mjs", "1");
  const std::string before = checksum(path);
  EXPECT_EQ(checksum(path), before);
  write("m/x.mjs", "2");
  const std::string after = checksum(path);
  EXPECT_NE(after, before);
  const fs::path here = fs::current_path();
  fs::current_path(dir_.file("m"));
  EXPECT_EQ(checksum("j.toml"), after) << "however the file is named";
  EXPECT_EQ(checksum("./j.toml"), after);
  EXPECT_EQ(checksum("../m/j.toml"), after);
  fs::current_path(here);
}

TEST_F(JobOnDisk, HasTheChecksumOfThoseOfItsProgramsFilesThatLieInItsFolder) {
  write("m/migrate.mjs", "1");
  write("m/lib/data.json", "1");
  write("outside.mjs", "1");
  const std::string path =
      write("m/j.toml", "name = 'j'\nfilter = ['node', 'migrate.mjs', 'lib/data.json', '../outside.mjs', '--x']\n");
  std::string before = checksum(path);
  for (const char* file : {"m/migrate.mjs", "m/lib/data.json"}) {
    write(file, "2");
    EXPECT_NE(checksum(path), before) << file;
    before = checksum(path);
  }
  write("outside.mjs", "2");
  write("m/other.mjs", "2");
  EXPECT_EQ(checksum(path), before);
}

TEST_F(JobOnDisk, SaysWhatIsMissing) {
  const auto error = [](const std::string& path, ErrorKind kind) {
    try {
      read_job(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.line();
    }
    return std::string("no error");
  };
  EXPECT_EQ(error(dir_.file("j.toml"), ErrorKind::not_found),
            "no job file '" + dir_.file("j.toml") + "'; bulk backfill create NAME writes one");
  const std::string path = write("j.toml", "name = 'j'\nmodule = 'x.mjs'\n");
  EXPECT_EQ(error(path, ErrorKind::usage), path + ": there is no module '" + dir_.file("x.mjs") + "'; correct module");
}

TEST_F(JobOnDisk, IsWrittenToBeReadAtOnce) {
  const std::string path = write("20250125-move.toml", new_job_text("20250125-move"));
  const BackfillJob job = read_job(path);
  EXPECT_EQ(job.name, "20250125-move");
  EXPECT_EQ(job.table, "main");
  EXPECT_EQ(job.update, "SET #l = address REMOVE address");
  EXPECT_THAT(job.placeholders.names, ElementsAre(Pair("#l", "location")));
}

// What stands there as a remark works too when somebody takes the mark away.
TEST_F(JobOnDisk, ShowsEveryWayInRemarksThatHold) {
  std::string text = new_job_text("x");
  const auto replace = [&text](const std::string& what, const std::string& with) {
    const std::size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    text.replace(at, what.size(), with);
  };
  replace("\nupdate = ", "\n# update = ");
  for (const char* line : {"steps = [\n", "  { rename", "  { copy", "  { set", "  { remove", "]\n"}) {
    replace(std::string("# ") + line, line);
  }
  EXPECT_EQ(read_job(write("x.toml", text)).steps.size(), 4u);
  replace("# marker = ", "marker = ");
  EXPECT_EQ(read_job(write("x.toml", text)).marker, "migrated_by");
}

TEST_F(JobOnDisk, IsNotWrittenForAnImpossibleName) {
  try {
    new_job_text("../x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(error.line(), "\"../x\" cannot be the name of a job; use up to 100 letters, digits, '.', '_' and '-'");
  }
}

}  // namespace
}  // namespace bulk
