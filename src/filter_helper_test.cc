#include "tests/support/filter_helper_fixture.h"

namespace bulk {
namespace {

using testing::ElementsAre;

TEST_F(FilterHelper, GivesPlainValuesAndTakesThemBack) {
  EXPECT_EQ(changed(R"(item.seen = [item.s, item.n + 1, item.yes === true, item.nothing === null, item.list[1].a,
                         item.bytes instanceof Uint8Array && item.bytes.length, item.words.has('b'), item.numbers.has(2),
                         [...item.blobs][0][0]])",
                    R"("s":{"S":"é"},"n":{"N":"1.0"},"yes":{"BOOL":true},"nothing":{"NULL":true},)"
                    R"("list":{"L":[{"N":"1"},{"M":{"a":{"S":"b"}}}]},"bytes":{"B":"AAEC"},"words":{"SS":["b","a"]},)"
                    R"("numbers":{"NS":["2.0","1"]},"blobs":{"BS":["Bw=="]})"),
            R"("s":{"S":"é"},"n":{"N":"1.0"},"yes":{"BOOL":true},"nothing":{"NULL":true},)"
            R"("list":{"L":[{"N":"1"},{"M":{"a":{"S":"b"}}}]},"bytes":{"B":"AAEC"},"words":{"SS":["b","a"]},)"
            R"("numbers":{"NS":["2.0","1"]},"blobs":{"BS":["Bw=="]},)"
            R"("seen":{"L":[{"S":"é"},{"N":"2"},{"BOOL":true},{"BOOL":true},{"S":"b"},{"N":"3"},{"BOOL":true},)"
            R"({"BOOL":true},{"N":"7"}]})");
}

TEST_F(FilterHelper, KeepsNumbersExact) {
  EXPECT_EQ(
      changed("item.kinds = [item.a, item.b, item.c, item.d, item.e, item.f].map((n) => n?.constructor?.name);"
              "item.copies = [item.a, item.b, item.c, item.d, item.e, item.f]",
              R"("a":{"N":"11E-4"},"b":{"N":"9007199254740993"},"c":{"N":"0.12345678901234567890123456789012345678"},)"
              R"("d":{"N":"1E+120"},"e":{"N":"12345678901234567890.5"},"f":{"N":"1234567890123456789E+3"})"),
      R"("a":{"N":"11E-4"},"b":{"N":"9007199254740993"},"c":{"N":"0.12345678901234567890123456789012345678"},)"
      R"("d":{"N":"1E+120"},"e":{"N":"12345678901234567890.5"},"f":{"N":"1234567890123456789E+3"},)"
      R"("kinds":{"L":[{"S":"Number"},{"S":"BigInt"},{"S":"Decimal"},{"S":"Number"},{"S":"Decimal"},{"S":"BigInt"}]},)"
      R"("copies":{"L":[{"N":"0.0011"},{"N":"9007199254740993"},{"N":"0.12345678901234567890123456789012345678"},)"
      R"({"N":"1e+120"},{"N":"12345678901234567890.5"},{"N":"1234567890123456789000"}]})");
}

TEST_F(FilterHelper, HasDecimalsThatCompareCountAndCopy) {
  EXPECT_EQ(changed("const d = item.d; item.is = [d > 1, d * 2, `${d}`, JSON.stringify({ d }), new Decimal('1.50'),"
                    "structuredClone(d)]; try { new Decimal('1,5') } catch (e) { item.e = e.message }",
                    R"("d":{"N":"1.1234567890123456789"})"),
            R"("d":{"N":"1.1234567890123456789"},"is":{"L":[{"BOOL":true},{"N":"2.2469135780246914"},)"
            R"({"S":"1.1234567890123456789"},{"S":"{\"d\":\"1.1234567890123456789\"}"},{"N":"1.50"},)"
            R"({"N":"1.1234567890123456789"}]},"e":{"S":"Decimal: \"1,5\" is not a number"})");
}

TEST_F(FilterHelper, KnowsDecimalsThatWereClonedAndMoved) {
  EXPECT_EQ(
      changed("item = structuredClone(item); item.moved = item.d; delete item.d; item.set = new Set([item.moved])",
              R"("d":{"N":"1.1234567890123456789"})"),
      R"("moved":{"N":"1.1234567890123456789"},"set":{"NS":["1.1234567890123456789"]})");
}

