#include "corpus/clean.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/text.h"
#include "tests/corpus/odd_text.h"

namespace lathe::corpus {
namespace {

std::string cleaned(std::string_view text, const CleanSettings& settings = {}) {
  CleanScratch scratch;
  CleanCounts counts;
  return std::string(clean(text, settings, scratch, counts).text);
}

CleanSettings nothing() {
  CleanSettings off;
  off.unicode_form = "none";
  for (bool* step :
       {&off.repair_encoding, &off.remove_control_characters, &off.normalise_line_ends, &off.collapse_blanks,
        &off.collapse_blank_lines, &off.remove_code_blocks, &off.remove_inline_code, &off.remove_urls,
        &off.remove_citations})
    *step = false;
  return off;
}

// L-2.10
TEST(Clean, DoesAllItsStepsTogether) {
  EXPECT_EQ(cleaned("\uFEFFIt\u00E2\u20AC\u2122s  here:\r\n\r\n\r\n\r\n(https://a.org/x)\x01 see "
                    "www.b.org.\r\n```\ncode\n```\nend  \n"),
            "It\u2019s here:\n\n see .\nend");
}

// L-2.10
TEST(Clean, EveryStepHasItsSwitch) {
  struct Case {
    bool CleanSettings::*on;
    std::string before, after;
  };
  const Case cases[] = {
      {&CleanSettings::repair_encoding, "caf\u00C3\u00A9", "caf\u00E9"},
      {&CleanSettings::remove_control_characters,
       "a\x01"
       "b\u0081c\uFEFF",
       "abc"},
      {&CleanSettings::normalise_line_ends, "a\r\nb\rc\u2028d", "a\nb\nc\nd"},
      {&CleanSettings::collapse_blanks, "a  b \nc", "a b\nc"},
      {&CleanSettings::collapse_blank_lines, "a\n\n\n\nb", "a\n\nb"},
      {&CleanSettings::remove_code_blocks, "a\n```\nx\n```\nb", "a\nb"},
      {&CleanSettings::remove_inline_code, "a `x` b", "a  b"},
      {&CleanSettings::remove_urls, "a http://x.y b", "a  b"},
      {&CleanSettings::remove_citations, "a[12] b[edit]c [citation needed] d[[3]] e[x] f[4", "a bc  d e[x] f[4"},
  };
  for (const Case& c : cases) {
    CleanSettings settings = nothing();
    EXPECT_EQ(cleaned(c.before, settings), c.before);
    settings.*c.on = true;
    EXPECT_EQ(cleaned(c.before, settings), c.after);
  }
}

// L-2.11
TEST(Clean, NormalisesToNfcUnlessToldNotTo) {
  EXPECT_EQ(cleaned("cafe\u0301"), "caf\u00E9");
  CleanSettings settings;
  settings.unicode_form = "none";
  EXPECT_EQ(cleaned("cafe\u0301", settings), "cafe\u0301");
}

// L-2.12
TEST(TrapT5, InvalidUtf8IsReplacedOrTheDocumentDroppedAndCountedEitherWay) {
  const std::string text = "good \xC3( bad \xED\xA0\x80.";
  CleanScratch scratch;
  CleanCounts counts;
  CleanSettings settings;
  Cleaned result = clean(text, settings, scratch, counts);
  EXPECT_FALSE(result.dropped);
  EXPECT_EQ(result.text, "good \uFFFD( bad \uFFFD\uFFFD\uFFFD.");
  EXPECT_EQ(counts.invalid_utf8, 1);
  EXPECT_EQ(counts.dropped_invalid, 0);
  settings.invalid_utf8 = "drop";
  result = clean(text, settings, scratch, counts);
  EXPECT_TRUE(result.dropped);
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(counts.invalid_utf8, 2);
  EXPECT_EQ(counts.dropped_invalid, 1);
  EXPECT_FALSE(clean("fine", settings, scratch, counts).dropped);
  EXPECT_EQ(counts.invalid_utf8, 2);
}

// L-2.13
TEST(Clean, KeepsLineEndsWithinTheDocument) { EXPECT_EQ(cleaned("one\ntwo\n\nthree"), "one\ntwo\n\nthree"); }

// L-2.12, L-2.14
TEST(Clean, IsIdempotentOnRandomTextWithAnySettings) {
  CleanScratch scratch;
  CleanCounts counts;
  for (uint64_t i = 0; i < 30000; ++i) {
    Rng rng(7, "clean", i);
    CleanSettings settings;
    if (i % 3 != 0) {
      for (bool* step : {&settings.repair_encoding, &settings.remove_control_characters, &settings.normalise_line_ends,
                         &settings.collapse_blanks, &settings.collapse_blank_lines, &settings.remove_code_blocks,
                         &settings.remove_inline_code, &settings.remove_urls, &settings.remove_citations})
        *step = rng.chance(0.6);
      settings.unicode_form = rng.chance(0.7) ? "nfc" : "none";
    }
    const std::string text = testing::odd_text(rng, 40, i % 2 == 0);
    const std::string once(clean(text, settings, scratch, counts).text);
    ASSERT_EQ(first_invalid_utf8(once), -1) << i;
    ASSERT_EQ(cleaned(text, settings), once) << i;  // pure: other scratch, other history
    const Cleaned twice = clean(once, settings, scratch, counts);
    ASSERT_EQ(twice.text, once) << i << " " << Json(text).dump();
    ASSERT_FALSE(twice.dropped);
  }
  EXPECT_LT(counts.dropped_unsettled, 10);
}

// L-2.14
TEST(Clean, ATextThatNeverSettlesIsDroppedNotChewedForever) {
  // Each removal brings the two halves of the next address together.
  const auto nested = [](int depth) {
    std::string text = "http://a";
    for (int i = 0; i < depth; ++i) text = "http:(" + text + ")//a";
    return text;
  };
  CleanScratch scratch;
  CleanCounts counts;
  EXPECT_FALSE(clean("x " + nested(5), {}, scratch, counts).dropped);
  EXPECT_EQ(cleaned("x " + nested(5)), "x");
  const Cleaned result = clean("x " + nested(5000), {}, scratch, counts);
  EXPECT_TRUE(result.dropped);
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(counts.dropped_unsettled, 1);
}

// L-2.10
TEST(Clean, CountsWhatItDid) {
  CleanScratch scratch;
  CleanCounts counts, sum;
  clean("caf\u00C3\u00A9 http://a.b \x02 x\r\ny", {}, scratch, counts);
  EXPECT_EQ(counts.documents, 1);
  EXPECT_EQ(counts.changed, 1);
  EXPECT_EQ(counts.repaired, 1);
  EXPECT_EQ(counts.urls, 1);
  EXPECT_EQ(counts.control_characters, 1);
  EXPECT_EQ(counts.line_ends, 1);
  EXPECT_EQ(counts.bytes_out, static_cast<int64_t>(std::string("caf\u00E9 x\ny").size()));
  clean("as it is", {}, scratch, counts);
  EXPECT_EQ(counts.changed, 1);
  sum += counts;
  sum += counts;
  EXPECT_EQ(sum.documents, 4);
  EXPECT_EQ(sum.to_json().get_int("urls", -1), 2);
}

// L-2.10, L-2.12
TEST(Clean, ItsSettingsAreKeys) {
  CleanSettings settings;
  SettingsTable table;
  describe(table, settings);
  EXPECT_TRUE(table.set_text("remove-urls", {"false"}).ok());
  EXPECT_FALSE(settings.remove_urls);
  EXPECT_TRUE(table.set_text("invalid-utf8", {"drop"}).ok());
  EXPECT_EQ(settings.invalid_utf8, "drop");
  EXPECT_FALSE(table.set_text("invalid-utf8", {"guess"}).ok());
}

}  // namespace
}  // namespace lathe::corpus
