#include "src/backfill/preview.h"

#include <gtest/gtest.h>

#include "src/pipeline.h"
#include "tests/support/scripted.h"

namespace bulk {
namespace {

TEST(ChangeAsText, ShowsWhatWasAndWhatBecomes) {
  const std::string line =
      R"({"Key":{"pk":{"S":"a"}},"Before":{"a":{"S":"x"},"n":{"N":"1"}},"After":{"n":{"N":"2"},"b":{"S":"x"}}})";
  EXPECT_EQ(change_as_text(line, false), R"({"pk":{"S":"a"}}
  - "a": {"S":"x"}
  - "n": {"N":"1"}
  + "n": {"N":"2"}
  + "b": {"S":"x"}
)");
  EXPECT_EQ(change_as_text(line, true),
            "{\"pk\":{\"S\":\"a\"}}\n"
            "\x1b[31m  - \"a\": {\"S\":\"x\"}\x1b[0m\n"
            "\x1b[31m  - \"n\": {\"N\":\"1\"}\x1b[0m\n"
            "\x1b[32m  + \"n\": {\"N\":\"2\"}\x1b[0m\n"
            "\x1b[32m  + \"b\": {\"S\":\"x\"}\x1b[0m\n");
}

TEST(ChangeAsText, CutsLongValuesBetweenCharacters) {
  std::string value(393, 'x');
  for (int i = 0; i < 20; ++i) value += "é";
  const std::string text =
      change_as_text(R"({"Key":{"pk":{"S":"a"}},"Before":{},"After":{"a":{"S":")" + value + R"("}}})", false);
  // 6 bytes of {"S":" and 393 of x: the next character would end at 401.
  EXPECT_EQ(text, "{\"pk\":{\"S\":\"a\"}}\n  + \"a\": {\"S\":\"" + value.substr(0, 393) + "...\n");
}

TEST(ChangeAsText, IsFitForATerminal) {
  EXPECT_EQ(
      change_as_text("{\"Key\":{\"pk\":{\"S\":\"\x7f\"}},\"Before\":{},\"After\":{\"a\xc2\x9b\":{\"S\":\"\xc2\x9b\"}}}",
                     false),
      "{\"pk\":{\"S\":\"?\"}}\n  + \"a?\": {\"S\":\"?\"}\n");
}

TEST(PreviewSink, AddsUpAndKeepsTheFirstFew) {
  test::ScriptedSource source;
  source.segments.resize(2);
  for (int i = 0; i < 300; ++i) {
    source.segments[static_cast<std::size_t>(i % 2)].push_back(test::item_line("k" + std::to_string(i), "v"));
  }
  test::ScriptedSink real;
  real.units_per_record = 1.5;
  Preview preview;
  const auto sink = make_preview_sink(real, preview, 3);
  test::PipelineRun run;
  EXPECT_EQ(run(source, *sink).all().written.records, 300u);
  EXPECT_EQ(preview.changes, 300u);
  EXPECT_EQ(preview.units, 450);
  EXPECT_EQ(preview.samples.size(), 3u);
  for (const std::string& sample : preview.samples) EXPECT_TRUE(sample.starts_with("{\"Item\":")) << sample;
}

}  // namespace
}  // namespace bulk