TEST_F(FilterHelper, WritesUntouchedValuesAsTheyWere) {
  const std::string attributes =
      R"("n":{"N":"1.0"},"m":{"M":{"x":{"N":"+01.50"},"y":{"L":[{"N":"1e2"}]}}},"ns":{"NS":["3.0","1","2E0"]},)"
      R"("ss":{"SS":["b","a"]},"bs":{"BS":["Bw==","AA=="]},"b":{"B":""},"big":{"N":"1234567890123456789012"},)"
      R"("d":{"N":"0.12345678901234567890"})";
  const std::string line = R"({"Item":{ )" + attributes + R"(,"e":{"S":"\u00e9\/"}}})";
  for (const char* transform :
       {"item", "({ ...item })", "structuredClone(item)",
        "({ ...item, ss: new Set(['a', 'b']), ns: new Set([1, 2, 3n]), n: 1n, m: { ...item.m } })"}) {
    module(std::string("export const transform = (item) => ") + transform);
    EXPECT_THAT(run({line}), ElementsAre(line)) << transform;
  }
  EXPECT_EQ(changed("item = structuredClone(item); item.new = 1", attributes), attributes + R"(,"new":{"N":"1"})");
  EXPECT_EQ(changed("item.m.x = 2; item.ns.add(4); item.ss.delete('b'); item.bs = new Set([...item.bs].slice(1)); "
                    "item.b = new Uint8Array([1, 2, 3, 4]).subarray(1, 3); item.big += 1n; delete item.d",
                    attributes),
            R"("n":{"N":"1.0"},"m":{"M":{"x":{"N":"2"},"y":{"L":[{"N":"1e2"}]}}},"ns":{"NS":["3.0","1","2E0","4"]},)"
            R"("ss":{"SS":["a"]},"bs":{"BS":["AA=="]},"b":{"B":"AgM="},"big":{"N":"1234567890123456789013"})");
}

TEST_F(FilterHelper, SeesChangesOfType) {
  EXPECT_EQ(
      changed(
          "item.a = 1; item.b = '1'; item.c = null; item.d = [1]; item.e = { 0: 1 }; item.f = new Set(['x'])",
          R"("a":{"S":"1"},"b":{"N":"1"},"c":{"BOOL":false},"d":{"NS":["1"]},"e":{"L":[{"N":"1"}]},"f":{"L":[{"S":"x"}]})"),
      R"("a":{"N":"1"},"b":{"S":"1"},"c":{"NULL":true},"d":{"L":[{"N":"1"}]},"e":{"M":{"0":{"N":"1"}}},"f":{"SS":["x"]})");
}

TEST_F(FilterHelper, IsNotConfusedByNamesOfAttributes) {
  const std::string attributes =
      R"("__proto__":{"M":{"__proto__":{"S":"a"}}},"constructor":{"S":"b"},"toString":{"S":"c"},"then":{"S":"d"},)"
      R"("hasOwnProperty":{"N":"1.0"},"toJSON":{"BOOL":true},"":{"S":"e"})";
  EXPECT_EQ(changed("item = { ...item, new: true }", attributes), attributes + R"(,"new":{"BOOL":true})");
  EXPECT_EQ(
      changed("item['__proto__']['__proto__'] = 'z'", R"("__proto__":{"M":{"__proto__":{"S":"a"},"b":{"S":"c"}}})"),
      R"("__proto__":{"M":{"__proto__":{"S":"z"},"b":{"S":"c"}}})");
  EXPECT_EQ(changed("item.m = Object.assign(Object.create(null), { valueOf: 1 })", R"("a":{"S":"b"})"),
            R"("a":{"S":"b"},"m":{"M":{"valueOf":{"N":"1"}}})");
}

TEST_F(FilterHelper, LeavesOutWhatIsUndefined) {
  EXPECT_EQ(changed("item.a = undefined; item.m.x = undefined; item.new = undefined",
                    R"("a":{"S":"1"},"m":{"M":{"x":{"S":"2"}}},"b":{"N":"1"})"),
            R"("m":{"M":{}},"b":{"N":"1"})");
}

TEST_F(FilterHelper, RefusesWhatCannotBeStored) {
  EXPECT_EQ(error_of_value("NaN"), "attribute 'bad' is NaN, which cannot be stored");
  EXPECT_EQ(error_of_value("{ deep: [1, { x: -Infinity }] }"),
            "attribute 'bad.deep.1.x' is -Infinity, which cannot be stored");
  EXPECT_EQ(error_of_value("new Set()"), "attribute 'bad' is an empty Set; leave it out instead");
  EXPECT_EQ(error_of_value("new Set([1, 'a'])"), "attribute 'bad' is a Set of more than one type");
  EXPECT_EQ(error_of_value("new Set([null])"),
            "attribute 'bad' is a Set with null in it; strings, numbers and Uint8Arrays are possible");
  EXPECT_EQ(error_of_value("new Date(0)"),
            "attribute 'bad' is a Date, which cannot be stored; store a text or a number instead");
  EXPECT_EQ(
      error_of_value("new Map()"),
      "attribute 'bad' is a Map, which cannot be stored; plain objects, arrays, Sets and Uint8Arrays are possible");
  EXPECT_EQ(error_of_value("new Int16Array(2)"),
            "attribute 'bad' is a Int16Array, which cannot be stored; plain objects, arrays, Sets and Uint8Arrays are "
            "possible");
  EXPECT_EQ(error_of_value("new String('007')"),
            "attribute 'bad' is a String, which cannot be stored; store a plain string, or a Decimal for a number");
  EXPECT_EQ(error_of_value("() => 1"), "attribute 'bad' is a function, which cannot be stored");
  EXPECT_EQ(error_of_value("Symbol('s')"), "attribute 'bad' is a symbol, which cannot be stored");
  EXPECT_EQ(error_of_value("[1, undefined]"),
            "attribute 'bad.1' is undefined, and a list has no place without a value");
  EXPECT_EQ(error_of_value("(() => { const a = {}; a.a = a; return a; })()"),
            "attribute 'bad.a.a' is nested deeper than 32 levels, or contains itself");
}

