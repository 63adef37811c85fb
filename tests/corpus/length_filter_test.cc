#include "corpus/length_filter.h"

#include <gtest/gtest.h>

namespace lathe::corpus {
namespace {

LengthSettings limits(int64_t least, int64_t most, std::string over_long = "drop") {
  return {least, most, std::move(over_long)};
}

// L-2.16
TEST(LengthFilter, KeepsBetweenTheLimitsOfTheSourceInCharacters) {
  struct Source {
    int64_t least, most;
  };
  for (const Source s : {Source{50, 10000}, {100, 9000}, {100, 50000}, {200, 900000}}) {
    LengthCounts counts;
    const auto verdict = [&](int64_t characters) {
      std::string text;
      for (int64_t i = 0; i < characters; ++i) text += "\u00E9";
      return limit_length(text, limits(s.least, s.most), counts).verdict;
    };
    EXPECT_EQ(verdict(s.least - 1), LengthVerdict::kTooShort);
    EXPECT_EQ(verdict(s.least), LengthVerdict::kKept);
    EXPECT_EQ(verdict(s.most), LengthVerdict::kKept);
    EXPECT_EQ(verdict(s.most + 1), LengthVerdict::kTooLong);
    EXPECT_EQ(counts.seen, 4);
    EXPECT_EQ(counts.too_short, 1);
    EXPECT_EQ(counts.too_long, 1);
    EXPECT_EQ(counts.removed_characters, s.least - 1 + s.most + 1);
  }
}

// L-2.17
TEST(LengthFilter, OverLongTextsAreDroppedOrCutAtAParagraph) {
  const std::string text = "first\nline\n\nsecond\n\nthird paragraph";
  LengthCounts counts;
  EXPECT_EQ(limit_length(text, limits(0, 20), counts).verdict, LengthVerdict::kTooLong);
  const Measured cut = limit_length(text, limits(0, 20, "cut"), counts);
  EXPECT_EQ(cut.verdict, LengthVerdict::kCut);
  EXPECT_EQ(cut.text, "first\nline\n\nsecond");
  EXPECT_EQ(limit_length(text, limits(0, 18, "cut"), counts).text, "first\nline\n\nsecond");
  EXPECT_EQ(limit_length(text, limits(0, 17, "cut"), counts).text, "first\nline");
  EXPECT_EQ(limit_length(text, limits(0, 9, "cut"), counts).text, "first");
  EXPECT_EQ(limit_length(text, limits(0, 4, "cut"), counts).verdict, LengthVerdict::kTooLong);
  EXPECT_EQ(limit_length(text, limits(15, 17, "cut"), counts).verdict, LengthVerdict::kTooLong);
  EXPECT_EQ(counts.cut, 4);
  EXPECT_EQ(counts.too_long, 3);
  EXPECT_EQ(counts.removed_characters, 35 * 3 + (35 - 18) * 2 + (35 - 10) + (35 - 5));
  EXPECT_EQ(limit_length("\u00E9\u00E9\n\u00E9\u00E9", limits(0, 4, "cut"), counts).text, "\u00E9\u00E9");
}

// L-2.17
TEST(LengthFilter, WarnsWhenItTakesMoreThanAFifthOfTheCharacters) {
  LengthCounts counts;
  for (int i = 0; i < 4; ++i) limit_length(std::string(100, 'x'), limits(10, 100), counts);
  limit_length(std::string(100, 'x'), limits(101, 0), counts);
  EXPECT_FALSE(counts.removes_too_much());  // exactly a fifth
  limit_length("short", limits(10, 100), counts);
  EXPECT_TRUE(counts.removes_too_much());
  EXPECT_TRUE(counts.to_json().get_bool("removes_too_much", false));
  LengthCounts twice = counts;
  twice += counts;
  EXPECT_EQ(twice.seen, 12);
  EXPECT_EQ(twice.removed_characters, 210);
}

// L-2.16, L-2.17
TEST(LengthFilter, ItsSettingsAreKeys) {
  LengthSettings settings;
  SettingsTable table;
  describe(table, settings);
  EXPECT_EQ(settings.over_long, "drop");
  EXPECT_TRUE(table.set_text("max-length", {"9000"}).ok());
  EXPECT_EQ(settings.max_length, 9000);
  EXPECT_FALSE(table.set_text("over-long", {"keep"}).ok());
}

}  // namespace
}  // namespace lathe::corpus