TEST_F(FilterHelper, TakesModulesOfAnyShape) {
  const std::vector<std::string> line{R"({"Item":{"pk":{"S":"a"}}})"};
  const auto expected = ElementsAre(R"({"Item":{"pk":{"S":"a"},"x":{"N":"1"}}})");
  const std::string transform = "transform: (item) => ({ ...item, x: 1 })";
  module("export default { " + transform + " }");
  EXPECT_THAT(run(line), expected);
  module("export const migration = { " + transform + " }");
  EXPECT_THAT(run(line), expected);
  module("export default { migration: { name: 'x', " + transform + " } }");
  EXPECT_THAT(run(line), expected);
  module("module.exports = { " + transform + " }", "m.cjs");
  EXPECT_THAT(run(line), expected);
  module("exports.migration = { " + transform + " }", "m.cjs");
  EXPECT_THAT(run(line), expected);
  module("Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { " + transform + " }",
         "m.js");
  EXPECT_THAT(run(line), expected);
  module("export default class { static x = 1; static transform(item) { return { ...item, x: this.x }; } }");
  EXPECT_THAT(run(line), expected) << "and functions see the object they belong to";
}

TEST_F(FilterHelper, WaitsForModulesThatAreAsynchronous) {
  module(
      "import { setTimeout as wait } from 'node:timers/promises';"
      "export const shouldMigrate = async (item) => { await wait(1); return item.n !== 2; };"
      "export const transform = async (item) => { await wait(3 - item.n); return { ...item, x: 1 }; };");
  EXPECT_THAT(run({R"({"Item":{"n":{"N":"1"}}})", R"({"Item":{"n":{"N":"2"}}})", R"({"Item":{"n":{"N":"3"}}})"}),
              ElementsAre(R"({"Item":{"n":{"N":"1"},"x":{"N":"1"}}})", R"({"Item":{"n":{"N":"2"}}})",
                          R"({"Item":{"n":{"N":"3"},"x":{"N":"1"}}})"));
}

TEST_F(FilterHelper, SendsWhatASlowModuleHasAnsweredSoFar) {
  // The third item is not answered before the answers to the others have been seen.
  module(
      "import { existsSync } from 'node:fs'; import { setTimeout as wait } from 'node:timers/promises';"
      "export const transform = async (item) => {"
      "  if (item.n === 2) await wait(150);"
      "  while (item.n === 3 && !existsSync('seen')) await wait(5);"
      "  return item; };");
  const FilterCommand command = module_command(name_, folder_.path().string(), ModuleMode::transform);
  ChildProcess child(command.name, command.arguments, command.directory);
  const std::string first = "{\"Item\":{\"n\":{\"N\":\"1\"}}}\n{\"Item\":{\"n\":{\"N\":\"2\"}}}\n";
  const std::string third = "{\"Item\":{\"n\":{\"N\":\"3\"}}}\n";
  const std::string all = first + third;
  ASSERT_EQ(::write(child.input(), all.data(), all.size()), static_cast<ssize_t>(all.size()));
  const auto read_to = [&](std::size_t size) {
    std::string text;
    while (text.size() < size) {
      pollfd output{child.output(), POLLIN, 0};
      char bytes[256];
      if (::poll(&output, 1, 30'000) != 1) break;
      const ssize_t got = ::read(child.output(), bytes, sizeof bytes);
      if (got <= 0) break;
      text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
  };
  EXPECT_EQ(read_to(first.size()), first);
  std::ofstream(folder_.path() / "seen") << "";
  EXPECT_EQ(read_to(third.size()), third);
}

TEST_F(FilterHelper, RollsBack) {
  module(
      "export const shouldMigrate = (item) => !item.b && item.a;"
      "export const transform = ({ a, ...item }) => ({ ...item, b: a });"
      "export const rollback = ({ b, ...item }) => ({ ...item, a: b });");
  const std::string before = R"({"Item":{"pk":{"S":"k"},"a":{"S":"x"}}})";
  const std::string after = R"({"Item":{"pk":{"S":"k"},"b":{"S":"x"}}})";
  EXPECT_THAT(run({before, after}), ElementsAre(after, after));
  EXPECT_THAT(run({after}, ModuleMode::rollback), ElementsAre(before));
}

TEST_F(FilterHelper, SaysWhatIsWrongWithAModule) {
  const std::vector<std::string> line{R"({"Item":{"pk":{"S":"a"}}})"};
  const std::string ended = "module m.mjs ended with exit status 1 after 0 of 1 lines, saying: ";
  module("export const up = 1");
  EXPECT_EQ(error(line), ended + "m.mjs exports no function transform(item)" + kByHand);
  module("export const transform = (item) => item");
  EXPECT_EQ(error(line, ModuleMode::rollback), ended + "m.mjs exports no function rollback(item)" + kByHand);
  module("export const transform = (item) => {");
  EXPECT_EQ(error(line), ended + "cannot load m.mjs: SyntaxError: Unexpected end of input" + kByHand);
  module("import 'node:fs';\nthrow new Error('no\\nway');");
  EXPECT_EQ(error(line), ended + "cannot load m.mjs: Error: no way (" +
                             (std::filesystem::canonical(folder_.path()) / "m.mjs").string() + ":2:7)" + kByHand);
  name_ = "absent.mjs";
  EXPECT_THAT(error(line),
              StartsWith("module absent.mjs ended with exit status 1 after 0 of 1 lines, saying: cannot load "
                         "absent.mjs: Error"));
}

TEST_F(FilterHelper, SaysWhereAModuleFails) {
  const std::vector<std::string> lines{R"({"Item":{"pk":{"S":"a"},"sk":{"N":"1"},"x":{"S":"y"}}})",
                                       R"({"Item":{"pk":{"S":"b"},"sk":{"N":"2"}}})"};
  const std::string failed =
      "module m.mjs ended with exit status 1 after 0 of 2 lines, saying: transform of m.mjs failed for the item "
      R"({"pk":{"S":"b"},"sk":{"N":"2"}}: )";
  module("export const transform = (item) => {\n  item.x = item.x.trim();\n  return item;\n}");
  EXPECT_EQ(error(lines), failed + "TypeError: Cannot read properties of undefined (reading 'trim') (" +
                              (std::filesystem::canonical(folder_.path()) / "m.mjs").string() + ":2:19)" + kByHand);
  module("export const transform = async (item) => { if (!item.x) throw 'no x'; return item; }");
  EXPECT_EQ(error(lines), failed + "threw no x" + kByHand);
  module("export const transform = (item) => { if (item.x) return item; }");
  EXPECT_EQ(error(lines), failed + "transform returned undefined instead of an item" + kByHand);
  module("export const transform = (item) => item.x ? item : [item]");
  EXPECT_EQ(error(lines), failed + "transform returned a list instead of an item" + kByHand);
  EXPECT_THAT(error({R"({"Key":1})"}),
              HasSubstr(R"(transform of m.mjs failed for the line {"Key":1}: it has no Item)"));
  module("setTimeout(() => { throw new Error('later') }); export const transform = () => new Promise(() => {})");
  EXPECT_THAT(error(lines), HasSubstr("Error: later"));
}

TEST_F(FilterHelper, KeepsWhatTheModulePrintsOutOfTheAnswers) {
  module(
      "export const transform = (item) => { console.log('log', item.a); process.stdout.write('raw\\n'); return item; "
      "}");
  EXPECT_THAT(run({R"({"Item":{"a":{"S":"b"}}})"}), ElementsAre(R"({"Item":{"a":{"S":"b"}}})"));
  EXPECT_EQ(said_, "log b\nraw\n");
}

TEST_F(FilterHelper, EndsThoughTheModuleHoldsSomethingOpen) {
  module("setInterval(() => {}, 1000); export const transform = (item) => item");
  EXPECT_THAT(run({R"({"Item":{"a":{"S":"b"}}})"}), ElementsAre(R"({"Item":{"a":{"S":"b"}}})"));
}

TEST_F(FilterHelper, TakesManyAndLongLines) {
  module("export const transform = (item) => ({ ...item, x: 1 })");
  std::vector<std::string> lines;
  std::vector<std::string> expected;
  for (int i = 0; i < 5'000; ++i) {
    // Text of several bytes a character, cut anywhere between two reads.
    std::string text;
    for (int j = 0; j < i % 100; ++j) text += "é素👍";
    if (i == 2'500) text = std::string(1'000'000, 'z');
    lines.push_back(R"({"Item":{"a":{"S":")" + text + R"("}}})");
    expected.push_back(R"({"Item":{"a":{"S":")" + text + R"("},"x":{"N":"1"}}})");
  }
  EXPECT_EQ(run(lines), expected);
}

}  // namespace
}  // namespace bulk
